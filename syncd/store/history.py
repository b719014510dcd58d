"""Reads the history that the diff uses: what syncd itself did lately."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.adapters.sql.arrays import any_of
from syncd.diff.inputs import EARLIER_SCHEMA, HALF_SCHEMA, UNFILLED_SCHEMA, WAITING_SCHEMA, WRITTEN_SCHEMA, History
from syncd.model import Action, Direction
from syncd.model.plan import AWAITING
from syncd.model.reasons import BY_TAG, Reason
from syncd.model.result import Status
from syncd.store import answered, conflicts, hand_edits
from syncd.store.tables import Tables

FROM_DATABASE = (
    Reason.CHANGED_AT_HOME,
    Reason.ON_CONFLICT,
    Reason.FIRST_SYNC,
    Reason.NEW_IN_DATABASE,
    Reason.RESTORED,
    Reason.STALE_REVERT,
)
"""Reasons of changes to FiftyOne whose actor is the one that the database names."""


def load(
    connection: Connection,
    tables: Tables,
    binding: str,
    since: datetime,
    until: datetime,
    ids: Collection[str] | None = None,
) -> History:
    """What was written to FiftyOne since then, the open conflicts, and ids meant for rows that never came to be.

    ``ids`` says which annotations matter (``None``: all of them). What the log says of a time after ``until``, which
    has not come yet, was written while the clock was ahead: it would be lately for as long as that.
    """
    open_now = conflicts.open_now(connection, tables, binding)
    written = _written(connection, tables, binding, since, until, ids)
    # Only what syncd wrote lately can have returned.
    wrote = not written.is_empty()
    return History(
        written=written,
        open_conflicts=open_now.known,
        open_subjects=open_now.subjects,
        refused=open_now.refused,
        minted=_minted(connection, tables, binding),
        answered=answered.load(connection, tables, binding, ids),
        unfilled=_unfilled(connection, tables, binding, since, ids),
        halves=_halves(connection, tables, binding, since, written.filter(pl.col("reason").is_in(BY_TAG))),
        by_hand=hand_edits.of_last_run(connection, tables, binding, since, written) if wrote else hand_edits.nobody(),
        standing=hand_edits.standing(connection, tables, binding) if wrote else hand_edits.nothing(),
    )


def newest(connection: Connection, tables: Tables, binding: str, until: datetime) -> datetime | None:
    """When the newest change of a binding was applied, or found to be agreed on; of those of a time that has come."""
    table = tables.change
    applied = (table.c.binding == binding, table.c.status == Status.APPLIED, table.c.applied_at <= until)
    chosen = sa.select(sa.func.max(table.c.applied_at)).where(*applied)
    return _aware(connection.execute(chosen).scalar_one_or_none())


def with_earlier(
    connection: Connection, tables: Tables, binding: str, known: History, ids: Collection[str], until: datetime
) -> History:
    """Adds what was agreed earlier of these annotations, as far as the change log tells.

    What it says of a time that has not come yet (after ``until``) tells of no edit whether it is older.
    """
    table, run = tables.change, tables.run
    applied = (
        table.c.binding == binding,
        table.c.status == Status.APPLIED,
        table.c.applied_at <= until,
        # What was written for review was not agreed.
        table.c.reason != Reason.RELABELLED_FOR_REVIEW,
    )
    chosen = (
        sa.select(
            table.c.seq,
            table.c.annotation_id,
            table.c.field,
            table.c.action,
            table.c.direction,
            _text(table.c.old),
            _text(table.c.new),
            table.c.edited_at,
            run.c.started_at,
            table.c.applied_at,
        )
        .outerjoin(run, run.c.id == table.c.run_id)
        .where(*applied)
    )
    earlier = _frame(connection, _about(connection, chosen, table, ids), EARLIER_SCHEMA)
    waits = tables.waiting
    waiting = sa.select(waits.c.annotation_id, waits.c.field, _text(waits.c.old), _text(waits.c.new)).where(
        waits.c.binding == binding, waits.c.kind == AWAITING, waits.c.field.is_not(None)
    )
    return replace(
        known,
        earlier=earlier.filter(pl.col("annotation_id").is_in(list(ids))),
        waiting=_frame(connection, _about(connection, waiting, waits, ids), WAITING_SCHEMA),
        newest_elsewhere=_newest_elsewhere(connection, tables, binding, frozenset(ids), until),
    )


def _newest_elsewhere(
    connection: Connection, tables: Tables, binding: str, ids: frozenset[str], until: datetime
) -> datetime | None:
    """When the newest change of any other annotation was applied."""
    table = tables.change
    chosen = sa.select(table.c.annotation_id, table.c.applied_at).where(
        table.c.binding == binding,
        table.c.status == Status.APPLIED,
        table.c.applied_at <= until,
        table.c.annotation_id.is_not(None),
    )
    if connection.dialect.name == "postgresql":
        chosen = chosen.where(sa.not_(table.c.annotation_id == any_of(_askable(ids)))).limit(1)
    rows = connection.execute(chosen.order_by(table.c.applied_at.desc()))
    return next((_aware(at) for name, at in rows if name not in ids), None)


def _aware(moment: datetime | None) -> datetime | None:
    """SQLite forgets the zone; what is stored is UTC."""
    return moment if moment is None or moment.tzinfo is not None else moment.replace(tzinfo=timezone.utc)


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
    connection: Connection,
    tables: Tables,
    binding: str,
    since: datetime,
    until: datetime,
    ids: Collection[str] | None,
) -> pl.DataFrame:
    table = tables.change
    chosen = sa.select(
        table.c.annotation_id,
        table.c.field,
        table.c.action,
        _text(table.c.old),
        table.c.reason,
        _text(table.c.new),
        table.c.sample_id,
        table.c.run_id,
        table.c.seq,
    ).where(
        table.c.binding == binding,
        table.c.status == Status.APPLIED,
        table.c.direction == Direction.TO_FIFTYONE.value,
        table.c.applied_at.between(since, until),
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
        later.c.status == Status.APPLIED,
        later.c.seq > table.c.seq,
    )
    chosen = sa.select(
        table.c.annotation_id, table.c.field, _text(table.c.old), _text(table.c.new), table.c.reason
    ).where(
        table.c.binding == binding,
        _came_to_nothing(table, since),
        table.c.direction == Direction.TO_DATABASE.value,
        table.c.reason.in_(BY_TAG),
        ~written_since,
    )
    ids = by_tag["annotation_id"].drop_nulls().unique().to_list()
    return _frame(connection, _about(connection, chosen, table, ids), HALF_SCHEMA)


def signed(connection: Connection, tables: Tables, binding: str, ids: Collection[str]) -> pl.DataFrame:
    """``annotation_id`` and ``actor`` of those rows of which syncd's own write was the last under a name.

    An edit at home that was logged under a name since then shows that the name is kept there.
    """
    schema: dict[str, pl.DataType] = {"annotation_id": pl.String(), "actor": pl.String()}
    if not ids:
        return pl.DataFrame(schema=schema)
    table, later = tables.change, tables.change.alias()
    own = sa.and_(
        table.c.binding == binding,
        table.c.status == Status.APPLIED,
        table.c.direction == Direction.TO_DATABASE.value,
        table.c.action != Action.DELETE.value,
    )
    newest = sa.select(sa.func.max(table.c.seq).label("seq")).where(own).group_by(table.c.annotation_id)
    last = _about(connection, newest, table, ids).subquery()
    # What one run writes to the database is written after what it had read there.
    named_since = sa.exists().where(
        later.c.binding == binding,
        later.c.annotation_id == table.c.annotation_id,
        later.c.status == Status.APPLIED,
        later.c.direction == Direction.TO_FIFTYONE.value,
        later.c.reason.in_(FROM_DATABASE),
        later.c.actor.is_not(None),
        later.c.seq > table.c.seq,
        later.c.run_id != table.c.run_id,
    )
    chosen = sa.select(table.c.annotation_id, table.c.actor).join(last, last.c.seq == table.c.seq).where(~named_since)
    return _frame(connection, chosen, schema)


def _came_to_nothing(table: sa.Table, since: datetime) -> sa.ColumnElement[bool]:
    """Whether a run died before it carried an entry out; the next one may be about to take it up again."""
    return sa.or_(
        sa.and_(table.c.status == Status.ABANDONED, table.c.applied_at >= since), table.c.status == Status.PENDING
    )


def _unfilled(
    connection: Connection, tables: Tables, binding: str, since: datetime, ids: Collection[str] | None
) -> pl.DataFrame:
    """Attributes that were about to be given back when a run died, and of which nothing was written since."""
    table, later = tables.change, tables.change.alias()
    written_since = sa.exists().where(
        later.c.binding == binding,
        later.c.annotation_id == table.c.annotation_id,
        later.c.field == table.c.field,
        later.c.status == Status.APPLIED,
        later.c.seq > table.c.seq,
    )
    chosen = sa.select(table.c.annotation_id, table.c.field).where(
        table.c.binding == binding,
        _came_to_nothing(table, since),
        table.c.direction == Direction.TO_FIFTYONE.value,
        table.c.field.is_not(None),
        table.c.reason == Reason.RESTORED,
        ~written_since,
    )
    return _frame(connection, _about(connection, chosen, table, ids), UNFILLED_SCHEMA)


def _about(
    connection: Connection, chosen: sa.Select[Any], table: sa.Table, ids: Collection[str] | None
) -> sa.Select[Any]:
    """Only what is about these annotations, where the database can be told all of them at once."""
    if ids is None or connection.dialect.name != "postgresql":
        return chosen
    return chosen.where(table.c.annotation_id == any_of(_askable(ids)))


def _askable(ids: Collection[str]) -> list[str]:
    return sorted(each for each in ids if "\x00" not in each)


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
    landed = sa.func.max(sa.case((table.c.status.in_((Status.APPLIED, Status.PENDING)), 1), else_=0))
    chosen = (
        sa.select(table.c.annotation_id, sa.func.max(table.c.label_id))
        .where(
            table.c.binding == binding,
            # Literals, so that the planner sees that the partial index has them all.
            table.c.action == sa.literal_column(f"'{Action.INSERT.value}'"),
            table.c.direction == sa.literal_column(f"'{Direction.TO_DATABASE.value}'"),
            table.c.annotation_id.is_not(None),
            table.c.label_id.is_not(None),
            table.c.reason == Reason.DRAWN,
        )
        .group_by(table.c.annotation_id)
        .having(landed == 0)
    )
    return frozenset((name, label) for name, label in connection.execute(chosen))
