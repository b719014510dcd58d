"""Which changes a report covers, and reading them as columns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection

from syncd.model import LABEL
from syncd.store.tables import Tables


@dataclass(frozen=True)
class Selection:
    """Everything that is given must hold; ``since`` counts, ``until`` is the first moment that does not.

    Times are those of the write (``applied_at``): a change that is still pending has none, and is in no span.
    ``label`` is a label that was given or taken away, alone or with its whole annotation.
    """

    bindings: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    run_id: str | None = None
    actor: str | None = None
    label: str | None = None
    field: str | None = None
    direction: str | None = None

    @property
    def narrows_people(self) -> bool:
        """Whether only some people's changes, or those of one run, are selected."""
        return self.actor is not None or self.run_id is not None

    def clause(self, tables: Tables, dialect: str) -> ColumnElement[bool]:
        """The condition on ``syncd.change``, in the words of the database ``dialect`` (postgresql, sqlite)."""
        table = tables.change
        exact = {"run_id": self.run_id, "actor": self.actor, "field": self.field, "direction": self.direction}
        parts = [table.c[name] == value for name, value in exact.items() if value is not None]
        if self.bindings:
            parts.append(table.c.binding.in_(self.bindings))
        if self.since is not None:
            parts.append(table.c.applied_at >= self.since)
        if self.until is not None:
            parts.append(table.c.applied_at < self.until)
        if self.label is not None:
            ends = (label_in(tables, side, dialect) for side in ("old", "new"))
            parts.append(sa.or_(*(each == self.label for each in ends)))
        return sa.and_(sa.true(), *parts)


def label_in(tables: Tables, side: str, dialect: str) -> ColumnElement[str | None]:
    """The label that a change's ``old`` or ``new`` holds, as text; null for a change of another field."""
    table = tables.change
    value = table.c[side]
    alone: ColumnElement[str | None]
    inside: ColumnElement[str | None]
    if dialect == "postgresql":
        alone, inside = value.op("#>>")(sa.literal_column("'{}'")), value.op("->>")(sa.literal_column(f"'{LABEL}'"))
    else:
        alone, inside = sa.func.json_extract(value, "$"), sa.func.json_extract(value, f"$.{LABEL}")
    return sa.case((table.c.field == LABEL, alone), (table.c.field.is_(None), inside), else_=sa.null())


BATCH = 20_000
MOMENT = pl.Datetime("us", "UTC")

CHANGES: dict[str, pl.DataType] = {
    "seq": pl.Int64(),
    "run_id": pl.String(),
    "binding": pl.String(),
    "annotation_id": pl.String(),
    "sample_id": pl.String(),
    "label_id": pl.String(),
    "direction": pl.String(),
    "action": pl.String(),
    "field": pl.String(),
    "old": pl.String(),
    "new": pl.String(),
    "reason": pl.String(),
    "actor": pl.String(),
    "edited_at": MOMENT,
    "applied_at": MOMENT,
    "status": pl.String(),
    "undo_of": pl.Int64(),
    "hash": pl.String(),
    "old_label": pl.String(),
    "new_label": pl.String(),
}
"""The columns of ``syncd.change``, ``old`` and ``new`` as JSON text, and the labels that they hold."""


def changes(connection: Connection, tables: Tables, selection: Selection) -> pl.DataFrame:
    """The selected changes in order of ``seq``, with the columns of ``CHANGES``; read in pieces."""
    dialect = connection.dialect.name
    made: dict[str, ColumnElement[Any]] = {
        "old": sa.cast(tables.change.c.old, sa.Text),
        "new": sa.cast(tables.change.c.new, sa.Text),
        "old_label": label_in(tables, "old", dialect),
        "new_label": label_in(tables, "new", dialect),
    }
    columns = [(made[name] if name in made else tables.change.c[name]).label(name) for name in CHANGES]
    chosen = sa.select(*columns).where(selection.clause(tables, dialect)).order_by(tables.change.c.seq)
    result = connection.execute(chosen.execution_options(yield_per=BATCH))
    pieces = [_frame([tuple(row) for row in rows]) for rows in result.partitions()]
    return pl.concat([_frame([]), *pieces])


def _frame(rows: list[tuple[object, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=CHANGES, orient="row")
