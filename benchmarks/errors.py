"""What ends a benchmark."""

from __future__ import annotations


class BenchmarkError(Exception):
    """A work did not do what it is measured for: its time would mean nothing."""
