"""Held plans: what a brake stopped, kept until a person applies or drops it, or until a run is no longer held."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.model import Plan
from syncd.model.kinds import Json, storable
from syncd.store.tables import Tables


@dataclass(frozen=True)
class HeldPlan:
    """The plan that a binding is held by.

    ``run_id`` and ``held_at`` are those of the run that first stopped it; ``noticed`` is the digest of what that run
    had planned, ``digest`` that of the plan that applying it means (both sides read completely). ``content`` is that
    plan for people, as in a plan file.
    """

    binding: str
    run_id: str
    held_at: datetime
    reason: str
    noticed: str
    digest: str
    content: dict[str, Any]

    @property
    def changes(self) -> list[dict[str, Any]]:
        """The changes that were stopped, as JSON."""
        return list(self.content.get("changes", ()))


def load(connection: Connection, tables: Tables, binding: str) -> HeldPlan | None:
    """The plan that holds a binding, if there is one."""
    table = tables.held
    row = connection.execute(sa.select(table).where(table.c.binding == binding)).mappings().first()
    if row is None:
        return None
    # SQLite forgets the zone; what is stored is UTC.
    at = row["held_at"] if row["held_at"].tzinfo else row["held_at"].replace(tzinfo=timezone.utc)
    return HeldPlan(binding, row["run_id"], at, row["reason"], row["noticed"], row["digest"], dict(row["plan"]))


def mark(connection: Connection, tables: Tables, binding: str) -> tuple[str, str] | None:
    """(run, digest) of the plan that holds a binding: what tells it from another, without reading it."""
    table = tables.held
    row = connection.execute(sa.select(table.c.run_id, table.c.digest).where(table.c.binding == binding)).first()
    return None if row is None else (str(row[0]), str(row[1]))


def mode(connection: Connection, tables: Tables, binding: str) -> str | None:
    """How the run had read that first stopped the plan which holds a binding."""
    table, run = tables.held, tables.run
    chosen = sa.select(run.c.mode).join(table, table.c.run_id == run.c.id).where(table.c.binding == binding)
    return connection.execute(chosen).scalar_one_or_none()


def save(
    connection: Connection,
    tables: Tables,
    run_id: str,
    at: datetime,
    noticed: Plan,
    plan: Plan,
    content: dict[str, Json],
) -> None:
    """Keeps a plan instead of any other of its binding, inside the caller's transaction.

    One that was held already stays as it is, with the run that stopped it first.
    """
    before = load(connection, tables, plan.binding)
    if before is not None and before.digest == plan.digest:
        same = tables.held.c.binding == plan.binding
        connection.execute(sa.update(tables.held).where(same).values(noticed=noticed.digest))
        return
    drop(connection, tables, plan.binding)
    connection.execute(
        sa.insert(tables.held).values(
            binding=plan.binding,
            run_id=run_id,
            held_at=at,
            reason=noticed.held,
            noticed=noticed.digest,
            digest=plan.digest,
            plan=storable(content),
        )
    )


def drop(connection: Connection, tables: Tables, binding: str) -> bool:
    """Forgets the binding's held plan, inside the caller's transaction; whether there was one."""
    return connection.execute(sa.delete(tables.held).where(tables.held.c.binding == binding)).rowcount > 0


def bindings_of(connection: Connection, tables: Tables, text: str) -> list[str]:
    """The bindings whose held plan was stopped by a run whose id begins with that text."""
    table = tables.held
    chosen = sa.select(table.c.binding).where(table.c.run_id.startswith(text, autoescape=True))
    return list(connection.execute(chosen.order_by(table.c.binding)).scalars())
