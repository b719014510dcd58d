"""What syncd itself did lately, as the diff takes it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.adapters.sql.arrays import any_of
from syncd.diff.findings import DRAWN
from syncd.diff.inputs import HALF_SCHEMA, WRITTEN_SCHEMA, History
from syncd.diff.wishes import BY_TAG
from syncd.model import Action, Direction
from syncd.store import answered, conflicts
from syncd.store.changes import ABANDONED, APPLIED, PENDING
from syncd.store.tables import Tables


def load(
    connection: Connection, tables: Tables, binding: str, since: datetime, ids: Collection[str] | None = None
) -> History:
    """What was written to FiftyOne since then, the open conflicts, and ids meant for rows that never came to be.

    ``ids`` says which annotations matter (``None``: all of them).
    """
    written = _written(connection, tables, binding, since, ids)
    open_conflicts, refused = conflicts.open_frames(connection, tables, binding)
    return History(
        written=written,
        open_conflicts=open_conflicts,
        refused=refused,
        minted=_minted(connection, tables, binding),
        answered=answered.load(connection, tables, binding, ids),
        halves=_halves(connection, tables, binding, since, written.filter(pl.col("reason").is_in(BY_TAG))),
    )


def remembered_ids(connection: Connection, tables: Tables, binding: str, ids: Collection[str]) -> set[str]:
    """The annotations of which something is remembered that may be over by now, whatever their labels say.

    A conflict is open, an edit waited, or a tag had its effect; of tags only as far as these ``ids`` bear them.
    """

    def named_in(table: sa.Table, *conditions: sa.ColumnElement[bool]) -> set[str]:
        chosen = sa.select(table.c.annotation_id).where(table.c.binding == binding, table.c.annotation_id.is_not(None))
        return set(connection.execute(chosen.where(*conditions)).scalars())

    found = named_in(tables.conflict, tables.conflict.c.status == conflicts.OPEN) | named_in(tables.waiting)
    if answered.are_any(connection, tables, binding):
        found |= set(answered.load(connection, tables, binding, ids)["annotation_id"])
    return found


def _written(
    connection: Connection, tables: Tables, binding: str, since: datetime, ids: Collection[str] | None
) -> pl.DataFrame:
    table = tables.change
    chosen = sa.select(
        table.c.annotation_id,
        table.c.field,
        table.c.action,
        _text(table.c.old),
        table.c.reason,
    ).where(
        table.c.binding == binding,
        table.c.status == APPLIED,
        table.c.direction == Direction.TO_FIFTYONE.value,
        table.c.applied_at >= since,
    )
    return _frame(connection, _about(connection, chosen, table, ids), WRITTEN_SCHEMA)


def _halves(
    connection: Connection, tables: Tables, binding: str, since: datetime, by_tag: pl.DataFrame
) -> pl.DataFrame:
    """What tags asked for and was not written to the database, nor anything else to that field since."""
    if by_tag.is_empty():
        return pl.DataFrame(schema=HALF_SCHEMA)
    table, later = tables.change, tables.change.alias()
    written_since = sa.exists().where(
        later.c.binding == binding,
        later.c.annotation_id == table.c.annotation_id,
        later.c.field == table.c.field,
        later.c.direction == Direction.TO_DATABASE.value,
        later.c.status == APPLIED,
        later.c.seq > table.c.seq,
    )
    chosen = sa.select(
        table.c.annotation_id, table.c.field, _text(table.c.old), _text(table.c.new), table.c.reason
    ).where(
        table.c.binding == binding,
        table.c.status == ABANDONED,
        table.c.direction == Direction.TO_DATABASE.value,
        table.c.reason.in_(BY_TAG),
        table.c.applied_at >= since,
        ~written_since,
    )
    ids = by_tag["annotation_id"].drop_nulls().unique().to_list()
    return _frame(connection, _about(connection, chosen, table, ids), HALF_SCHEMA)


def _about(
    connection: Connection, chosen: sa.Select[Any], table: sa.Table, ids: Collection[str] | None
) -> sa.Select[Any]:
    """Only what is about these annotations, where the database can be told all of them at once."""
    if ids is None or connection.dialect.name != "postgresql":
        return chosen
    askable = sorted(each for each in ids if "\x00" not in each)
    return chosen.where(table.c.annotation_id == any_of(askable))


def _text(content: sa.Column[Any]) -> sa.ColumnElement[str]:
    """The text as it stands: nothing is gained by taking it apart and writing it again."""
    return sa.func.coalesce(sa.cast(content, sa.Text), "null")


def _frame(connection: Connection, chosen: sa.Select[Any], schema: dict[str, pl.DataType]) -> pl.DataFrame:
    return pl.DataFrame([tuple(row) for row in connection.execute(chosen)], schema=schema, orient="row")


def _minted(connection: Connection, tables: Tables, binding: str) -> frozenset[tuple[str, str]]:
    """(annotation id, label id) of drawn labels that no insert ever brought into the database under that id.

    An id that was in it, and was deleted there later, is no such id. What is still pending is settled first.
    """
    table = tables.change
    landed = sa.func.max(sa.case((table.c.status.in_((APPLIED, PENDING)), 1), else_=0))
    chosen = (
        sa.select(table.c.annotation_id, sa.func.max(table.c.label_id))
        .where(
            table.c.binding == binding,
            # Literals, so that the planner sees that the partial index has them all.
            table.c.action == sa.literal_column(f"'{Action.INSERT.value}'"),
            table.c.direction == sa.literal_column(f"'{Direction.TO_DATABASE.value}'"),
            table.c.annotation_id.is_not(None),
            table.c.label_id.is_not(None),
            table.c.reason == DRAWN,
        )
        .group_by(table.c.annotation_id)
        .having(landed == 0)
    )
    return frozenset((name, label) for name, label in connection.execute(chosen))
