"""Set-based compare-and-set writes: one statement per field, whatever the number of rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection

from syncd.adapters.sql.arrays import array
from syncd.adapters.sql.mapping import ColumnInfo, TableInfo
from syncd.adapters.sql.quote import quote, relation
from syncd.adapters.sql.values import editor, part_of, to_driver
from syncd.adapters.sql.write_portable import Inserted, Write
from syncd.adapters.sql.zone import literal
from syncd.model import BOX, FLAG, MEDIA_FIELD, Change, Content, Kind, Mapping

_SEEN: dict[Kind, tuple[str, str]] = {
    Kind.TEXT: ('{}::text COLLATE "C"', "text"),
    Kind.UUID: ("{}::uuid", "uuid"),
    Kind.INTEGER: ("{}::int8", "int8"),
    Kind.FLOAT: ("NULLIF({}::float8, 'NaN')", "float8"),
    Kind.DECIMAL: ("NULLIF({}::numeric, 'NaN')", "numeric"),
    Kind.BOOLEAN: ("{}::bool", "bool"),
    Kind.DATE: ("{}::date", "date"),
    Kind.TIMESTAMP: ("date_trunc('milliseconds', {})", "timestamptz"),
}
"""A column as the diff saw it, and the type in which the expected value is given.

Text is compared byte by byte, whatever the column makes of it (citext, a collation of its own); single precision is
widened, as it was read.
"""

EDITOR = "editor"
"""Name of the array of who edited what."""


@dataclass(frozen=True)
class _Slot:
    """One array of the statement: its name, its type, and what goes into it."""

    name: str
    type: str
    values: list[Any]


class Writer:
    """Writes to one table over one connection, inside the caller's transaction.

    Making a write ready needs no connection, so that the next can be made ready while one is carried out.
    """

    def __init__(self, connection: Connection, info: TableInfo, mapping: Mapping) -> None:
        self.connection = connection
        self.info = info
        self.mapping = mapping
        self.table = relation(connection.dialect, info.mapping.table).replace("%", "%%")
        self.id = self._quote(info.mapping.id_column)

    def prepare(self) -> None:
        """Has constraints that wait for the commit checked at once, while a refusal costs its own change only.

        Stamps without a zone, which triggers may set, are to be in the zone of all others.
        """
        self.connection.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")
        if self.info.zone is not None:
            self.connection.exec_driver_sql("SELECT set_config('timezone', %s, true)", (self.info.zone,))

    def update(self, field: str, changes: Sequence[Change]) -> Write:
        """Sets one field where it still holds what the diff saw."""
        slots = [self._ids(changes)]
        sets, guards = [], []
        for index, name in enumerate(self.info.mapping.fields[field]):
            column = self.info.written[name]
            slots.append(_Slot(f"n{index}", column.given_as, [self._part(field, c.new, index) for c in changes]))
            sets.append(f"{self._quote(name)} = v.n{index}")
            guards.append(self._guard(slots, field, index, column, [each.old for each in changes]))
        slots += self._editors(changes)
        statement = (
            f"UPDATE {self.table} AS t SET {', '.join([*sets, *self._stamps()])} FROM {self._arrays(slots)} "
            f"WHERE {self._named()} AND {' AND '.join(guards)} RETURNING t.{self.id}::text"
        )
        return self._ready(statement, slots, named=True)

    def delete(self, changes: Sequence[Change]) -> Write:
        """Deletes rows that still hold every value the diff saw."""
        slots = [self._ids(changes)]
        seen = [name for name in self.mapping.names if name not in (FLAG, MEDIA_FIELD)]
        guards = [
            self._guard(slots, name, index, column, [part_of(each.old, name) for each in changes])
            for name, index, column in self._columns(seen)
        ]
        statement = (
            f"DELETE FROM {self.table} AS t USING {self._arrays(slots)} "
            f"WHERE {' AND '.join([self._named(), *guards])} RETURNING t.{self.id}::text"
        )
        return self._ready(statement, slots, named=True)

    def insert(self, changes: Sequence[Change]) -> Inserted:
        """Inserts rows; missing values are left to the columns' defaults. A row with that id is never touched."""
        alike: defaultdict[tuple[str, ...], list[tuple[Change, dict[str, _Given]]]] = defaultdict(list)
        for change in changes:
            row = dict(self._given(change))
            alike[tuple(row)].append((change, row))
        ready = [
            self._insert(names, [change for change, _ in rows], [row for _, row in rows])
            for names, rows in alike.items()
        ]
        return lambda: [each for write in ready for each in write()]

    def insert_nameless(self, change: Change) -> Inserted:
        """Inserts a row to which the database gives its id."""
        row = dict(self._given(change))
        del row[self.info.mapping.id_column]
        return self._insert(tuple(row), [change], [row], named=False)

    def _insert(
        self, names: tuple[str, ...], changes: list[Change], rows: list[dict[str, _Given]], *, named: bool = True
    ) -> Inserted:
        """``named``: the first column is the id."""
        slots = [
            _Slot(f"n{index}", rows[0][name].type, [row[name].value for row in rows])
            for index, name in enumerate(names)
        ]
        slots += self._editors(changes)
        stamps = [each.split(" = ", 1) for each in self._stamps()]
        columns = [self._quote(name) for name in names] + [name for name, _ in stamps]
        values = [f"v.n{index}" for index in range(len(names))] + [value for _, value in stamps]
        if slots:
            chosen = (
                f"({', '.join(columns)}) OVERRIDING SYSTEM VALUE SELECT {', '.join(values)} FROM {self._arrays(slots)}"
            )
        else:
            # Nothing is given: the row is made of its defaults.
            chosen = f"({', '.join(columns)}) VALUES ({', '.join(values)})" if columns else "DEFAULT VALUES"
        absent = f" WHERE NOT EXISTS (SELECT 1 FROM {self.table} AS o WHERE o.{self.id} = v.n0)" if named else ""
        statement = f"INSERT INTO {self.table} AS t {chosen}{absent} RETURNING t.{self.id}::text"
        return partial(self._told, statement, tuple(array(slot.values) for slot in slots))

    def _given(self, change: Change) -> Iterator[tuple[str, _Given]]:
        """The columns of a new row that are given a value; the id first."""
        media = self.info.mapping.media_column
        yield self.info.mapping.id_column, _Given(self.info.id.cast, change.annotation_id)
        if self.info.writable(media) and change.media is not None:
            yield media, _Given(self.info.written[media].given_as, change.media)
        content = change.new if isinstance(change.new, dict) else {}
        for name, index, column in self._columns(content):
            value = self._part(name, content[name], index)
            if value is not None and not column.generated:
                yield column.name, _Given(column.given_as, value)

    def _ids(self, changes: Sequence[Change]) -> _Slot:
        return _Slot("i", self.info.id.cast, [each.annotation_id for each in changes])

    def _named(self) -> str:
        """The condition on a row's id, said twice: for thousands of values to join, the whole table is gone through."""
        return f"t.{self.id} = ANY(%s::{self.info.id.cast.replace('%', '%%')}[]) AND t.{self.id} = v.i"

    def _guard(self, slots: list[_Slot], field: str, index: int, column: ColumnInfo, old: list[Content]) -> str:
        """The condition that a column still holds what the diff saw; adds the array of what it saw."""
        # A coordinate is read as a float, whatever the type of its column.
        kind = Kind.FLOAT if field == BOX else self.mapping.field(field).kind
        pattern, type_ = _SEEN[kind]
        if kind is Kind.TIMESTAMP and not column.zoned:
            type_ = "timestamp"
        slot = _Slot(f"o{len(slots)}", type_, [self._part(field, each, index) for each in old])
        slots.append(slot)
        return f"{pattern.format(f't.{self._quote(column.name)}')} IS NOT DISTINCT FROM v.{slot.name}"

    def _arrays(self, slots: Sequence[_Slot]) -> str:
        arrays = ", ".join(f"%s::{slot.type.replace('%', '%%')}[]" for slot in slots)
        return f"unnest({arrays}) AS v({', '.join(slot.name for slot in slots)})"

    def _ready(self, statement: str, slots: Sequence[_Slot], *, named: bool = False) -> Write:
        """``named``: the statement ends by asking for the ids, which are in the first slot, once more."""
        given = [array(slot.values) for slot in slots]
        return partial(self._run, statement, tuple([*given, given[0]] if named else given))

    def _run(self, statement: str, given: tuple[str, ...]) -> set[str]:
        return {str(row[0]) for row in self.connection.exec_driver_sql(statement, given)}

    def _told(self, statement: str, given: tuple[str, ...]) -> list[str | None]:
        return [row[0] for row in self.connection.exec_driver_sql(statement, given)]

    def _columns(self, fields: Iterable[str]) -> Iterator[tuple[str, int, ColumnInfo]]:
        """(field, index within the field, column) of the columns of these fields that the written table has."""
        for name in fields:
            for index, column in enumerate(self.info.mapping.fields[name]):
                if column in self.info.written:
                    yield name, index, self.info.written[column]

    def _part(self, field: str, value: Content, index: int) -> object:
        if value is None or isinstance(value, dict):
            return None
        if field == BOX and isinstance(value, list):
            return value[index]
        column = self.info.written[self.info.mapping.fields[field][index]]
        return to_driver(self.mapping.field(field).kind, value, naive=not column.zoned)

    def _stamps(self) -> list[str]:
        """The lab's own bookkeeping columns, where they are mapped and in the written table."""
        at, by = self.info.mapping.updated_at, self.info.mapping.updated_by
        stamps = []
        if at and self.info.writable(at):
            now = "clock_timestamp()"
            if not self.info.written[at].zoned:
                # As it is read.
                now += f" AT TIME ZONE {literal(self.info.zone or 'UTC')}".replace("%", "%%")
            stamps.append(f"{self._quote(at)} = {now}")
        if by and self.info.writable(by):
            stamps.append(f"{self._quote(by)} = v.{EDITOR}")
        return stamps

    def _editors(self, changes: Sequence[Change]) -> list[_Slot]:
        """The array of who edited what, where a column is mapped to it."""
        by = self.info.mapping.updated_by
        if not by or not self.info.writable(by):
            return []
        column = self.info.written[by]
        longest = column.holds.max_length if column.holds else None
        return [_Slot(EDITOR, column.given_as, [editor(each.actor, longest) for each in changes])]

    def _quote(self, name: str) -> str:
        # A percent sign in a name would be taken for a parameter.
        return quote(self.connection.dialect, name).replace("%", "%%")


@dataclass(frozen=True)
class _Given:
    """A value for a new row, and the type in which it is given."""

    type: str
    value: object
