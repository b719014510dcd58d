"""The daemon registry: one row per daemon at work, with its heartbeat and the status of its bindings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.model.kinds import Json
from syncd.store.tables import Tables

ALIVE_WITHIN = timedelta(seconds=45)
"""A daemon whose last beat is older has ended, hangs, or is cut off: it beats every ten seconds."""

FORGOTTEN_AFTER = timedelta(days=7)


@dataclass(frozen=True)
class Daemon:
    """One daemon. ``bindings``: how each stands, by name (:meth:`syncd.daemon.state.BindingState.as_json`)."""

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
