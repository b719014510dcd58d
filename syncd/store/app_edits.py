"""What people sent by hand through the layer around FiftyOne's App: who, which label, which value."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl
import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.adapters.sql.arrays import any_of
from syncd.diff.inputs import SENT_SCHEMA
from syncd.model.kinds import Json, storable
from syncd.model.result import Status
from syncd.store.tables import Tables

KEPT = timedelta(days=7)
"""How long an edit is remembered that no run has carried: as long as a daemon may be down and still name its author."""


@dataclass(frozen=True)
class AppEdit:
    """One field of one label as a window sent it; without ``field`` the label itself, ``added`` or ``removed``.

    ``resent``: the window sent it of its own accord; ``None``: that cannot be told. ``actor`` is ``None`` where nobody
    is known.
    """

    binding: str
    annotation_id: str | None
    sample_id: str
    label_id: str
    field: str | None
    value: Json
    resent: bool | None
    actor: str | None


def record(connection: Connection, tables: Tables, edits: Sequence[AppEdit], at: datetime) -> None:
    """Remembers edits, and forgets those of the same bindings that are too old."""
    table = tables.app_edit
    rows = [vars(each) | {"value": storable(each.value), "sent_at": at} for each in edits]
    connection.execute(sa.insert(table), rows)
    for binding in sorted({each.binding for each in edits}):
        connection.execute(sa.delete(table).where(table.c.binding == binding, table.c.sent_at < at - KEPT))


def load(connection: Connection, tables: Tables, binding: str, ids: Collection[str] | None) -> pl.DataFrame:
    """The edits that no run has carried since (:data:`syncd.diff.inputs.SENT_SCHEMA`).

    ``ids`` says which annotations matter (``None``: all); labels without an id always do.
    """
    table, change, run = tables.app_edit, tables.change, tables.run
    carried = (
        sa.exists()
        .where(
            change.c.binding == binding,
            change.c.annotation_id == table.c.annotation_id,
            change.c.field.is_not_distinct_from(table.c.field),
            change.c.status == Status.APPLIED,
            run.c.id == change.c.run_id,
            run.c.started_at >= table.c.sent_at,
        )
        .correlate(table)
    )
    value = sa.func.coalesce(sa.cast(table.c.value, sa.Text), "null")
    chosen = sa.select(
        table.c.sample_id, table.c.label_id, table.c.field, value, table.c.resent, table.c.actor, table.c.id
    ).where(table.c.binding == binding, ~carried)
    if ids is not None and connection.dialect.name == "postgresql":
        named = any_of(sorted(each for each in ids if "\x00" not in each))
        chosen = chosen.where(table.c.annotation_id.is_(None) | (table.c.annotation_id == named))
    rows = [tuple(row) for row in connection.execute(chosen.order_by(table.c.id))]
    return pl.DataFrame(rows, schema=SENT_SCHEMA, orient="row")
