"""The status board: what the daemon knows now. Workers write it; HTTP and the metrics read it."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

from syncd.daemon.state import BindingState, State
from syncd.daemon.tally import Tally
from syncd.reconcile.result import RunResult


class Board:
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
