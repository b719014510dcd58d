"""Hand edits that the run before this one found in FiftyOne, and annotations that waited already."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.adapters.sql.arrays import any_of
from syncd.diff.inputs import BY_HAND_SCHEMA, WAITED_SCHEMA
from syncd.model import FLAG, Action, Direction, Side
from syncd.model.conflict_kinds import BY_HAND
from syncd.model.plan import AWAITING
from syncd.model.reasons import Reason
from syncd.model.result import Status
from syncd.model.snapshot import distinct
from syncd.store import conflicts, runs
from syncd.store.tables import Tables

CARRIED = (
    Reason.REVIEWED,
    Reason.ALIAS,
    Reason.ON_CONFLICT,
    Reason.DRAWN,
    Reason.DELETED_IN_FIFTYONE,
    Reason.CONVERGED,
)
"""Reasons of changes that somebody had made in FiftyOne by hand; a tag is none of its list's labels."""


def nobody() -> pl.DataFrame:
    """The frame of editors where nobody changed anything by hand: its columns and no row."""
    return pl.DataFrame(schema=BY_HAND_SCHEMA)


def nothing() -> pl.DataFrame:
    """The frame of edits from the App where none waits: its columns and no row."""
    return pl.DataFrame(schema=WAITED_SCHEMA)


def of_last_run(
    connection: Connection, tables: Tables, binding: str, since: datetime, written: pl.DataFrame
) -> pl.DataFrame:
    """The annotations that the run before this one found changed by hand; none where that run left no row behind.

    Only those on samples to which syncd has ``written``. What returned then to what it had written ``since`` is no
    evidence of how anything else returns.
    """
    run = _run_before(connection, tables, binding)
    if run is None:
        return nobody()
    found = [
        _on_samples(connection, chosen, sample_id, written)
        for sample_id, chosen in _found_by(tables, binding, run, since)
    ]
    rows = [(*row, run["id"]) for row in connection.execute(sa.union(*found))]
    return pl.DataFrame(rows, schema=BY_HAND_SCHEMA, orient="row")


def standing(connection: Connection, tables: Tables, binding: str) -> pl.DataFrame:
    """The edits that wait, the drawn labels that do, and those that are in a conflict."""
    waiting, conflict = tables.waiting, tables.conflict
    value = sa.func.coalesce(sa.cast(waiting.c.new, sa.Text), "null")
    waits = sa.select(waiting.c.annotation_id, waiting.c.label_id, waiting.c.field, value).where(
        waiting.c.binding == binding, waiting.c.kind == AWAITING
    )
    drawn = sa.select(conflict.c.annotation_id, conflict.c.label_id).where(
        conflict.c.binding == binding, conflict.c.status == conflicts.OPEN, conflict.c.annotation_id.is_(None)
    )
    rows = [tuple(row) for row in connection.execute(waits)]
    rows += [(*row, None, None) for row in connection.execute(drawn)]
    return pl.DataFrame(rows, schema=WAITED_SCHEMA, orient="row")


def _run_before(connection: Connection, tables: Tables, binding: str) -> dict[str, Any] | None:
    """The last run that did anything, unless others have read the database since then and left no row behind."""
    cursor = tables.cursor
    read = sa.select(cursor.c.position).where(cursor.c.binding == binding, cursor.c.side == Side.DATABASE.value)
    position = connection.execute(read).scalar_one_or_none()
    found = runs.latest(connection, tables, binding, carried_out=True)
    if found is None or (position is not None and found["finished_at"] < position):
        return None
    return found


def _on_samples(
    connection: Connection, chosen: sa.Select[Any], sample_id: sa.Column[str], written: pl.DataFrame
) -> sa.Select[Any]:
    """Only what is about these samples, where the database can be told all of them at once."""
    if connection.dialect.name != "postgresql":
        return chosen
    return chosen.where(sample_id == any_of(sorted(distinct("sample_id", written))))


def _found_by(
    tables: Tables, binding: str, run: dict[str, Any], since: datetime
) -> Iterator[tuple[sa.Column[str], sa.Select[Any]]]:
    """What a run found changed by hand, with the column of the samples."""
    change, conflict, waiting = tables.change, tables.conflict, tables.waiting
    changes = sa.select(change.c.annotation_id, change.c.sample_id).where(
        change.c.binding == binding,
        change.c.run_id == run["id"],
        change.c.status.in_([Status.APPLIED, Status.SUPERSEDED]),
        change.c.reason.in_(CARRIED),
        change.c.direction.is_distinct_from(Direction.TO_FIFTYONE.value),
        change.c.field.is_distinct_from(FLAG),
        ~_returned(tables, since),
    )
    asked = sa.select(conflict.c.annotation_id, conflict.c.sample_id).where(
        conflict.c.binding == binding,
        conflict.c.run_id == run["id"],
        conflict.c.kind.in_(BY_HAND),
    )
    waits = sa.select(waiting.c.annotation_id, waiting.c.sample_id).where(
        waiting.c.binding == binding, waiting.c.kind == AWAITING, waiting.c.since >= run["started_at"]
    )
    yield change.c.sample_id, changes
    yield conflict.c.sample_id, asked
    yield waiting.c.sample_id, waits


def _returned(tables: Tables, since: datetime) -> sa.Exists:
    """Whether a change put back what syncd had replaced, or took away what it had inserted."""
    change, before = tables.change, tables.change.alias()
    alike = sa.or_(
        sa.and_(
            before.c.action == Action.UPDATE.value,
            before.c.field == change.c.field,
            _text(before.c.old) == _text(change.c.new),
        ),
        sa.and_(before.c.action == Action.INSERT.value, change.c.action == Action.DELETE.value),
    )
    return sa.exists().where(
        before.c.binding == change.c.binding,
        before.c.annotation_id == change.c.annotation_id,
        before.c.status == Status.APPLIED,
        before.c.direction == Direction.TO_FIFTYONE.value,
        before.c.applied_at >= since,
        before.c.seq < change.c.seq,
        alike,
    )


def _text(content: sa.Column[Any]) -> sa.ColumnElement[str]:
    return sa.func.coalesce(sa.cast(content, sa.Text), "null")
