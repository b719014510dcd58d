"""What syncd itself did lately, as the diff takes it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.diff.inputs import WRITTEN_SCHEMA, History
from syncd.model import Action, Direction, dumps
from syncd.store import conflicts
from syncd.store.changes import ABANDONED, APPLIED, SUPERSEDED
from syncd.store.tables import Tables


def load(connection: Connection, tables: Tables, binding: str, since: datetime) -> History:
    """What was written to FiftyOne since then, the open conflicts, and ids minted for rows that never came to be."""
    return History(
        written=_written(connection, tables, binding, since),
        open_conflicts=conflicts.open_frame(connection, tables, binding),
        minted=_minted(connection, tables, binding),
    )


def _written(connection: Connection, tables: Tables, binding: str, since: datetime) -> pl.DataFrame:
    table = tables.change
    chosen = sa.select(table.c.annotation_id, table.c.field, table.c.action, table.c.old, table.c.reason).where(
        table.c.binding == binding,
        table.c.status == APPLIED,
        table.c.direction == Direction.TO_FIFTYONE.value,
        table.c.applied_at >= since,
    )
    rows = [_written_row(row) for row in connection.execute(chosen).mappings()]
    return pl.DataFrame(rows, schema=WRITTEN_SCHEMA, orient="row")


def _written_row(row: sa.RowMapping) -> tuple[Any, ...]:
    old = json.dumps(row["old"]) if row["field"] is not None else dumps(None)
    return (row["annotation_id"], row["field"], row["action"], old, row["reason"])


def _minted(connection: Connection, tables: Tables, binding: str) -> frozenset[str]:
    table = tables.change
    chosen = sa.select(table.c.annotation_id).where(
        table.c.binding == binding,
        table.c.action == Action.INSERT.value,
        table.c.direction == Direction.TO_DATABASE.value,
        table.c.status.in_([ABANDONED, SUPERSEDED]),
        table.c.annotation_id.is_not(None),
    )
    return frozenset(connection.execute(chosen).scalars())
