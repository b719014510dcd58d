"""Which daemon works on a binding, according to the rows of the daemon registry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from syncd.daemon.state import State
from syncd.model.kinds import Json, iso
from syncd.store.daemons import Daemon

WORKING = frozenset({State.IN_AGREEMENT, State.RECONCILING, State.CONFLICTS, State.HELD})
"""States in which a daemon does what it can."""


@dataclass(frozen=True)
class Attendance:
    """A daemon and how it finds the binding. ``standbys`` are the hosts where others stand by.

    ``alive``: it has beaten lately; otherwise ``beat_at`` is when it was last heard of.
    """

    host: str
    pid: int
    alive: bool
    beat_at: datetime
    state: str
    since: str
    side: str | None
    why: str | None
    next_try: str | None
    wake: dict[str, str] = field(default_factory=dict)
    standbys: tuple[str, ...] = ()

    @property
    def gets_on(self) -> bool:
        """Whether the binding is in good hands."""
        return self.alive and self.state in WORKING

    def as_json(self) -> dict[str, Json]:
        """As JSON."""
        return {
            "host": self.host,
            "pid": self.pid,
            "alive": self.alive,
            "beat_at": iso(self.beat_at),
            "state": self.state,
            "since": self.since,
            "side": self.side,
            "why": self.why,
            "next_try": self.next_try,
            "wake": dict(self.wake),
            "standbys": list(self.standbys),
        }


def attendance(daemons: Iterable[Daemon], binding: str, now: datetime) -> Attendance | None:
    """The daemon that attends to the binding, ahead of those that stand by; ``None`` where none has lately."""
    found = [each for each in daemons if binding in each.bindings]
    alive = [each for each in found if each.is_alive(now)]
    standing_by = [each for each in alive if _state(each, binding) == State.STANDBY]
    at_it = [each for each in alive if each not in standing_by] or standing_by or found[:1]
    if not at_it:
        return None
    chosen = at_it[0]
    stands: dict[str, Any] = chosen.bindings[binding]
    return Attendance(
        host=chosen.host,
        pid=chosen.pid,
        alive=chosen in alive,
        beat_at=chosen.beat_at,
        state=str(stands["state"]),
        since=str(stands["since"]),
        side=stands.get("side"),
        why=stands.get("why"),
        next_try=stands.get("next_try"),
        wake=dict(stands.get("wake") or {}),
        standbys=tuple(each.host for each in standing_by if each is not chosen),
    )


def _state(daemon: Daemon, binding: str) -> str:
    return str(daemon.bindings[binding]["state"])
