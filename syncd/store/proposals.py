"""Terms that reviewers propose for a vocabulary, each open until a curator accepts or rejects it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.store.tables import Tables

OPEN, ACCEPTED, REJECTED = "open", "accepted", "rejected"


def propose(
    connection: Connection,
    tables: Tables,
    binding: str,
    term: str,
    *,
    parent: str | None,
    note: str | None,
    actor: str,
    at: datetime,
) -> int:
    """Records a proposal inside the caller's transaction; returns its id, or that of the one that is open already."""
    table = tables.proposal
    known = connection.execute(
        sa.select(table.c.id).where(table.c.binding == binding, table.c.term == term, table.c.status == OPEN)
    ).scalar_one_or_none()
    if known is not None:
        return int(known)
    values = {"binding": binding, "term": term, "parent": parent, "note": note, "actor": actor}
    made = connection.execute(
        sa.insert(table).values(**values, status=OPEN, proposed_at=at).returning(table.c.id)
    ).scalar_one()
    return int(made)


def query(
    connection: Connection,
    tables: Tables,
    *,
    bindings: Sequence[str] = (),
    ids: Sequence[int] = (),
    status: str | None = OPEN,
) -> list[dict[str, Any]]:
    """Proposals that match, the oldest first; ``status=None`` takes them all."""
    table = tables.proposal
    chosen = sa.select(table)
    if bindings:
        chosen = chosen.where(table.c.binding.in_(bindings))
    if ids:
        chosen = chosen.where(table.c.id.in_(ids))
    if status is not None:
        chosen = chosen.where(table.c.status == status)
    return [dict(row) for row in connection.execute(chosen.order_by(table.c.binding, table.c.id)).mappings()]


def decide(
    connection: Connection, tables: Tables, number: int, status: str, *, actor: str, answer: str | None, at: datetime
) -> bool:
    """Closes a proposal as far as it is open, inside the caller's transaction; whether it was."""
    table = tables.proposal
    closed = connection.execute(
        sa.update(table)
        .where(table.c.id == number, table.c.status == OPEN)
        .values(status=status, decided_by=actor, decided_at=at, answer=answer)
    )
    return closed.rowcount > 0
