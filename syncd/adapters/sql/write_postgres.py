"""Set-based compare-and-set writes: one statement per field, whatever the number of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from syncd.adapters.protocol import Result
from syncd.adapters.sql.mapping import TableInfo
from syncd.adapters.sql.quote import quote, relation
from syncd.adapters.sql.values import to_driver
from syncd.adapters.values import canonical_value as from_driver
from syncd.model import BOX, Change, Content, Kind, Mapping, Value

ACTOR = "syncd"


class Writer:
    """Writes to one table over one connection, inside the caller's transaction."""

    def __init__(self, connection: Connection, info: TableInfo, mapping: Mapping) -> None:
        self.connection = connection
        self.info = info
        self.mapping = mapping
        self.table = relation(connection.dialect, info.mapping.table).replace("%", "%%")

    def update(self, field: str, changes: Sequence[Change]) -> list[Result]:
        """Sets one field where it still holds what the diff saw; returns what the rows hold now."""
        columns = self.info.mapping.fields[field]
        arrays: list[Any] = [[each.annotation_id for each in changes]]
        names = [f"i::{self._id_cast()}[]"]
        sets, guards = [], []
        for index, name in enumerate(columns):
            cast = self.info.column(name).cast
            arrays += [
                [self._part(field, each.old, index) for each in changes],
                [self._part(field, each.new, index) for each in changes],
            ]
            names += [f"o{index}", f"n{index}"]
            sets.append(f"{self._quote(name)} = v.n{index}")
            guards.append(f"{self._seen(name)} IS NOT DISTINCT FROM {self._compared(name, f'v.o{index}')}")
            names[-2], names[-1] = f"o{index}::{cast}[]", f"n{index}::{cast}[]"
        statement = (
            f"UPDATE {self.table} AS t SET {', '.join([*sets, *self._stamps()])} "
            f"FROM unnest({', '.join(self._array(each) for each in names)}) "
            f"AS v({', '.join(each.partition('::')[0] for each in names)}) "
            f"WHERE t.{self._quote(self.info.mapping.id_column)} = v.i AND {' AND '.join(guards)} "
            f"RETURNING t.{self._quote(self.info.mapping.id_column)}::text, {self._returning([field])}"
        )
        rows = self.connection.exec_driver_sql(statement, tuple(arrays)).all()
        after = {str(row[0]): self._values([field], row[1:])[field] for row in rows}
        return [self._result(each, after) for each in changes]

    def delete(self, changes: Sequence[Change]) -> list[Result]:
        """Deletes rows that still hold every value the diff saw."""
        names = list(self.mapping.names)
        arrays: list[Any] = [[each.annotation_id for each in changes]]
        declared = [f"i::{self._id_cast()}[]"]
        guards = []
        for position, (name, index, col) in enumerate(self._flat(names)):
            arrays.append([self._part(name, _part_of(each.old, name), index) for each in changes])
            declared.append(f"o{position}::{self.info.column(col).cast}[]")
            guards.append(f"{self._seen(col)} IS NOT DISTINCT FROM {self._compared(col, f'v.o{position}')}")
        statement = (
            f"DELETE FROM {self.table} AS t USING unnest({', '.join(self._array(each) for each in declared)}) "
            f"AS v({', '.join(each.partition('::')[0] for each in declared)}) "
            f"WHERE t.{self._quote(self.info.mapping.id_column)} = v.i AND {' AND '.join(guards)} "
            f"RETURNING t.{self._quote(self.info.mapping.id_column)}::text"
        )
        gone = {str(row[0]) for row in self.connection.exec_driver_sql(statement, tuple(arrays))}
        return [
            Result(each, present=str(each.annotation_id) not in gone, matched=str(each.annotation_id) in gone)
            for each in changes
        ]

    def insert(self, change: Change) -> Result:
        """Inserts one row; missing values are left to the columns' defaults. A row with that id is never touched."""
        content = change.new if isinstance(change.new, dict) else {}
        id_column = self.info.mapping.id_column
        columns: dict[str, tuple[str, object]] = {id_column: (self._id_cast(), change.annotation_id)}
        if self.info.writable(self.info.mapping.media_column):
            columns[self.info.mapping.media_column] = (
                self.info.column(self.info.mapping.media_column).cast,
                change.media,
            )
        for name, index, col in self._flat(list(content)):
            value = self._part(name, content[name], index)
            if value is not None and self.info.writable(col):
                columns[col] = (self.info.column(col).cast, value)
        stamps = dict(each.split(" = ", 1) for each in self._stamps())
        names = [self._quote(name) for name in columns] + list(stamps)
        values = [f"%s::{cast}" for cast, _ in columns.values()] + list(stamps.values())
        fields = list(self.mapping.names)
        statement = (
            f"INSERT INTO {self.table} AS t ({', '.join(names)}) OVERRIDING SYSTEM VALUE SELECT {', '.join(values)} "
            f"WHERE NOT EXISTS (SELECT 1 FROM {self.table} WHERE {self._quote(id_column)} = %s::{self._id_cast()}) "
            f"RETURNING {self._returning(fields)}"
        )
        given = (*(value for _, value in columns.values()), change.annotation_id)
        row = self.connection.exec_driver_sql(statement, given).first()
        if row is None:
            return Result(change, present=True, matched=False)
        return Result(change, present=True, after=self._values(fields, row), matched=True)

    def _result(self, change: Change, after: dict[str, Value]) -> Result:
        key = str(change.annotation_id)
        return Result(change, present=key in after, after=after.get(key), matched=key in after)

    def _flat(self, fields: list[str]) -> list[tuple[str, int, str]]:
        """(field, index within the field, column) of every column of these fields."""
        return [(name, index, col) for name in fields for index, col in enumerate(self.info.mapping.fields[name])]

    def _part(self, field: str, value: Content, index: int) -> object:
        if value is None or isinstance(value, dict):
            return None
        if field == BOX and isinstance(value, list):
            return value[index]
        return to_driver(self.mapping.field(field).kind, value)

    def _seen(self, column: str) -> str:
        """A column as the diff saw it: times to the millisecond, single precision widened."""
        info = self.info.column(column)
        name = f"t.{self._quote(column)}"
        if info.kind is Kind.TIMESTAMP:
            return f"date_trunc('milliseconds', {name})"
        if info.kind is Kind.FLOAT:
            return f"NULLIF({name}::float8, 'NaN')"
        if info.kind is Kind.DECIMAL:
            return f"NULLIF({name}, 'NaN')"
        return f"{name}::text" if info.cast == "character" else name

    def _compared(self, column: str, value: str) -> str:
        return f"{value}::text" if self.info.column(column).cast == "character" else value

    def _array(self, declared: str) -> str:
        """The parameter of one array; single precision is compared, and so passed, as double."""
        cast = declared.partition("::")[2]
        wide = "double precision[]" if cast == "real[]" else cast
        return f"%s::{wide}"

    def _returning(self, fields: list[str]) -> str:
        parts = []
        for _, _, col in self._flat(fields):
            kind = self.info.column(col).kind
            cast = "::text" if kind in (Kind.TEXT, Kind.UUID, Kind.DECIMAL) else ""
            parts.append(f"t.{self._quote(col)}{cast}")
        return ", ".join(parts)

    def _values(self, fields: list[str], row: Sequence[Any]) -> dict[str, Value]:
        """Returned columns as canonical values."""
        values: dict[str, Value] = {}
        for (name, index, _), raw in zip(self._flat(fields), row, strict=True):
            if name == BOX:
                box = values.setdefault(BOX, [])
                box.append(raw)  # type: ignore[union-attr]
                if index == len(self.info.mapping.fields[BOX]) - 1 and any(part is None for part in box):  # type: ignore[union-attr]
                    values[BOX] = None
            else:
                values[name] = from_driver(self.mapping.field(name).kind, raw)
        return values

    def _stamps(self) -> list[str]:
        """The lab's own bookkeeping columns, where they are mapped and in the written table."""
        stamps = []
        if self.info.mapping.updated_at and self.info.writable(self.info.mapping.updated_at):
            stamps.append(f"{self._quote(self.info.mapping.updated_at)} = clock_timestamp()")
        if self.info.mapping.updated_by and self.info.writable(self.info.mapping.updated_by):
            stamps.append(f"{self._quote(self.info.mapping.updated_by)} = '{ACTOR}'")
        return stamps

    def _id_cast(self) -> str:
        return self.info.written[self.info.mapping.id_column].cast

    def _quote(self, name: str) -> str:
        # A percent sign in a name would be taken for a parameter.
        return quote(self.connection.dialect, name).replace("%", "%%")


def _part_of(content: Content, name: str) -> Content:
    return content.get(name) if isinstance(content, dict) else None
