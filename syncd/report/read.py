"""Reads the selected changes as columns."""

from __future__ import annotations

from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection

from syncd.report.selection import Selection, label_in
from syncd.store.tables import Tables

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
