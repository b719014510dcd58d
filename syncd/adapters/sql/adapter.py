"""The database side of a binding: PostgreSQL by Arrow and sets, any other database by SQLAlchemy."""

from __future__ import annotations

import re
import uuid
from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timezone
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from syncd.adapters.protocol import Result
from syncd.adapters.sql import write_portable, write_postgres
from syncd.adapters.sql.arrow import ArrowReader
from syncd.adapters.sql.clock import clock
from syncd.adapters.sql.mapping import TableInfo
from syncd.adapters.sql.quote import quote, relation, source
from syncd.adapters.sql.read import finish, frame_of_rows, raw_columns, select_list
from syncd.model import Action, Change, Kind, Mapping, Origin, Side, Snapshot

BATCH = 5_000
"""Rows per statement: large enough to be set-based, small enough for one parameter list."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_INTEGER = re.compile(r"-?(0|[1-9]\d{0,17})")


class SqlAdapter:
    """Annotations as rows. Writes run on ``connection``, inside the transaction its caller has open there."""

    side = Side.DATABASE

    def __init__(self, connection: Connection, info: TableInfo, mapping: Mapping) -> None:
        self.connection = connection
        self.info = info
        self.mapping = mapping
        self.is_postgres = connection.dialect.name == "postgresql"
        self.arrow = ArrowReader(connection.engine.url) if self.is_postgres else None
        self._writer: write_postgres.Writer | write_portable.Writer | None = None

    def close(self) -> None:
        """Closes the reading connection; the writing one belongs to the caller."""
        if self.arrow is not None:
            self.arrow.close()

    @property
    def stamped(self) -> bool:
        """Whether a column is mapped to ``updated_at``."""
        return self.info.mapping.updated_at is not None

    def origin(self, *, count_rows: bool = True) -> Origin:
        """The table's name and its number of rows."""
        if not count_rows:
            return Origin(identity=self.info.mapping.table)
        table = relation(self.connection.dialect, self.info.mapping.table)
        rows = self.connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
        return Origin(identity=self.info.mapping.table, rows=int(rows))

    def now(self) -> datetime:
        """The server's clock; of a database without one (SQLite), this machine's."""
        return clock(self.connection)

    def read_all(self) -> Snapshot:
        """Every row: one statement, and so one moment."""
        return self._read("", complete=True)

    def read_since(self, since: datetime) -> Snapshot:
        """Rows stamped at or after ``since``; an indexed range read on ``updated_at``."""
        assert self.info.mapping.updated_at is not None, "a table without updated_at is read whole"
        stamp = f"src.{quote(self.connection.dialect, self.info.mapping.updated_at)}"
        utc = since.astimezone(timezone.utc)
        zone = "+00:00" if self.is_postgres else ""
        return self._read(f" WHERE {stamp} >= '{utc:%Y-%m-%d %H:%M:%S.%f}{zone}'", complete=False)

    def read_ids(self, ids: Collection[str]) -> Snapshot:
        """The rows with these ids; an id that the column cannot hold has no row."""
        as_of = self.now()
        possible = sorted(each for each in set(ids) if self._could_be_id(each))
        frames = [self._rows_by_id(possible[start : start + BATCH]) for start in range(0, max(1, len(possible)), BATCH)]
        return Snapshot(self.side, pl.concat(frames), complete=False, as_of=as_of)

    def write(self, changes: Sequence[Change]) -> list[Result]:
        """Compare-and-sets in batches; a value that the database refuses costs its own change and no other."""
        results: dict[int, Result] = {}
        groups: defaultdict[tuple[Action, str | None], list[int]] = defaultdict(list)
        for position, change in enumerate(changes):
            groups[change.action, change.field].append(position)
        for (action, field), positions in groups.items():
            size = 1 if action is Action.INSERT else BATCH
            for start in range(0, len(positions), size):
                batch = positions[start : start + size]
                found = self._write_batch(action, field, [changes[each] for each in batch])
                results.update(zip(batch, found, strict=True))
        return [results[position] for position in range(len(changes))]

    def mint(self, count: int) -> list[str]:
        """New ids: UUIDs (also for text columns), or the next numbers of the column's sequence."""
        column = self.info.written[self.info.mapping.id_column]
        if column.kind is not Kind.INTEGER:
            return [str(uuid.uuid4()) for _ in range(count)]
        table = relation(self.connection.dialect, self.info.mapping.table)
        if self.is_postgres:
            sequence = self.connection.execute(
                sa.text("SELECT pg_get_serial_sequence(:table, :column)"), {"table": table, "column": column.name}
            ).scalar_one()
            if sequence is not None:
                rows = self.connection.execute(
                    sa.text("SELECT nextval(:sequence) FROM generate_series(1, :count)"),
                    {"sequence": sequence, "count": count},
                )
                return [str(row[0]) for row in rows]
        name = quote(self.connection.dialect, column.name)
        highest = self.connection.exec_driver_sql(f"SELECT coalesce(max({name}), 0) FROM {table}").scalar_one()
        return [str(int(highest) + each + 1) for each in range(count)]

    @property
    def writer(self) -> write_postgres.Writer | write_portable.Writer:
        """What carries out compare-and-sets on this database."""
        if self._writer is None:
            kind = write_postgres.Writer if self.is_postgres else write_portable.Writer
            self._writer = kind(self.connection, self.info, self.mapping)
        return self._writer

    def _write_batch(self, action: Action, field: str | None, batch: list[Change]) -> list[Result]:
        try:
            with self.connection.begin_nested():
                if action is Action.INSERT:
                    return [self.writer.insert(each) for each in batch]
                if action is Action.DELETE:
                    return self.writer.delete(batch)
                assert field is not None, "an update names its field"
                return self.writer.update(field, batch)
        except DBAPIError as error:
            if error.connection_invalidated or not _is_refusal(error):
                raise
            if len(batch) == 1:
                return [Result(batch[0], present=True, matched=False, refused=_message(error))]
        # One of the batch was refused: find out which, one by one.
        middle = len(batch) // 2
        return self._write_batch(action, field, batch[:middle]) + self._write_batch(action, field, batch[middle:])

    def _read(self, where: str, *, complete: bool) -> Snapshot:
        as_of = self.now()
        dialect = self.connection.dialect
        if self.arrow is not None:
            columns = select_list(dialect, self.info, self.mapping)
            raw = self.arrow.frame(f"SELECT {columns} FROM {source(dialect, self.info.mapping)} AS src{where}")
            rows = finish(raw, self.info, self.mapping)
        else:
            rows = self._rows(where, {})
        return Snapshot(self.side, rows, complete=complete, as_of=as_of)

    def _rows_by_id(self, ids: list[str]) -> pl.DataFrame:
        name = f"src.{quote(self.connection.dialect, self.info.mapping.id_column)}"
        column = self.info.written[self.info.mapping.id_column]
        if self.is_postgres:
            return self._rows_of_postgres(f" WHERE {name} = ANY(", ids, f"::{column.cast}[])")
        typed = [int(each) if column.kind is Kind.INTEGER else each for each in ids]
        return self._rows(f" WHERE {name} IN :ids", {"ids": typed})

    def _rows_of_postgres(self, before: str, ids: list[str], after: str) -> pl.DataFrame:
        """A few rows over the writing connection, which sees what its transaction wrote."""
        dialect = self.connection.dialect
        columns = select_list(dialect, self.info, self.mapping)
        text = f"SELECT {columns} FROM {source(dialect, self.info.mapping)} AS src{before}"
        # A percent sign in a name or in a SELECT of the configuration is no parameter.
        statement = text.replace("%", "%%") + "%s" + after.replace("%", "%%")
        return self._framed(self.connection.exec_driver_sql(statement, (ids,)).all())

    def _rows(self, where: str, parameters: dict[str, object]) -> pl.DataFrame:
        dialect = self.connection.dialect
        names = raw_columns(self.info, self.mapping)
        columns = ", ".join(f"src.{quote(dialect, name)} AS {quote(dialect, alias)}" for alias, name in names.items())
        statement = sa.text(f"SELECT {columns} FROM {source(dialect, self.info.mapping)} AS src{where}")
        if "ids" in parameters:
            statement = statement.bindparams(sa.bindparam("ids", expanding=True))
        return self._framed(self.connection.execute(statement, parameters).all())

    def _framed(self, rows: Sequence[sa.Row[Any]]) -> pl.DataFrame:
        names = list(raw_columns(self.info, self.mapping))
        return finish(
            frame_of_rows(names, [tuple(row) for row in rows], self.info, self.mapping), self.info, self.mapping
        )

    def _could_be_id(self, value: str) -> bool:
        kind = self.info.written[self.info.mapping.id_column].kind
        if kind is Kind.UUID:
            return _UUID.fullmatch(value) is not None
        if kind is Kind.INTEGER:
            return _INTEGER.fullmatch(value) is not None
        return "\x00" not in value


def _is_refusal(error: DBAPIError) -> bool:
    """Whether the database refused a value (a constraint, a type, a trigger) rather than failed."""
    if isinstance(error, IntegrityError):
        return True
    if isinstance(error, OperationalError):
        return False
    code = str(getattr(error.orig, "pgcode", "") or "")
    # 22 data exception, 23 constraint, P0 raised by a trigger, 44 view check option.
    return code[:2] in ("22", "23", "P0", "44")


def _message(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0]
