"""Compare-and-set writes to PostgreSQL on sets: one statement per field, whatever the number of rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from syncd.adapters.sql.arrays import array
from syncd.adapters.sql.clock import literal
from syncd.adapters.sql.errors import sqlstate
from syncd.adapters.sql.ids import taken
from syncd.adapters.sql.mapping import ColumnInfo, TableInfo
from syncd.adapters.sql.quote import quote, relation
from syncd.adapters.sql.values import editor, part_of, to_driver
from syncd.adapters.sql.write_portable import Inserted, Write
from syncd.model import BOX, FLAG, MEDIA_FIELD, Action, Change, Content, Kind, Mapping

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

_AT_ONCE = "SET CONSTRAINTS ALL IMMEDIATE"

_WAITS_AND_RULES = """
SELECT EXISTS (SELECT FROM pg_constraint WHERE condeferrable),
       ARRAY(SELECT DISTINCT ev_type::text FROM pg_rewrite
             WHERE ev_class = to_regclass(%s) AND is_instead AND ev_type IN ('2', '3', '4'))
"""
_EVENTS = {"2": Action.UPDATE, "3": Action.INSERT, "4": Action.DELETE}
"""What ``pg_rewrite`` calls the events of rules."""

_UNSUPPORTED = "0A000"

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
        self._may_wait = True
        self._untold: frozenset[Action] = frozenset()

    def prepare(self) -> None:
        """Has constraints that wait for the commit checked at once, while a refusal costs its own change only.

        Stamps without a zone, which triggers may set, are to be in the zone of all others.
        """
        self.connection.exec_driver_sql(_AT_ONCE)
        asked = self.connection.exec_driver_sql(_WAITS_AND_RULES, (self.table.replace("%%", "%"),))
        self._may_wait, rules = asked.one()
        self._untold = frozenset(each for each in map(_EVENTS.__getitem__, rules) if not self._tells(each))
        if self.info.zone is not None:
            self.connection.exec_driver_sql("SELECT set_config('timezone', %s, true)", (self.info.zone,))

    def _tells(self, action: Action) -> bool:
        """Whether a table whose rules do something else instead says which rows that concerned (``RETURNING``)."""
        if action is Action.INSERT:
            statement = f"INSERT INTO {self.table} ({self.id}) SELECT NULL WHERE false"
        elif action is Action.UPDATE:
            statement = f"UPDATE {self.table} SET {self.id} = {self.id} WHERE false"
        else:
            statement = f"DELETE FROM {self.table} WHERE false"
        try:
            with self.connection.begin_nested():
                self.connection.exec_driver_sql(f"EXPLAIN {statement} RETURNING {self.id}")
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
            return sqlstate(error) != _UNSUPPORTED
        return True

    def ask_what_waits(self) -> None:
        """Has checked what a trigger has put off until the commit all the same."""
        if self._may_wait:
            self.connection.exec_driver_sql(_AT_ONCE)

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
        which = " AND ".join([self._named(), *guards])
        setting = ", ".join([*sets, *self._stamps()])
        statement = f"UPDATE {self.table} AS t SET {setting} FROM {self._arrays(slots)} WHERE {which}"
        return self._ready(Action.UPDATE, statement, which, slots)

    def delete(self, changes: Sequence[Change]) -> Write:
        """Deletes rows that still hold every value the diff saw."""
        slots = [self._ids(changes)]
        seen = [name for name in self.mapping.names if name not in (FLAG, MEDIA_FIELD)]
        guards = [
            self._guard(slots, name, index, column, [part_of(each.old, name) for each in changes])
            for name, index, column in self._columns(seen)
        ]
        which = " AND ".join([self._named(), *guards])
        statement = f"DELETE FROM {self.table} AS t USING {self._arrays(slots)} WHERE {which}"
        return self._ready(Action.DELETE, statement, which, slots)

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

    def on_no_row(self, change: Change) -> Callable[[], object]:
        """A statement like the one that carries out this change, for no row at all."""
        if change.action is Action.UPDATE:
            return self.update(str(change.field), ())
        if change.action is Action.DELETE:
            return self.delete(())
        row = dict(self._given(change))
        if change.annotation_id is None:
            del row[self.info.mapping.id_column]
        return self._insert(tuple(row), [change], [row], named=change.annotation_id is not None, empty=True)

    def _insert(
        self,
        names: tuple[str, ...],
        changes: list[Change],
        rows: list[dict[str, _Given]],
        *,
        named: bool = True,
        empty: bool = False,
    ) -> Inserted:
        """``named``: the first column is the id. ``empty``: of these rows none."""
        slots = [
            _Slot(f"n{index}", rows[0][name].type, [row[name].value for row in rows])
            for index, name in enumerate(names)
        ]
        slots += self._editors(changes)
        if empty:
            slots = [replace(each, values=[]) for each in slots]
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
            if empty:
                chosen = f"({', '.join(columns or [self.id])}) SELECT {', '.join(values or ['NULL'])} WHERE false"
        absent = f" WHERE NOT EXISTS (SELECT 1 FROM {self.table} AS o WHERE o.{self.id} = v.n0)" if named else ""
        statement = f"INSERT INTO {self.table} AS t {chosen}{absent}"
        given = tuple(array(slot.values) for slot in slots)
        if Action.INSERT in self._untold:
            return partial(self._found, statement, given, [each.annotation_id for each in changes])
        return partial(self._told, f"{statement} RETURNING t.{self.id}::text", given)

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

    def _ready(self, action: Action, statement: str, which: str, slots: Sequence[_Slot]) -> Write:
        """The statement ends with the condition ``which``, that asks for the ids (in the first slot) once more."""
        given = [array(slot.values) for slot in slots]
        parameters = (*given, given[0])
        if action not in self._untold:
            return partial(self._run, f"{statement} RETURNING t.{self.id}::text", parameters)
        # Which rows it is about is asked before: what becomes of them is seen when they are read back.
        lock = "" if self.info.is_view else " FOR UPDATE OF t"
        asked = f"SELECT t.{self.id}::text FROM {self.table} AS t, {self._arrays(slots)} WHERE {which}{lock}"

        def carry_out() -> set[str]:
            about = self._run(asked, parameters)
            self.connection.exec_driver_sql(statement, parameters)
            return about

        return carry_out

    def _run(self, statement: str, given: tuple[str, ...]) -> set[str]:
        return {str(row[0]) for row in self.connection.exec_driver_sql(statement, given)}

    def _told(self, statement: str, given: tuple[str, ...]) -> list[str | None]:
        return [row[0] for row in self.connection.exec_driver_sql(statement, given)]

    def _found(self, statement: str, given: tuple[str, ...], ids: list[str | None]) -> list[str | None]:
        """The ids of new rows, of which the statement itself tells nothing: those that are there now."""
        asked = [each for each in ids if each is not None]
        before = taken(self.connection, self.info, asked)
        self.connection.exec_driver_sql(statement, given)
        now = taken(self.connection, self.info, asked)
        return [each for each in ids if each is None or (each in now and each not in before)]

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
        return [_Slot(EDITOR, column.given_as, [editor(each.actor, column.holds) for each in changes])]

    def _quote(self, name: str) -> str:
        # A percent sign in a name would be taken for a parameter.
        return quote(self.connection.dialect, name).replace("%", "%%")


@dataclass(frozen=True)
class _Given:
    """A value for a new row, and the type in which it is given."""

    type: str
    value: object
