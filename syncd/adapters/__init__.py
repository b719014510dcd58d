"""Adapters: one package per system that syncd reads and writes, behind :mod:`syncd.adapters.base`."""
