"""The daemon registry: one row per daemon at work, with its heartbeat and the status of its bindings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.model.kinds import Json, iso
from syncd.store.tables import Tables


class State(str, Enum):
    """What a binding is at. ``STOPPED`` waits for a person, ``DEGRADED`` for a server, ``STANDBY`` for the lock."""

    IN_AGREEMENT = "in_agreement"
    RECONCILING = "reconciling"
    CONFLICTS = "conflicts"
    HELD = "held"
    DEGRADED = "degraded"
    STOPPED = "stopped"
    STANDBY = "standby"
    STARTING = "starting"


def _now() -> datetime:
    return datetime.now(timezone.utc)


@dataclass(frozen=True)
class BindingState:
    """One binding's state. Times are UTC.

    ``since``: when this state began. ``side``: where a degraded one fails ("fiftyone", "database", "state"). ``why``: a
    sentence without secrets and label content. ``lag_seconds``: by side, how far behind it was read at ``last_success``
    (who shows it adds the time since). ``wake``: by side, what wakes the binding ("stream",
    "notify", "poll").
    """

    binding: str
    state: State = State.STARTING
    since: datetime = field(default_factory=_now)
    side: str | None = None
    why: str | None = None
    next_try: datetime | None = None
    last_success: datetime | None = None
    open_conflicts: int = 0
    awaiting_review: int = 0
    lag_seconds: Mapping[str, float | None] = field(default_factory=dict)
    wake: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Json]:
        """The state as JSON."""
        return {
            "binding": self.binding,
            "state": self.state.value,
            "since": iso(self.since),
            "side": self.side,
            "why": self.why,
            "next_try": _text(self.next_try),
            "last_success": _text(self.last_success),
            "conflicts": {"open": self.open_conflicts},
            "awaiting_review": self.awaiting_review,
            "lag_seconds": dict(self.lag_seconds),
            "wake": dict(self.wake),
        }


def _text(at: datetime | None) -> str | None:
    return None if at is None else iso(at)


ALIVE_WITHIN = timedelta(seconds=45)
"""A daemon whose last beat is older has ended, hangs, or is cut off: it beats every ten seconds."""

FORGOTTEN_AFTER = timedelta(days=7)


@dataclass(frozen=True)
class Daemon:
    """One daemon. ``bindings``: how each stands, by name (:meth:`syncd.store.daemon_registry.BindingState.as_json`)."""

    id: str
    host: str
    pid: int
    started_at: datetime
    beat_at: datetime
    bindings: dict[str, Any]

    def is_alive(self, now: datetime) -> bool:
        """Whether it has beaten lately."""
        # One that was heard of in the future was heard of while the clock was ahead.
        return abs(now - self.beat_at) <= ALIVE_WITHIN


def beat(
    connection: Connection,
    tables: Tables,
    daemon: str,
    *,
    host: str,
    pid: int,
    started_at: datetime,
    at: datetime,
    bindings: dict[str, Json],
) -> None:
    """Writes a daemon's row, inside the caller's transaction; rows of those long gone are deleted."""
    table = tables.daemon
    values = {"beat_at": at, "bindings": bindings}
    done = connection.execute(sa.update(table).where(table.c.id == daemon).values(values))
    if done.rowcount:
        return
    connection.execute(sa.delete(table).where(table.c.beat_at < at - FORGOTTEN_AFTER))
    connection.execute(sa.insert(table).values(id=daemon, host=host, pid=pid, started_at=started_at, **values))


def leave(connection: Connection, tables: Tables, daemon: str) -> None:
    """Deletes the row of a daemon that ends in order, inside the caller's transaction."""
    connection.execute(sa.delete(tables.daemon).where(tables.daemon.c.id == daemon))


def known(connection: Connection, tables: Tables) -> list[Daemon]:
    """All that are at work or have died lately, the last heard of first."""
    table = tables.daemon
    rows = connection.execute(sa.select(table).order_by(table.c.beat_at.desc())).mappings()
    return [
        Daemon(
            id=row["id"],
            host=row["host"],
            pid=row["pid"],
            started_at=_aware(row["started_at"]),
            beat_at=_aware(row["beat_at"]),
            bindings=dict(row["bindings"]),
        )
        for row in rows
    ]


def _aware(moment: datetime) -> datetime:
    """SQLite forgets the zone; what is stored is UTC."""
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=timezone.utc)


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
