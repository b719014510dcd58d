"""The status of one binding: every change goes to the status board, and once to the log and the web hook."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from typing import Protocol

import structlog

from syncd.config.schema import Event
from syncd.daemon.error_policy import Cure, Trouble
from syncd.daemon.status_board import StatusBoard
from syncd.engine.result import RunResult
from syncd.model.kinds import Json, iso
from syncd.model.plan import AWAITING
from syncd.store.daemon_registry import BindingState, State

log = structlog.get_logger(__name__)

HELD_WHY = "a person must decide: `syncd status` says what holds it, and what to type"
"""What holds a binding may name classes, which a state must not."""


class Teller(Protocol):
    """What tells others of an event; :class:`syncd.daemon.notify.Notifier`."""

    def tell(self, event: Event, binding: str, document: Mapping[str, Json]) -> None:
        """Keeps what is told, for whoever reads the status; never blocks."""
        ...


class Standing:
    """Thread-safe: a worker and its streams speak to it.

    ``failing``: why the binding fails as far as others were told, and until they are told that it recovered.
    """

    def __init__(self, binding: str, board: StatusBoard, teller: Teller, *, failing: str | None = None) -> None:
        self._board = board
        self._teller = teller
        self._lock = threading.RLock()
        self._state = BindingState(binding)
        self.failing = failing
        self._trouble: Trouble | None = None
        self._held: str | None = None
        board.set(self._state)

    @property
    def state(self) -> BindingState:
        """As it was said last."""
        return self._state

    def _set(self, state: State, **details: object) -> None:
        with self._lock:
            now = datetime.now(timezone.utc)
            since = self._state.since if self._state.state is state else now
            empty: dict[str, object] = {"side": None, "why": None, "next_try": None}
            self._state = replace(self._state, state=state, since=since, **(empty | details))  # type: ignore[arg-type]
            self._board.set(self._state)

    def waking(self, side: str, how: str) -> None:
        """What wakes the binding from now on, on one side."""
        with self._lock:
            self._state = replace(self._state, wake={**self._state.wake, side: how})
            self._board.set(self._state)

    def reconciling(self) -> None:
        """A run has something to do that may take long."""
        self._set(State.RECONCILING)

    def standing_by(self, why: str) -> None:
        """Another daemon is at it."""
        if self._state.state is not State.STANDBY:
            log.info("standing by", why=why)
        self._set(State.STANDBY, why=why)

    def relieved(self, host: str) -> None:
        """Another daemon gets on with what failed here: others need not wait until this one does."""
        log.warning("recovered: another daemon gets on with it", was=self.failing, host=host)
        self._trouble = self.failing = None
        self._teller.tell("recovered", self._state.binding, self._state.as_json())

    def took_over(self) -> None:
        """The daemon's lock is ours."""
        if self._state.state is State.STANDBY:
            log.warning("taking over: no other daemon attends to it any more")
            self._set(State.STARTING)

    def finished(self, result: RunResult, lag_seconds: Mapping[str, float | None]) -> None:
        """A round ended by itself."""
        tell_run(result)
        now = datetime.now(timezone.utc)
        waiting = result.waiting.get(AWAITING, 0)
        with self._lock:
            self._state = replace(self._state, last_success=now, lag_seconds=dict(lag_seconds))
            counts: dict[str, object] = {"open_conflicts": result.open_conflicts, "awaiting_review": waiting}
            if result.held is not None:
                self._set(State.HELD, why=HELD_WHY, **counts)
            else:
                self._set(State.CONFLICTS if result.open_conflicts else State.IN_AGREEMENT, **counts)
        self._tell_finished(result)

    def unchanged(self) -> None:
        """Nothing has moved since a binding was held: it stays so."""
        with self._lock:
            self._state = replace(self._state, last_success=datetime.now(timezone.utc))
            self._board.set(self._state)

    def _tell_finished(self, result: RunResult) -> None:
        document = {**self._state.as_json(), **result.as_json()}
        self._trouble = None
        if self.failing is not None:
            log.warning("recovered", was=self.failing)
            self.failing = None
            self._teller.tell("recovered", result.binding, document)
        if result.held is None and self._held is not None:
            log.warning("no longer held")
        if result.held is not None and self._held is None:
            log.warning("held", why=result.held, remedy=f"See `syncd status {result.binding}`.")
            # Without a row of its own the run found what was held, and told, before this daemon began.
            if result.run_id is not None:
                self._teller.tell("held", result.binding, document)
        self._held = result.held
        if result.to_database or result.to_fiftyone:
            self._teller.tell("applied", result.binding, document)
        if result.opened:
            self._teller.tell("conflict", result.binding, document)

    def troubled(self, trouble: Trouble, next_try: datetime) -> None:
        """A round failed, or none can begin; said once for as long as it is the same."""
        state = State.STOPPED if trouble.cure is Cure.PERSON else State.DEGRADED
        self._set(state, side=trouble.side, why=trouble.why, next_try=next_try)
        first = self.failing is None
        if self._trouble != trouble:
            log.error(
                state.value,
                side=trouble.side,
                why=trouble.why,
                remedy=trouble.remedy,
                next_try=iso(next_try),
            )
        self._trouble, self.failing = trouble, trouble.why
        if first:
            self._teller.tell("failed", self._state.binding, self._state.as_json())


def did_something(result: RunResult) -> bool:
    """Whether a run changed anything anywhere. That it was held is a state of the binding, told when it changes."""
    converged = result.plan.counts.converged if result.plan is not None else 0
    return bool(result.recorded or result.settled or result.opened or (converged and result.held is None))


def tell_run(result: RunResult) -> None:
    """Logs what a run did, in counts, unless it did nothing. The binding is in the line, bound or not."""
    if not did_something(result):
        return
    log.info(
        "reconciled",
        binding=result.binding,
        run=result.run_id,
        mode=result.mode,
        to_database=result.to_database,
        to_fiftyone=result.to_fiftyone,
        superseded=result.superseded,
        refused=result.refused,
        converged=result.plan.counts.converged if result.plan is not None else 0,
        settled=len(result.settled),
        conflicts_opened=result.opened,
        conflicts_open=result.open_conflicts,
        held=result.held is not None,
        seconds=round(result.seconds, 3),
    )
