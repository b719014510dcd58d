"""Compare-and-set writes through SQLAlchemy alone, one statement per change: for any database, and not fast."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection
from sqlalchemy.sql import sqltypes
from sqlalchemy.sql.expression import ClauseElement

from syncd.adapters.sql.expressions import Shown
from syncd.adapters.sql.keys import Keys
from syncd.adapters.sql.mapping import TableInfo
from syncd.adapters.sql.mysql import is_mysql, is_short_float, same_float, same_text
from syncd.adapters.sql.places import Place
from syncd.adapters.sql.quote import relation, split_name
from syncd.adapters.sql.stored import Append
from syncd.adapters.sql.values import editor, part_of, to_driver
from syncd.model import BOX, FLAG, MEDIA_FIELD, Action, Change, Content, Kind, Mapping

MILLISECOND = timedelta(milliseconds=1)

Write = Callable[[], set[str]]
"""A write made ready; carried out it returns the ids hit."""

Inserted = Callable[[], "list[str | None]"]
"""An insert made ready; carried out it returns the ids that the database tells of the new rows."""


class Writer:
    """Writes to one table over one connection, inside the caller's transaction."""

    def __init__(self, connection: Connection, info: TableInfo, mapping: Mapping, keys: Keys) -> None:
        schema, name = split_name(info.mapping.table)
        self.connection = connection
        self.info = info
        self.mapping = mapping
        self.keys = keys
        self.rows = info.mapping.rows
        self.shown = Shown(connection.dialect, info.mapping)
        self.table = sa.Table(name, sa.MetaData(), schema=schema, autoload_with=connection)
        self.row = relation(connection.dialect, info.mapping.table)
        self.id: ColumnElement[Any] = self.table.c[info.mapping.id_columns[0]]
        if info.mapping.composite_id is not None:
            self.id = sa.literal_column(_in_text(self.shown.id_of(self.row)))

    def prepare(self) -> None:
        """Does nothing: there is nothing to be set up before a write."""

    def ask_what_waits(self) -> None:
        """Does nothing: no constraint is checked later than its statement."""

    def on_no_row(self, change: Change) -> Callable[[], object]:
        """A statement like the one that carries out this change, for no row at all."""
        if change.action is Action.UPDATE:
            statement: sa.Executable = (
                sa.update(self.table).where(sa.false()).values(self._new(change) | self._stamps(change, of=self.row))
            )
        elif change.action is Action.DELETE:
            statement = sa.delete(self.table).where(sa.false())
        else:
            given = self._given(change) | self._stamps(change)
            values = sa.select(*(self._literal(name, value) for name, value in given.items()))
            statement = sa.insert(self.table).from_select(list(given), values.where(sa.false()))
        return lambda: self.connection.execute(statement)

    def _literal(self, name: str, value: object) -> ColumnElement[Any]:
        if isinstance(value, ClauseElement):
            return value  # type: ignore[return-value]
        return sa.literal(value, self.table.c[name].type)

    def update(self, field: str, changes: Sequence[Change]) -> Write:
        """Sets one field where it still holds what the diff saw."""
        columns = self.info.mapping.fields[field]

        def one(change: Change) -> int:
            new = self._new(change)
            guards = [self._unchanged(field, name, change.old, index) for index, name in enumerate(columns)]
            return self._change(change, new, guards)

        return partial(_hit, changes, one)

    def delete(self, changes: Sequence[Change]) -> Write:
        """Deletes rows that still hold every value the diff saw; or marks them as deleted, where the lab does that."""

        def one(change: Change) -> int:
            guards = [
                self._unchanged(name, column, part_of(change.old, name), index)
                for name in self.mapping.names
                if name not in (FLAG, MEDIA_FIELD)
                for index, column in enumerate(self.info.mapping.fields[name])
                if column in self.info.written
            ]
            if self.rows.deleted is not None:
                return self._change(change, {self.rows.deleted.column: self._deletion()}, guards)
            return self._count(sa.delete(self.table).where(self._is(change), *guards), change, guards)

        return partial(_hit, changes, one)

    def _change(self, change: Change, new: dict[str, object], guards: list[ColumnElement[bool]]) -> int:
        """Sets columns of a row that is still there; or adds a newer row."""
        guards = [*guards, *self._still()]
        sets = new | self._stamps(change, of=self.row)
        if self.rows.append is not None:
            return self._append(self.rows.append, change, sets, guards)
        return self._count(sa.update(self.table).where(self._is(change), *guards).values(sets), change, guards)

    def _still(self) -> list[ColumnElement[bool]]:
        """That the row is an annotation: the newest of its id, and not deleted."""
        return [sa.text(_in_text(each)) for each in self.shown.conditions(self.row, self.info.mapping.table)]  # type: ignore[misc]

    def _append(
        self, append: Append, change: Change, sets: dict[str, object], guards: Sequence[ColumnElement[bool]]
    ) -> int:
        row: dict[str, ColumnElement[Any]] = {}
        for name, column in self.info.physical.items():
            own = self.table.c[name]
            if name == append.newest and name not in sets:
                now: Any = datetime.now(timezone.utc).replace(tzinfo=None)
                row[name] = sa.literal(now, own.type) if column.kind is Kind.TIMESTAMP else own + 1
            elif name != append.key and not column.generated:
                row[name] = self._literal(name, sets[name]) if name in sets else own
        chosen = sa.select(*row.values()).select_from(self.table).where(self._is(change), *guards)
        return self.connection.execute(sa.insert(self.table).from_select(list(row), chosen)).rowcount

    def _deletion(self) -> object:
        """What is written to a row that is deleted."""
        deleted = self.rows.deleted
        assert deleted is not None, "rows are marked as deleted"
        if deleted.set != "now":
            return deleted.set
        now = datetime.now(timezone.utc).replace(tzinfo=None)
        return now.date() if self.info.in_table(deleted.column).kind is Kind.DATE else now

    def _count(self, statement: sa.Update | sa.Delete, change: Change, guards: Sequence[ColumnElement[bool]]) -> int:
        """Carries out a statement; how many rows it was about, which of a view only the rows themselves say."""
        if not self.info.is_view:
            return self.connection.execute(statement).rowcount
        about = sa.select(sa.func.count()).select_from(self.table).where(self._is(change), *guards)
        found = int(self.connection.execute(about).scalar_one())
        self.connection.execute(statement)
        return found

    def insert(self, changes: Sequence[Change]) -> Inserted:
        """Inserts rows; missing values are left to the columns' defaults. A row with that id is never touched.

        But for one that is marked as deleted: that is brought back, with the values of the change.
        """

        def one(change: Change) -> list[str | None]:
            # Of an append-only table the newest row counts, and that only if it is live.
            there = [self._is(change), *(self._still() if self.rows.append is not None else ())]
            if self.connection.execute(sa.select(self.id).where(*there)).first() is not None:
                return self._revived(change)
            return self._insert(self._given(change) | self._id(change), change)

        return lambda: [told for change in changes for told in one(change)]

    def _revived(self, change: Change) -> list[str | None]:
        """Brings back a row that is marked as deleted; nothing where it is not."""
        deleted = self.rows.deleted
        if deleted is None or self.rows.append is not None:
            return []
        sets = self._given(change) | self._stamps(change, of=self.row) | {deleted.column: deleted.clear}
        live = sa.text(_in_text(f"NOT coalesce({self.shown.live(self.row)}, 0)"))
        done = self.connection.execute(sa.update(self.table).where(self._is(change), live).values(sets))
        return [change.annotation_id] if done.rowcount else []

    def insert_nameless(self, change: Change) -> Inserted:
        """Inserts a row to which the database gives its id."""
        return lambda: self._insert(self._given(change), change)

    def _insert(self, values: dict[str, object], change: Change) -> list[str | None]:
        inserting = sa.insert(self.table).values(values | self._stamps(change))
        if self.connection.dialect.insert_returning:
            told = list(self.connection.execute(inserting.returning(self.id)).scalars())
        elif self.info.mapping.composite_id is None:
            told = list(self.connection.execute(inserting).inserted_primary_key or ())
        else:
            made = self.connection.execute(inserting).inserted_primary_key
            told = [self.info.mapping.composite_id.join([str(each) for each in made or ()])]
        return [None if each is None else str(each) for each in told]

    def _new(self, change: Change) -> dict[str, object]:
        """What an update sets its columns to."""
        sets = _Sets()
        self._assigned(str(change.field), change.new, self.row, sets)
        return sets.finished()

    def _assigned(self, field: str, value: Content, of: str | None, sets: _Sets) -> None:
        """Sets the columns of a field."""
        place = self._place(field)
        given = [self._fitting(place.given(value, index, naive=True)) for index in range(len(place.names))]
        if place.is_value:
            sets.values |= dict(zip(place.columns, given, strict=True))
            return
        names = [sets.parameter(each) for each in given]
        sets.expressions |= place.assigned(names, of, sets.before())

    def _place(self, field: str) -> Place:
        return Place(self.shown, self.info, field, self.mapping.field(field).kind, self.keys)

    def _given(self, change: Change) -> dict[str, object]:
        media, sets = self.info.mapping.media_column, _Sets()
        if self.info.writable(media) and change.media is not None and media != self.info.mapping.id_column:
            self._assigned(MEDIA_FIELD, change.media, None, sets)
        content = change.new if isinstance(change.new, dict) else {}
        for name, value in content.items():
            stored = self.info.mapping.stored.get(self.info.mapping.fields[name][0])
            new = stored.default if value is None and stored is not None else value
            if new is not None:
                self._assigned(name, new, None, sets)
        values = {name: each for name, each in sets.finished().items() if name in self.info.physical}
        for name, constant in self.rows.insert:
            values.setdefault(name, constant)
        return {name: each for name, each in values.items() if not self.info.in_table(name).generated}

    def _id(self, change: Change) -> dict[str, object]:
        parts = self.info.parts(str(change.annotation_id)) or ()
        return {
            column.name: int(part) if column.kind is Kind.INTEGER else part
            for column, part in zip(self.info.ids, parts, strict=True)
        }

    def _is(self, change: Change) -> ColumnElement[bool]:
        return sa.and_(*(self._is_part(self.table.c[name], value) for name, value in self._id(change).items()))

    def _is_part(self, column: ColumnElement[Any], value: object) -> ColumnElement[bool]:
        if isinstance(value, str) and is_mysql(self.connection.dialect):
            return same_text(column, value)
        return column == value

    def _unchanged(self, field: str, column: str, old: Content, index: int) -> ColumnElement[bool]:
        """Whether the column still holds what the diff saw; times are compared to the millisecond."""
        target, is_plain = self._target(field, column)
        value = self._part(field, old, index)
        if value is None:
            return target.is_(None)
        if isinstance(value, datetime):
            first = value.replace(microsecond=value.microsecond // 1000 * 1000)
            last = first + (MILLISECOND - timedelta(microseconds=1))
            return target.between(sa.literal(first, target.type), sa.literal(last, target.type))
        if isinstance(target.type, sqltypes.String) and self.connection.dialect.name == "sqlite":
            # Text is compared exactly, whatever the collation of its column.
            return sa.collate(sa.cast(target, sa.Text), "BINARY") == value
        if is_mysql(self.connection.dialect):
            if isinstance(value, str):
                return same_text(target, value)
            if isinstance(value, float) and is_short_float(target.type):
                return same_float(target, value)
        return target == (sa.literal(value, target.type) if is_plain else sa.literal(value))

    def _target(self, field: str, column: str) -> tuple[ColumnElement[Any], bool]:
        """What is compared; and whether that is a column of the table itself."""
        if self.info.mapping.behind(column) == (column,) and column not in self.info.mapping.stored:
            return self.table.c[column], True
        kind = Kind.FLOAT if field == BOX else self.mapping.field(field).kind
        type_ = sa.Text() if kind is Kind.TEXT else sqltypes.NULLTYPE
        return sa.literal_column(f"({_in_text(self.shown.seen(column, self.row))})", type_), False

    def _part(self, field: str, value: Content, index: int) -> object:
        if value is None or isinstance(value, dict):
            return None
        if field == BOX and isinstance(value, list):
            return value[index]
        return self._fitting(to_driver(self.mapping.field(field).kind, value, naive=True))

    def _fitting(self, part: object) -> object:
        # SQLite has no decimals, and says so at every one it is given.
        return float(part) if isinstance(part, Decimal) and self.connection.dialect.name == "sqlite" else part

    def _stamps(self, change: Change, of: str | None = None) -> dict[str, object]:
        at, by, version = self.info.mapping.updated_at, self.info.mapping.updated_by, self.rows.version
        stamps: dict[str, object] = {}
        if at and self.info.writable(at):
            stamps[at] = datetime.now(timezone.utc).replace(tzinfo=None)
        if by and self.info.writable(by):
            (column,) = self.info.mapping.behind(by)
            stored = self.info.mapping.stored.get(by)
            if stored is not None and stored.lookup is not None:
                stamps[column] = self.keys.editor(stored.lookup, change.actor)
            else:
                stamps[column] = editor(change.actor, self.info.written[by].holds)
        if version is not None and of is not None:
            stamps[version[0]] = sa.func.coalesce(self.table.c[version[0]], 0) + version[1]
        return stamps


@dataclass
class _Sets:
    """What columns are set to: ``values``, and ``expressions`` of ``parameters`` and of the row."""

    values: dict[str, object] = field(default_factory=dict)
    expressions: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, object] = field(default_factory=dict)

    def parameter(self, value: object) -> str:
        """A name for a value in an expression."""
        name = f"given_{len(self.parameters)}"
        self.parameters[name] = value
        return f"{_GIVEN}{name}"

    def before(self) -> dict[str, str]:
        """Everything as expressions, for another field to build on."""
        return {name: self.parameter(each) for name, each in self.values.items()} | self.expressions

    def finished(self) -> dict[str, object]:
        """The values, and the expressions with their parameters."""
        found = dict(self.values)
        for name, expression in self.expressions.items():
            text = _in_text(expression).replace(_GIVEN, ":")
            used = {each: value for each, value in self.parameters.items() if re.search(rf":{each}\b", text)}
            found[name] = sa.text(text).bindparams(**used)
        return found


_GIVEN = "\0"
"""Stands before the name of a parameter, where a colon of the laboratory's would be none."""


def _in_text(expression: str) -> str:
    """SQL in which a colon begins no parameter."""
    return expression.replace(":", "\\:")


def _hit(changes: Sequence[Change], one: Callable[[Change], int]) -> set[str]:
    return {str(each.annotation_id) for each in changes if one(each)}
