"""Tator, an annotation server, over plain HTTP (docs/stores.md)."""
