"""Compares the rows of a manifest with the table, and writes those that are not there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import polars as pl

from syncd.adapters.sql.adapter import SqlAdapter
from syncd.adapters.sql.describe import describe
from syncd.adapters.sql.mapping import table_mapping
from syncd.ingest.context import Work
from syncd.ingest.inbox.faults import FAULTS, InboxError
from syncd.ingest.inbox.values import Expected, expected_of
from syncd.model import Action, Change, Direction, Kind, LabelType
from syncd.model.result import Judge, Result
from syncd.model.snapshot import column

REASON = "inbox"
"""What the reason of an entry of the log begins with; the manifest's name follows."""


@dataclass(frozen=True)
class Table:
    """The table of a binding, whole: with the box, even where samples are crops."""

    adapter: SqlAdapter
    expected: Expected

    @property
    def makes_ids(self) -> bool:
        """Whether rows without an id can be given one."""
        return self.adapter.info.owner is not None

    @property
    def is_numbered(self) -> bool:
        """Whether the database gives each new row its id, rather than that it may be a UUID made from its image."""
        info = self.adapter.info
        if info.owner is None or info.id.kind is not Kind.TEXT:
            return info.id.kind is Kind.INTEGER
        return info.owner.tells or "nextval(" in (info.owner.expression or "")


@contextmanager
def open_table(work: Work) -> Iterator[Table]:
    """Opens the table for writing on the session's connection; ``InboxError`` where rows cannot be added to it."""
    session, binding = work.session, work.binding
    info = describe(session.writing, table_mapping(binding))
    needed = (binding.columns.id.name, binding.columns.label.name, binding.columns.media.name)
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
    transactions = session.database.capabilities.transactions
    adapter = SqlAdapter(session.writing, info, expected.fields, transactions=transactions)
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


class RowsRefused(Exception):
    """The table would not take every row of a manifest; ``faults`` says which, and why."""

    def __init__(self, faults: pl.DataFrame) -> None:
        super().__init__(f"{faults.height} rows were refused")
        self.faults = faults


class ManifestTable(SqlAdapter):
    """The table as a run writes a manifest's rows to it: all of them or, with ``RowsRefused``, none.

    ``rows`` are those of the manifest in the order of the plan. ``written`` is told of the results as they come.
    """

    def __init__(self, table: Table, rows: pl.DataFrame, written: Callable[[Sequence[Result]], None]) -> None:
        adapter = table.adapter
        super().__init__(
            adapter.connection,
            adapter.info,
            table.expected.fields,
            transactions=adapter.capabilities.transactions,
            arrow=adapter.arrow,
        )
        self._rows = rows
        self._tell = written

    def write(self, changes: Sequence[Change], judge: Judge | None = None) -> list[Result]:
        """Inserts the next rows. What the table makes of a value for good is left to the ingest that follows."""
        del judge
        rows, self._rows = self._rows.head(len(changes)), self._rows.slice(len(changes))
        results = super().write(changes)
        faults = refused(rows, results)
        if faults.height:
            raise RowsRefused(faults)
        self._tell(results)
        return results


def refused(rows: pl.DataFrame, results: Sequence[Result]) -> pl.DataFrame:
    """Faults for the rows that the database did not take; the results are in their order."""
    bad = []
    for row, result in zip(rows.select("row", "line", "annotation_id").iter_rows(named=True), results, strict=True):
        if result.refused is not None:
            why = f"the database refuses the row: {result.refused}"
        elif not result.matched:
            why = "the table has a row with this id already"
        else:
            continue
        bad.append((row["row"], row["line"], None, row["annotation_id"], why, "a row that the table takes"))
    return pl.DataFrame(bad, schema=FAULTS, orient="row")
