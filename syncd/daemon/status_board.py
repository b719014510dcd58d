"""The status board: what the daemon knows now. Workers write it; HTTP and the metrics read it."""

from __future__ import annotations

import copy
import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from syncd.engine.result import RunResult
from syncd.model import Direction
from syncd.model.run import RunStatus
from syncd.store.daemon_registry import BindingState, State


class StatusBoard:
    """Thread-safe. A binding is on the board from its first ``set`` or ``beat`` until ``forget``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begun = _now()
        self._states: dict[str, BindingState] = {}
        self._tallies: dict[str, Tally] = {}
        self._beats: dict[str, float] = {}

    def set(self, state: BindingState) -> None:
        """Says how a binding stands from now on."""
        with self._lock:
            self._states[state.binding] = state
            self._beats.setdefault(state.binding, time.monotonic())

    def get(self, binding: str) -> BindingState:
        """How a binding stands; one that nobody has spoken of is starting."""
        with self._lock:
            return self._states.get(binding) or BindingState(binding, since=self._begun)

    def all(self) -> tuple[BindingState, ...]:
        """How each binding stands, by name."""
        with self._lock:
            return tuple(self._states[name] for name in sorted(self._states))

    def forget(self, binding: str) -> None:
        """Takes a binding off the board: a new configuration has it no more. Its counts go with it."""
        with self._lock:
            for kept in (self._states, self._tallies, self._beats):
                kept.pop(binding, None)

    def finished(self, result: RunResult, phases: Mapping[str, float]) -> None:
        """Counts a run that ended by itself; ``phases`` in seconds, by name."""
        with self._lock:
            self._tallies.setdefault(result.binding, Tally()).count(result, phases)

    def failed(self, binding: str, mode: str | None = None) -> None:
        """Counts a run that an error ended; ``mode`` where it is known."""
        with self._lock:
            self._tallies.setdefault(binding, Tally()).count_failed(mode)

    def tallies(self) -> dict[str, Tally]:
        """The counts so far, by binding: copies."""
        with self._lock:
            return copy.deepcopy(self._tallies)

    def beat(self, binding: str) -> None:
        """A worker says that it is alive: at least every few seconds, waiting and working alike."""
        with self._lock:
            self._beats[binding] = time.monotonic()

    def oldest_beat(self) -> datetime:
        """The beat of the worker that has been silent longest, UTC; now, where there is none to wait for.

        A stopped binding has no worker that could beat: it waits for a person. A clock that was set changes no silence.
        """
        with self._lock:
            now = time.monotonic()
            oldest = min((at for name, at in self._beats.items() if not self._is_stopped(name)), default=now)
        return _now() - timedelta(seconds=now - oldest)

    def _is_stopped(self, binding: str) -> bool:
        state = self._states.get(binding)
        return state is not None and state.state is State.STOPPED


def _now() -> datetime:
    return datetime.now(timezone.utc)


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
        self.runs[RunStatus.DONE if result.held is None else RunStatus.HELD, result.mode] += 1
        self.changes[Direction.TO_DATABASE] += result.to_database
        self.changes[Direction.TO_FIFTYONE] += result.to_fiftyone
        self.superseded += result.superseded
        self.refused += result.refused
        self.conflicts_opened += result.opened
        for name, seconds in phases.items():
            self.phases.setdefault(name, Spread()).add(seconds)

    def count_failed(self, mode: str | None) -> None:
        """Adds a run that an error ended."""
        self.runs[RunStatus.FAILED, mode or UNKNOWN_MODE] += 1


NAMES = {
    "looking for changes": "reading",
    "reading FiftyOne and the database": "reading",
    "comparing": "comparing",
    "applying": "applying",
}
"""What a run says of its progress, as a phase."""


class Phases:
    """A clock that is told when each phase begins."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._name: str | None = None
        self._since = time.monotonic()

    def enter(self, progress: str) -> None:
        """A phase begins, and the one before it ends."""
        self._leave()
        self._name = NAMES.get(progress, progress)

    def _leave(self) -> None:
        now = time.monotonic()
        if self._name is not None:
            self._seconds[self._name] = self._seconds.get(self._name, 0.0) + now - self._since
        self._since = now

    def seconds(self) -> dict[str, float]:
        """Seconds by phase so far; the phase under way ends here."""
        self._leave()
        self._name = None
        return dict(self._seconds)
