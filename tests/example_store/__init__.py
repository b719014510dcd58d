"""A whole adapter, as docs/stores.md explains it: annotations in one JSON file."""
