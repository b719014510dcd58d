"""Cursors: how far each side has been read, and what the side was then."""

from __future__ import annotations

from dataclasses import dataclass
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
    (:mod:`syncd.capture.read`); ``None`` where none do. ``left_alone`` are the annotations that were not judged: what
    named them may not name them again. ``rules`` is the fingerprint of what the table takes, by
    which it has refused what it refused; it stands behind the mapping's.
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
    rules: str | None = None


TAKES = ";takes="
"""What stands between the fingerprint of a mapping and that of what the table takes."""


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
            mapping=row["mapping"].partition(TAKES)[0],
            swept_at=_aware(row["swept_at"]),
            captured=row["captured"],
            left_alone=frozenset(row["left_alone"] or ()),
            rules=row["mapping"].partition(TAKES)[2] or None,
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
            mapping=cursor.mapping if cursor.rules is None else f"{cursor.mapping}{TAKES}{cursor.rules}",
            swept_at=cursor.swept_at,
            captured=cursor.captured,
            left_alone=sorted(cursor.left_alone) or None,
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
