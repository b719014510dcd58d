"""Counts what a binding's runs did since the daemon started: the figures behind its metrics."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from syncd.model import Direction
from syncd.reconcile.result import RunResult
from syncd.store import runs

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
"""Upper bounds of the histograms of seconds: an unchanged poll takes some tens of milliseconds, a sweep minutes."""

UNKNOWN_MODE = "unknown"
"""Mode of a run that failed before it had chosen one."""


@dataclass
class Spread:
    """A histogram of seconds. ``counts`` has one more entry than ``BUCKETS_S``: what lies beyond the last bound."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_S) + 1))
    total_s: float = 0.0

    def add(self, seconds: float) -> None:
        """Counts one duration; a bound belongs to its own bucket."""
        self.counts[bisect_left(BUCKETS_S, seconds)] += 1
        self.total_s += seconds


@dataclass
class Tally:
    """``runs`` by outcome (done, held, failed) and mode; ``changes`` by direction; ``phases`` by name."""

    runs: Counter[tuple[str, str]] = field(default_factory=Counter)
    changes: Counter[Direction] = field(
        default_factory=lambda: Counter({Direction.TO_DATABASE: 0, Direction.TO_FIFTYONE: 0})
    )
    superseded: int = 0
    refused: int = 0
    conflicts_opened: int = 0
    phases: dict[str, Spread] = field(default_factory=dict)

    def count(self, result: RunResult, phases: Mapping[str, float]) -> None:
        """Adds a run that ended by itself, and what each phase of it took, in seconds."""
        self.runs[runs.DONE if result.held is None else runs.HELD, result.mode] += 1
        self.changes[Direction.TO_DATABASE] += result.to_database
        self.changes[Direction.TO_FIFTYONE] += result.to_fiftyone
        self.superseded += result.superseded
        self.refused += result.refused
        self.conflicts_opened += result.opened
        for name, seconds in phases.items():
            self.phases.setdefault(name, Spread()).add(seconds)

    def count_failed(self, mode: str | None) -> None:
        """Adds a run that an error ended."""
        self.runs[runs.FAILED, mode or UNKNOWN_MODE] += 1
