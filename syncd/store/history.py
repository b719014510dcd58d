"""What syncd itself did lately, as the diff takes it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import polars as pl
import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.diff.inputs import WRITTEN_SCHEMA, History
from syncd.model import Action, Direction
from syncd.store import answered, conflicts
from syncd.store.changes import APPLIED
from syncd.store.tables import Tables


def load(
    connection: Connection, tables: Tables, binding: str, since: datetime, ids: Collection[str] | None = None
) -> History:
    """What was written to FiftyOne since then, the open conflicts, and ids minted for rows that never came to be.

    ``ids`` says which annotations matter (``None``: all of them).
    """
    return History(
        written=_written(connection, tables, binding, since, ids),
        open_conflicts=conflicts.open_frame(connection, tables, binding),
        minted=_minted(connection, tables, binding),
        answered=answered.load(connection, tables, binding, ids),
    )


def _written(
    connection: Connection, tables: Tables, binding: str, since: datetime, ids: Collection[str] | None
) -> pl.DataFrame:
    table = tables.change
    # The text as it stands: nothing is gained by taking it apart and writing it again.
    old = sa.func.coalesce(sa.cast(table.c.old, sa.Text), "null")
    chosen = sa.select(
        table.c.annotation_id,
        table.c.field,
        table.c.action,
        old,
        table.c.reason,
    ).where(
        table.c.binding == binding,
        table.c.status == APPLIED,
        table.c.direction == Direction.TO_FIFTYONE.value,
        table.c.applied_at >= since,
    )
    if ids is not None and connection.dialect.name == "postgresql":
        askable = sorted(each for each in ids if "\x00" not in each)
        chosen = chosen.where(table.c.annotation_id == sa.any_(sa.cast(askable, sa.ARRAY(sa.Text))))
    rows = [tuple(row) for row in connection.execute(chosen)]
    return pl.DataFrame(rows, schema=WRITTEN_SCHEMA, orient="row")


def _minted(connection: Connection, tables: Tables, binding: str) -> frozenset[str]:
    """Ids that no insert ever brought into the database; one that did, and was deleted there later, is no such id."""
    table = tables.change
    landed = sa.func.max(sa.case((table.c.status == APPLIED, 1), else_=0))
    chosen = (
        sa.select(table.c.annotation_id)
        .where(
            table.c.binding == binding,
            # Literals, so that the planner sees that the partial index has them all.
            table.c.action == sa.literal_column(f"'{Action.INSERT.value}'"),
            table.c.direction == sa.literal_column(f"'{Direction.TO_DATABASE.value}'"),
            table.c.annotation_id.is_not(None),
        )
        .group_by(table.c.annotation_id)
        .having(landed == 0)
    )
    return frozenset(connection.execute(chosen).scalars())
