"""The rows of a manifest against those of the table: which are there, under which ids, and writing the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import polars as pl

from syncd.adapters.sql.adapter import SqlAdapter
from syncd.adapters.sql.describe import describe
from syncd.adapters.sql.ids import can_mint
from syncd.inbox.columns import Expected, expected_of
from syncd.inbox.errors import InboxError
from syncd.inbox.faults import FAULTS
from syncd.ingest.work import Work
from syncd.mapped import table_mapping
from syncd.model import Action, Change, Direction, LabelType
from syncd.model.snapshot import column

REASON = "inbox"


@dataclass(frozen=True)
class Table:
    """The table of a binding, whole: with the box, even where samples are crops."""

    adapter: SqlAdapter
    expected: Expected

    @property
    def makes_ids(self) -> bool:
        """Whether rows without an id can be given one."""
        return can_mint(self.adapter.info)


@contextmanager
def open_table(work: Work) -> Iterator[Table]:
    """Opens the table for writing on the session's connection; ``InboxError`` where rows cannot be added to it."""
    session, binding = work.session, work.binding
    info = describe(session.writing, table_mapping(binding))
    needed = (binding.columns.id, binding.columns.label, binding.columns.media)
    fixed = [name for name in needed if not info.writable(name)]
    if fixed:
        raise InboxError(
            f"The inbox of {binding.name!r} cannot add rows: {info.mapping.table} has no column "
            f"{', '.join(map(repr, fixed))} that can be written.",
            remedy="Name a `table` of the binding that has them.",
        )
    if session.mapping.label_type is LabelType.DETECTIONS and binding.columns.box is None:
        raise InboxError(
            f"The label field of {binding.name!r} holds detections, and the binding maps no box for them.",
            remedy="Map `columns.box` of the binding, or set `ingest.label_type`.",
        )
    expected = expected_of(binding, info, session.mapping, single=work.single, crops=work.crops)
    adapter = SqlAdapter(session.writing, info, expected.fields)
    session.rest()
    try:
        yield Table(adapter, expected)
    finally:
        adapter.close()


def changes_of(table: Table, rows: pl.DataFrame, manifest: str) -> list[Change]:
    """An insert for each row (``annotation_id``, ``media``, values)."""
    given = [name for name in table.expected.fields.names if column(name) in rows.columns]
    return [
        Change(
            annotation_id=row["annotation_id"],
            label_id=None,
            sample_id=None,
            direction=Direction.TO_DATABASE,
            action=Action.INSERT,
            field=None,
            old=None,
            new={name: row[column(name)] for name in given},
            reason=f"{REASON}: {manifest}",
            media=row["media"],
        )
        for row in rows.iter_rows(named=True)
    ]


def insert(table: Table, rows: pl.DataFrame, changes: Sequence[Change]) -> pl.DataFrame:
    """Inserts the rows in the caller's transaction; faults for those that the database did not take."""
    results = {str(each.change.annotation_id): each for each in table.adapter.write(changes)}
    bad = []
    for row in rows.select("row", "line", "annotation_id").iter_rows(named=True):
        result = results[row["annotation_id"]]
        if result.refused is not None:
            why = f"the database refuses the row: {result.refused}"
        elif not result.matched:
            why = "the table has a row with this id already"
        else:
            continue
        bad.append((row["row"], row["line"], None, row["annotation_id"], why, "a row that the table takes"))
    return pl.DataFrame(bad, schema=FAULTS, orient="row")
