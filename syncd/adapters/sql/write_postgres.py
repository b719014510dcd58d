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
from syncd.adapters.sql.expressions import Shown
from syncd.adapters.sql.ids import columns_of_ids, taken
from syncd.adapters.sql.keys import Keys
from syncd.adapters.sql.mapping import ColumnInfo, TableInfo
from syncd.adapters.sql.places import Place
from syncd.adapters.sql.quote import quote, relation, split_name
from syncd.adapters.sql.stored import Append
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

    Making a write ready needs no connection, so that the next can be made ready while one is carried out; but for the
    keys of values that ``keys`` has not been asked for before.
    """

    def __init__(self, connection: Connection, info: TableInfo, mapping: Mapping, keys: Keys) -> None:
        self.connection = connection
        self.info = info
        self.mapping = mapping
        self.keys = keys
        self.shown = Shown(connection.dialect, info.mapping)
        self.table = relation(connection.dialect, info.mapping.table).replace("%", "%%")
        self.ids = [self._quote(each) for each in info.mapping.id_columns]
        self.told = _escaped(self.shown.id_of("t"))
        self.rows = info.mapping.rows
        self._places: dict[str, Place] = {}
        self._may_wait = True
        self._untold: frozenset[Action] = frozenset()

    def prepare(self) -> None:
        """Has constraints that wait for the commit checked at once, while a refusal costs its own change only.

        Stamps without a zone, which triggers may set, are to be in the zone of all others.
        """
        self.connection.exec_driver_sql(_AT_ONCE)
        if self.rows.append is not None:
            # Which row is the newest must not change between a look at it and the next one behind it.
            self.connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext(%s))", (self.info.mapping.table,))
        asked = self.connection.exec_driver_sql(_WAITS_AND_RULES, (self.table.replace("%%", "%"),))
        self._may_wait, rules = asked.one()
        self._untold = frozenset(each for each in map(_EVENTS.__getitem__, rules) if not self._tells(each))
        if self.info.zone is not None:
            self.connection.exec_driver_sql("SELECT set_config('timezone', %s, true)", (self.info.zone,))

    def _tells(self, action: Action) -> bool:
        """Whether a table whose rules do something else instead says which rows that concerned (``RETURNING``)."""
        if action is Action.INSERT:
            statement = f"INSERT INTO {self.table} ({self.ids[0]}) SELECT NULL WHERE false"
        elif action is Action.UPDATE:
            statement = f"UPDATE {self.table} SET {self.ids[0]} = {self.ids[0]} WHERE false"
        else:
            statement = f"DELETE FROM {self.table} WHERE false"
        try:
            with self.connection.begin_nested():
                self.connection.exec_driver_sql(f"EXPLAIN {statement} RETURNING {self.ids[0]}")
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
        slots, place, guards = self._ids(changes), self._place(field), []
        for index, name in enumerate(place.names):
            slots.append(_Slot(f"n{index}", place.type(index), [place.given(c.new, index) for c in changes]))
            guards.append(self._guard(slots, field, index, self.info.written[name], [each.old for each in changes]))
        sets = place.assigned([f"v.n{index}" for index in range(len(place.names))], "t", {})
        return self._change(sets, guards, [*slots, *self._editors(changes)])

    def delete(self, changes: Sequence[Change]) -> Write:
        """Deletes rows that still hold every value the diff saw; or marks them as deleted, where the lab does that."""
        slots = self._ids(changes)
        seen = [name for name in self.mapping.names if name not in (FLAG, MEDIA_FIELD)]
        guards = [
            self._guard(slots, name, index, column, [part_of(each.old, name) for each in changes])
            for name, index, column in self._columns(seen)
        ]
        if self.rows.deleted is not None:
            return self._change({self.rows.deleted.column: self._deletion()}, guards, [*slots, *self._editors(changes)])
        which = " AND ".join([self._named(), *guards])
        statement = f"DELETE FROM {self.table} AS t USING {self._arrays(slots)} WHERE {which}"
        return self._ready(Action.DELETE, statement, which, slots)

    def _change(self, sets: dict[str, str], guards: list[str], slots: list[_Slot]) -> Write:
        """Sets columns of rows that are still there and hold what the diff saw; or adds a newer row of each."""
        still = map(_escaped, self.shown.conditions("t", self.info.mapping.table))
        which = " AND ".join([self._named(), *guards, *still])
        sets = sets | self._stamps("t")
        if self.rows.append is not None:
            row = self._newer_row(self.rows.append, sets)
            chosen = f"SELECT {_listed(row.values())} FROM {self.table} AS t, {self._arrays(slots)} WHERE {which}"
            statement = f"INSERT INTO {self.table} ({', '.join(map(self._quote, row))}) {chosen}"
            # Of what an INSERT returns only the table's own name can be said, and "t" is the row before it.
            own = _escaped(self.shown.id_of(quote(self.connection.dialect, split_name(self.info.mapping.table)[1])))
            return self._ready(Action.INSERT, statement, which, slots, told=own)
        setting = ", ".join(f"{self._quote(name)} = {_escaped(each)}" for name, each in sets.items())
        statement = f"UPDATE {self.table} AS t SET {setting} FROM {self._arrays(slots)} WHERE {which}"
        return self._ready(Action.UPDATE, statement, which, slots)

    def _newer_row(self, append: Append, sets: dict[str, str]) -> dict[str, str]:
        """The columns of a row like the newest one, but for what is set."""
        row = {}
        for name, column in self.info.physical.items():
            own = f"t.{quote(self.connection.dialect, name)}"
            if name == append.newest and name not in sets:
                own = self._now(column) if column.kind is Kind.TIMESTAMP else f"{own} + 1"
            if name != append.key and not column.generated:
                row[name] = sets.get(name, own)
        return row

    def _deletion(self) -> str:
        """What is written to a row that is deleted."""
        deleted = self.rows.deleted
        assert deleted is not None, "rows are marked as deleted"
        column = self.info.in_table(deleted.column)
        is_now = deleted.set == "now" and column.kind in (Kind.TIMESTAMP, Kind.DATE)
        return self._now(column) if is_now else self.shown.literal(deleted.set)

    def _place(self, field: str) -> Place:
        if field not in self._places:
            kind = self.mapping.field(field).kind
            self._places[field] = Place(self.shown, self.info, field, kind, self.keys)
        return self._places[field]

    def insert(self, changes: Sequence[Change]) -> Inserted:
        """Inserts rows; missing values are left to the columns' defaults. A row with that id is never touched.

        But for one that is marked as deleted: that is brought back, with the values of the change.
        """
        alike: defaultdict[tuple[str, ...], list[Change]] = defaultdict(list)
        for change in changes:
            alike[self._given(change)].append(change)
        ready = [self._insert(names, some) for names, some in alike.items()]
        return lambda: [each for write in ready for each in write()]

    def insert_nameless(self, change: Change) -> Inserted:
        """Inserts a row to which the database gives its id."""
        return self._insert(self._given(change), [change], named=False)

    def on_no_row(self, change: Change) -> Callable[[], object]:
        """A statement like the one that carries out this change, for no row at all."""
        if change.action is Action.UPDATE:
            return self.update(str(change.field), ())
        if change.action is Action.DELETE:
            return self.delete(())
        return self._insert(self._given(change), [change], named=change.annotation_id is not None, empty=True)

    def _insert(
        self, names: tuple[str, ...], changes: list[Change], *, named: bool = True, empty: bool = False
    ) -> Inserted:
        """Rows that are given values of the fields ``names``. ``named``: and an id. ``empty``: of these rows none."""
        slots = self._ids(changes) if named else []
        ids = {each.name: f"v.i{at}" for at, each in enumerate(self.info.ids)} if named else {}
        columns = dict(ids)
        for number, field in enumerate(names):
            place, new = self._place(field), []
            for index in range(len(place.names)):
                values = [place.given(self._value(each, field), index) for each in changes]
                slots.append(_Slot(f"n{number}_{index}", place.type(index), values))
                new.append(f"v.n{number}_{index}")
            # An image may be a part of the id, which is given already.
            columns |= place.assigned(new, None, columns) | ids
        for name, constant in self.rows.insert:
            columns.setdefault(name, self.shown.literal(constant))
        slots += self._editors(changes)
        if empty:
            slots = [replace(each, values=[]) for each in slots]
        columns |= self._stamps(None)
        columns = {name: each for name, each in columns.items() if not self.info.in_table(name).generated}
        listed, values_ = ", ".join(map(self._quote, columns)), _listed(columns.values())
        if slots:
            chosen = f"({listed}) OVERRIDING SYSTEM VALUE SELECT {values_} FROM {self._arrays(slots)}"
        else:
            # Nothing is given: the row is made of its defaults.
            chosen = f"({listed}) VALUES ({values_})" if columns else "DEFAULT VALUES"
            if empty:
                chosen = f"({listed or self.ids[0]}) SELECT {values_ or 'NULL'} WHERE false"
        absent = f" WHERE NOT EXISTS (SELECT 1 FROM {self.table} AS o WHERE {self._is_there('o')})" if named else ""
        statement = f"INSERT INTO {self.table} AS t {chosen}{absent}"
        given = tuple(array(slot.values) for slot in slots)
        if Action.INSERT in self._untold:
            return partial(self._found, statement, given, [each.annotation_id for each in changes])
        insert = partial(self._told, f"{statement} RETURNING {self.told}", given)
        if not named or self.rows.deleted is None or self.rows.append is not None:
            return insert
        revive = self._revival({name: each for name, each in columns.items() if name not in ids}, slots, given)
        return lambda: [*revive(), *insert()]

    def _is_there(self, of: str) -> str:
        """That a row has the id of a new one; of an append-only table the newest, and that only if it is live."""
        same = " AND ".join(f"{of}.{name} = v.i{at}" for at, name in enumerate(self.ids))
        if self.rows.append is None:
            return same
        return " AND ".join([same, *map(_escaped, self.shown.conditions(of, self.info.mapping.table))])

    def _revival(self, columns: dict[str, str], slots: Sequence[_Slot], given: tuple[str, ...]) -> Inserted:
        """Brings back rows that are marked as deleted and have the ids of new ones."""
        deleted = self.rows.deleted
        assert deleted is not None, "rows are marked as deleted"
        sets = columns | self._stamps("t") | {deleted.column: self.shown.literal(deleted.clear)}
        setting = ", ".join(f"{self._quote(name)} = {_escaped(each)}" for name, each in sets.items())
        same = " AND ".join(f"t.{name} = v.i{at}" for at, name in enumerate(self.ids))
        gone = f"NOT coalesce({_escaped(self.shown.live('t'))}, false)"
        statement = f"UPDATE {self.table} AS t SET {setting} FROM {self._arrays(slots)} WHERE {same} AND {gone}"
        return partial(self._told, f"{statement} RETURNING {self.told}", given)

    def _given(self, change: Change) -> tuple[str, ...]:
        """The fields of a new row that are given a value; the media first, by which its size may be found."""
        media = self.info.mapping.media_column
        is_given = self.info.writable(media) and change.media is not None and media != self.info.mapping.id_column
        given = [MEDIA_FIELD] if is_given else []
        for name in change.new if isinstance(change.new, dict) else ():
            there = any(column in self.info.written for column in self.info.mapping.fields[name])
            if there and self._value(change, name) is not None:
                given.append(name)
        return tuple(given)

    def _value(self, change: Change, field: str) -> Content:
        """What a new row is given of a field; a default of the configuration where the label has nothing."""
        if field == MEDIA_FIELD:
            return change.media
        value = part_of(change.new, field)
        stored = self.info.mapping.stored.get(self.info.mapping.fields[field][0])
        return stored.default if value is None and stored is not None else value

    def _ids(self, changes: Sequence[Change]) -> list[_Slot]:
        """The arrays of the ids, one for each column that they are made of."""
        given = columns_of_ids(self.info, [str(each.annotation_id) for each in changes])
        return [_Slot(f"i{at}", each.cast, list(given[at])) for at, each in enumerate(self.info.ids)]

    def _named(self) -> str:
        """The condition on a row's id, said twice: for thousands of values to join, the whole table is gone through."""
        same = " AND ".join(f"t.{name} = v.i{at}" for at, name in enumerate(self.ids))
        return f"t.{self.ids[0]} = ANY(%s::{self.info.ids[0].cast.replace('%', '%%')}[]) AND {same}"

    def _guard(self, slots: list[_Slot], field: str, index: int, column: ColumnInfo, old: list[Content]) -> str:
        """The condition that a column still holds what the diff saw; adds the array of what it saw."""
        # A coordinate is read as a float, whatever the type of its column.
        kind = Kind.FLOAT if field == BOX else self.mapping.field(field).kind
        pattern, type_ = _SEEN[kind]
        if kind is Kind.TIMESTAMP and not column.zoned:
            type_ = "timestamp"
        slot = _Slot(f"o{len(slots)}", type_, [_expected(kind, each, index, naive=not column.zoned) for each in old])
        slots.append(slot)
        seen = _escaped(self.shown.seen(column.name, "t"))
        return f"{pattern.format(seen)} IS NOT DISTINCT FROM v.{slot.name}"

    def _arrays(self, slots: Sequence[_Slot]) -> str:
        arrays = ", ".join(f"%s::{slot.type.replace('%', '%%')}[]" for slot in slots)
        return f"unnest({arrays}) AS v({', '.join(slot.name for slot in slots)})"

    def _ready(
        self, action: Action, statement: str, which: str, slots: Sequence[_Slot], *, told: str | None = None
    ) -> Write:
        """The statement ends with the condition ``which``, that asks for the ids (in the first slot) once more."""
        given = [array(slot.values) for slot in slots]
        parameters = (*given, given[0])
        if action not in self._untold:
            return partial(self._run, f"{statement} RETURNING {told or self.told}", parameters)
        # Which rows it is about is asked before: what becomes of them is seen when they are read back.
        lock = "" if self.info.is_view else " FOR UPDATE OF t"
        asked = f"SELECT {self.told} FROM {self.table} AS t, {self._arrays(slots)} WHERE {which}{lock}"

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

    def _now(self, column: ColumnInfo) -> str:
        """The time of the server's clock, in the zone in which stamps without one are read."""
        now = "clock_timestamp()"
        return now if column.zoned else f"{now} AT TIME ZONE {literal(self.info.zone or 'UTC')}"

    def _stamps(self, of: str | None) -> dict[str, str]:
        """The lab's own bookkeeping, where it is mapped and in the written table; ``of`` is the row that is changed."""
        at, by, version = self.info.mapping.updated_at, self.info.mapping.updated_by, self.rows.version
        stamps = {}
        if at and self.info.writable(at):
            stamps[at] = self._now(self.info.written[at])
        if by and self.info.writable(by):
            (column,) = self.info.mapping.behind(by)
            stamps[column] = f"v.{EDITOR}"
        if version is not None and of is not None:
            stamps[version[0]] = f"coalesce({of}.{quote(self.connection.dialect, version[0])}, 0) + {version[1]:d}"
        return stamps

    def _editors(self, changes: Sequence[Change]) -> list[_Slot]:
        """The array of who edited what, where a column is mapped to it."""
        by = self.info.mapping.updated_by
        if not by or not self.info.writable(by):
            return []
        stored, column = self.info.mapping.stored.get(by), self.info.written[by]
        if stored is None or stored.lookup is None:
            return [_Slot(EDITOR, column.given_as, [editor(each.actor, column.holds) for each in changes])]
        keys = [self.keys.editor(stored.lookup, each.actor) for each in changes]
        return [_Slot(EDITOR, self.info.in_table(stored.column).given_as, keys)]

    def _quote(self, name: str) -> str:
        return _escaped(quote(self.connection.dialect, name))


def _escaped(expression: str) -> str:
    """A percent sign would be taken for a parameter."""
    return expression.replace("%", "%%")


def _listed(expressions: Iterable[str]) -> str:
    return ", ".join(map(_escaped, expressions))


def _expected(kind: Kind, value: Content, index: int, *, naive: bool) -> object:
    """What a shown column is compared with."""
    if value is None or isinstance(value, dict):
        return None
    return value[index] if isinstance(value, list) else to_driver(kind, value, naive=naive)
