"""What is measured, in the order in which it is: nothing changed, then edits, then what other tools do."""

from __future__ import annotations

from benchmarks.works import bare, edited, embedding, ingest, relabelled, reviewed, scripts, told, tried, unchanged
from benchmarks.works.work import Work

FIRST = unchanged.FIRST
"""Always runs: without a baseline there is nothing else to measure."""

WORKS: tuple[Work, ...] = (
    FIRST,
    *bare.READS,
    *unchanged.WORKS,
    *bare.WRITES,
    *edited.WORKS,
    *reviewed.WORKS,
    *relabelled.WORKS,
    unchanged.VERIFY,
    *ingest.WORKS,
    *told.WORKS,
    *tried.WORKS,
    *scripts.WORKS,
    *embedding.WORKS,
)

__all__ = ["FIRST", "WORKS", "Work", "by_name"]


def by_name(name: str) -> Work:
    """The work of that name; ``KeyError`` where there is none."""
    return {each.name: each for each in WORKS}[name]
