"""Queries on the relation that is read: all of it, a part by time, a part by ids, its labels, its terms."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timezone
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.adapters.sql.arrays import array, array_literal
from syncd.adapters.sql.arrow import ArrowReader
from syncd.adapters.sql.clock import earliest
from syncd.adapters.sql.describe import columns_of
from syncd.adapters.sql.encoding import decoded, doubtful_encoding
from syncd.adapters.sql.errors import READING, asking
from syncd.adapters.sql.expressions import source
from syncd.adapters.sql.ids import columns_of_ids, could_be_id, judge_of, portable_condition, with_ids
from syncd.adapters.sql.mapping import ColumnInfo, TableInfo, TableMapping
from syncd.adapters.sql.mysql import is_mysql
from syncd.adapters.sql.parse import frame_of_rows
from syncd.adapters.sql.quote import quote, relation
from syncd.adapters.sql.read import RawColumn, finish, raw_columns, select_list, with_held
from syncd.adapters.sql.stored import PART
from syncd.model import LABEL, Kind, Mapping

BATCH = 5_000
"""Ids per question: large enough to be set-based, small enough for one parameter list."""

PORTABLE_BATCH = 900
"""The same where each id is a parameter of its own, of which some databases take no thousand."""


class Reader:
    """Reads annotations; in PostgreSQL the many by Arrow, and a few over the writing connection."""

    def __init__(self, connection: Connection, info: TableInfo, mapping: Mapping, arrow: ArrowReader | None) -> None:
        self.connection = connection
        self.info = info
        self.mapping = mapping
        self.arrow = arrow

    def everything(self) -> pl.DataFrame:
        """Every row: one statement, and so one moment."""
        return self._many("")

    def everything_in_parts(self) -> Iterator[pl.DataFrame]:
        """The same, some rows at a time; still one statement. Where there is no Arrow, all of them at once."""
        if self.arrow is None:
            yield self.everything()
            return
        columns = select_list(self.connection.dialect, self.info, self.mapping)
        for raw in self.arrow.frames(f"SELECT {columns} FROM {self._source()} AS src"):
            yield finish(raw, self.info, self.mapping)

    def since(self, column: str, moment: datetime) -> pl.DataFrame:
        """Rows stamped at or after this moment."""
        return self._many(self._stamped(column, moment))

    def count_since(self, column: str, moment: datetime, at_most: int) -> int:
        """The number of these rows; no more are counted than ``at_most``."""
        limit = f" LIMIT {at_most:d}" if self.arrow is not None else ""
        chosen = f"SELECT 1 AS one FROM {self._source()} AS src{self._stamped(column, moment)}{limit}"
        plain = self.connection.execution_options(no_parameters=True)
        return min(at_most, int(plain.exec_driver_sql(f"SELECT count(*) FROM ({chosen}) AS found").scalar_one()))

    def _stamped(self, column: str, moment: datetime) -> str:
        """The condition that a row is stamped at or after this moment."""
        utc = moment.astimezone(timezone.utc).replace(tzinfo=None)
        if self.arrow is not None:
            bound = f"'{utc.isoformat(' ', 'microseconds')}+00:00'"
            if not self.info.read[column].zoned and self.info.zone is not None:
                bound = earliest(moment, self.info.zone)
            return f" WHERE src.{self._quote(column)} >= {bound}"
        # Whole seconds: SQLite compares text, in which the second is less than itself with a fraction.
        return f" WHERE src.{self._quote(column)} >= '{utc.replace(microsecond=0).isoformat(' ')}'"

    def with_ids(self, ids: Collection[str]) -> pl.DataFrame:
        """The rows with these ids, as this connection's transaction sees them."""
        known = self._readable(ids)
        size = BATCH if self.arrow is not None else PORTABLE_BATCH
        batches = [known[start : start + size] for start in range(0, max(1, len(known)), size)]
        return pl.concat([self._framed(list(self._with_ids(each))) for each in batches])

    def with_ids_apart(self, ids: Collection[str]) -> pl.DataFrame:
        """The same over the connection that only reads, where there is one: columns, at several times the speed.

        It does not see what the other connection's transaction has not committed.
        """
        if self.arrow is None:
            return self.with_ids(ids)
        known = self._readable(ids)
        names, casts = self._id_columns()
        literals = [array_literal(each) for each in columns_of_ids(self.info, known)]
        return self._many(f" WHERE {with_ids(names, casts, literals)}")

    def _id_columns(self) -> tuple[list[str], list[str]]:
        """The columns that make up the id where it is read, and the types in which its parts are given."""
        mapping = self.info.mapping
        if mapping.composite_id is None:
            return [f"src.{self._quote(mapping.id_column)}"], [self.info.read[mapping.id_column].cast]
        parts = mapping.composite_id.columns
        return [f"src.{self._quote(PART + each)}" for each in parts], [self.info.in_table(each).cast for each in parts]

    def _readable(self, ids: Collection[str]) -> list[str]:
        """Those of the ids that can be ones where they are read, in order."""
        could_be, read = judge_of(self.info), self.info.read[self.info.mapping.id_column]
        found = sorted(each for each in set(ids) if could_be(each))
        if self.info.mapping.composite_id is not None or read == self.info.id:
            return found
        return [each for each in found if could_be_id(read, each)]

    def _with_ids(self, ids: list[str]) -> Iterator[Sequence[object]]:
        if not ids:
            return
        names, casts = self._id_columns()
        given = columns_of_ids(self.info, ids)
        if self.arrow is not None:
            columns = select_list(self.connection.dialect, self.info, self.mapping)
            # A percent sign in a name or in a SELECT of the configuration is no parameter.
            before = f"SELECT {columns} FROM {self._source()} AS src WHERE ".replace("%", "%%")
            arrays = tuple(map(array, given))
            chosen = with_ids(_escaped(names), _escaped(casts), ["%s"] * len(names))
            yield from self.connection.exec_driver_sql(
                before + chosen, arrays if len(arrays) == 1 else (arrays[0], *arrays)
            )
            return
        condition, parameters = portable_condition(self.info, names, given)
        statement = self._portable(" WHERE ").replace(":", "\\:") + condition
        # A database may take other texts for the same; the id is the first of what is read.
        asked = set(ids)
        rows = self.connection.execute(sa.text(statement), parameters)
        yield from (row for row in rows if str(row[0]) in asked or not is_mysql(self.connection.dialect))

    def _many(self, where: str) -> pl.DataFrame:
        if self.arrow is not None:
            columns = select_list(self.connection.dialect, self.info, self.mapping)
            raw = self.arrow.frame(f"SELECT {columns} FROM {self._source()} AS src{where}")
            return finish(raw, self.info, self.mapping)
        plain = self.connection.execution_options(no_parameters=True)
        return self._framed(plain.exec_driver_sql(self._portable(where)).all())

    def _framed(self, rows: Sequence[Sequence[object]]) -> pl.DataFrame:
        return finish(frame_of_rows(self._columns(), rows), self.info, self.mapping)

    def _columns(self) -> list[RawColumn]:
        """The raw columns of a row as it comes over the writing connection."""
        columns = with_held(raw_columns(self.info, self.mapping))
        if self.arrow is None:
            return columns
        rows: list[RawColumn] = []
        for each in columns:
            rows.append(RawColumn(each.alias, each.name, each.kind))
            if each.text is not None and each.kind in (Kind.DATE, Kind.TIMESTAMP):
                rows.append(RawColumn(each.text, each.name, Kind.TEXT))
        return rows

    def _portable(self, where: str) -> str:
        columns = ", ".join(f"src.{self._quote(each.name)}" for each in self._columns())
        return f"SELECT {columns} FROM {self._source()} AS src{where}"

    def _source(self) -> str:
        return source(self.connection.dialect, self.info.mapping)

    def _quote(self, name: str) -> str:
        return quote(self.connection.dialect, name)


def _escaped(parts: Sequence[str]) -> list[str]:
    return [each.replace("%", "%%") for each in parts]


def count_labels(connection: Connection, mapping: TableMapping) -> dict[str, int]:
    """Annotations per label, counted by the server; those without a label are left out."""
    dialect = connection.dialect
    label = f"src.{quote(dialect, mapping.fields[LABEL][0])}"
    statement = (
        f"SELECT {label}, count(*) FROM {source(dialect, mapping)} AS src WHERE {label} IS NOT NULL GROUP BY {label}"
    )
    with asking(READING):
        plain = connection.execution_options(no_parameters=True)
        return {str(name): int(count) for name, count in plain.exec_driver_sql(statement)}


def describe_columns(connection: Connection, table: str) -> dict[str, ColumnInfo]:
    """The columns of a table or view; ``MappingError`` where there is none of that name."""
    with asking(READING):
        return columns_of(connection, table)


def read_distinct(connection: Connection, table: str, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    """The different rows of these columns, in no order."""
    dialect = connection.dialect
    encoding = doubtful_encoding(connection)
    listed = ", ".join(quote(dialect, each) for each in columns)
    if encoding is not None:
        texts = (f"CAST({quote(dialect, each)} AS text)" for each in columns)
        listed = ", ".join(f"convert_to({each}, '{encoding}')" for each in texts)
    statement = f"SELECT DISTINCT {listed} FROM {relation(dialect, table)}"
    with asking(READING):
        plain = connection.execution_options(no_parameters=True)
        rows = [tuple(row) for row in plain.exec_driver_sql(statement)]
    if encoding is None:
        return rows
    # What is no text in the database's encoding is none of a term either.
    return [tuple(None if each is None else decoded(encoding, bytes(each))[0] for each in row) for row in rows]
