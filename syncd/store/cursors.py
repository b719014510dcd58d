"""Cursors: how far each side has been read, and what the side was then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone

import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.model import Side
from syncd.store.tables import Tables


@dataclass(frozen=True)
class Cursor:
    """One side's cursor.

    ``position`` is the server's clock when the last read began; ``swept_at`` the last time the whole side was read;
    ``identity``, ``rows`` and ``deleted_at`` are its origin then. ``captured`` is how far what triggers record was read
    (:mod:`syncd.store.capture_read`); ``None`` where none do. ``left_alone`` are the annotations that were not judged:
    what named them may not name them again. ``put_off`` are the samples where that was so, each with the time since
    which it is: of the former the database's cursor tells, of the latter FiftyOne's. ``rules`` is the fingerprint of
    what the table takes, by which it has refused what it refused.
    """

    side: Side
    position: datetime | None
    identity: str
    rows: int | None
    deleted_at: datetime | None
    mapping: str
    swept_at: datetime | None
    captured: str | None = None
    left_alone: frozenset[str] = frozenset()
    put_off: Mapping[str, datetime] = field(default_factory=dict)
    rules: str | None = None


def load(connection: Connection, tables: Tables, binding: str) -> dict[Side, Cursor]:
    """The cursors of a binding by side; empty before its first run."""
    table = tables.cursor
    found = connection.execute(sa.select(table).where(table.c.binding == binding)).mappings()
    return {
        Side(row["side"]): Cursor(
            side=Side(row["side"]),
            position=_aware(row["position"]),
            identity=row["identity"],
            rows=row["rows"],
            deleted_at=_aware(row["deleted_at"]),
            mapping=row["mapping"],
            swept_at=_aware(row["swept_at"]),
            captured=row["captured"],
            left_alone=frozenset(row["left_alone"] or ()),
            put_off={sample: datetime.fromisoformat(at) for sample, at in (row["put_off"] or {}).items()},
            rules=row["rules"],
        )
        for row in found
    }


def save(connection: Connection, tables: Tables, binding: str, cursor: Cursor) -> None:
    """Replaces one side's cursor, inside the caller's transaction."""
    table = tables.cursor
    connection.execute(sa.delete(table).where(table.c.binding == binding, table.c.side == cursor.side.value))
    connection.execute(
        sa.insert(table).values(
            binding=binding,
            side=cursor.side.value,
            position=cursor.position,
            identity=cursor.identity,
            rows=cursor.rows,
            deleted_at=cursor.deleted_at,
            mapping=cursor.mapping,
            swept_at=cursor.swept_at,
            captured=cursor.captured,
            left_alone=sorted(cursor.left_alone) or None,
            put_off={sample: cursor.put_off[sample].isoformat() for sample in sorted(cursor.put_off)} or None,
            rules=cursor.rules,
        )
    )


def forget(connection: Connection, tables: Tables, binding: str) -> None:
    """Forgets how far the binding was read, inside the caller's transaction: the next run is a first one."""
    connection.execute(sa.delete(tables.cursor).where(tables.cursor.c.binding == binding))


def _aware(moment: datetime | None) -> datetime | None:
    """SQLite forgets the zone; what is stored is UTC."""
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=timezone.utc)
