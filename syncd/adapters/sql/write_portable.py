"""Compare-and-set writes through SQLAlchemy alone, one statement per change: for any database, and not fast."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from functools import partial

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection
from sqlalchemy.sql import sqltypes

from syncd.adapters.sql.mapping import TableInfo
from syncd.adapters.sql.quote import split_name
from syncd.adapters.sql.values import editor, part_of, to_driver
from syncd.model import BOX, FLAG, MEDIA_FIELD, Action, Change, Content, Kind, Mapping

MILLISECOND = timedelta(milliseconds=1)

Write = Callable[[], set[str]]
"""A write made ready; carried out it returns the ids hit."""

Inserted = Callable[[], "list[str | None]"]
"""An insert made ready; carried out it returns the ids that the database tells of the new rows."""


class Writer:
    """Writes to one table over one connection, inside the caller's transaction."""

    def __init__(self, connection: Connection, info: TableInfo, mapping: Mapping) -> None:
        schema, name = split_name(info.mapping.table)
        self.connection = connection
        self.info = info
        self.mapping = mapping
        self.table = sa.Table(name, sa.MetaData(), schema=schema, autoload_with=connection)
        self.id = self.table.c[info.mapping.id_column]

    def prepare(self) -> None:
        """Does nothing: there is nothing to be set up before a write."""

    def ask_what_waits(self) -> None:
        """Does nothing: no constraint is checked later than its statement."""

    def on_no_row(self, change: Change) -> Callable[[], object]:
        """A statement like the one that carries out this change, for no row at all."""
        if change.action is Action.UPDATE:
            statement: sa.Executable = (
                sa.update(self.table).where(sa.false()).values(self._new(change) | self._stamps(change))
            )
        elif change.action is Action.DELETE:
            statement = sa.delete(self.table).where(sa.false())
        else:
            given = self._given(change) | self._stamps(change)
            values = sa.select(*(sa.literal(value, self.table.c[name].type) for name, value in given.items()))
            statement = sa.insert(self.table).from_select(list(given), values.where(sa.false()))
        return lambda: self.connection.execute(statement)

    def update(self, field: str, changes: Sequence[Change]) -> Write:
        """Sets one field where it still holds what the diff saw."""
        columns = self.info.mapping.fields[field]

        def one(change: Change) -> int:
            new = self._new(change)
            guards = [self._unchanged(field, name, change.old, index) for index, name in enumerate(columns)]
            statement = sa.update(self.table).where(self._is(change), *guards).values(new | self._stamps(change))
            return self._count(statement, change, guards)

        return partial(_hit, changes, one)

    def delete(self, changes: Sequence[Change]) -> Write:
        """Deletes rows that still hold every value the diff saw."""

        def one(change: Change) -> int:
            guards = [
                self._unchanged(name, column, part_of(change.old, name), index)
                for name in self.mapping.names
                if name not in (FLAG, MEDIA_FIELD)
                for index, column in enumerate(self.info.mapping.fields[name])
                if column in self.info.written
            ]
            return self._count(sa.delete(self.table).where(self._is(change), *guards), change, guards)

        return partial(_hit, changes, one)

    def _count(self, statement: sa.Update | sa.Delete, change: Change, guards: Sequence[ColumnElement[bool]]) -> int:
        """Carries out a statement; how many rows it was about, which of a view only the rows themselves say."""
        if not self.info.is_view:
            return self.connection.execute(statement).rowcount
        about = sa.select(sa.func.count()).select_from(self.table).where(self._is(change), *guards)
        found = int(self.connection.execute(about).scalar_one())
        self.connection.execute(statement)
        return found

    def insert(self, changes: Sequence[Change]) -> Inserted:
        """Inserts rows; missing values are left to the columns' defaults. A row with that id is never touched."""

        def one(change: Change) -> list[str | None]:
            if self.connection.execute(sa.select(self.id).where(self._is(change))).first() is not None:
                return []
            return self._insert({self.info.mapping.id_column: self._id(change)} | self._given(change), change)

        return lambda: [told for change in changes for told in one(change)]

    def insert_nameless(self, change: Change) -> Inserted:
        """Inserts a row to which the database gives its id."""
        return lambda: self._insert(self._given(change), change)

    def _insert(self, values: dict[str, object], change: Change) -> list[str | None]:
        inserting = sa.insert(self.table).values(values | self._stamps(change))
        if self.connection.dialect.insert_returning:
            told = list(self.connection.execute(inserting.returning(self.id)).scalars())
        else:
            told = list(self.connection.execute(inserting).inserted_primary_key or ())
        return [None if each is None else str(each) for each in told]

    def _new(self, change: Change) -> dict[str, object]:
        """What an update sets its columns to."""
        columns = self.info.mapping.fields[str(change.field)]
        return {name: self._part(str(change.field), change.new, index) for index, name in enumerate(columns)}

    def _given(self, change: Change) -> dict[str, object]:
        media = self.info.mapping.media_column
        values: dict[str, object] = {}
        if self.info.writable(media) and change.media is not None:
            values[media] = change.media
        content = change.new if isinstance(change.new, dict) else {}
        for name, value in content.items():
            for index, column in enumerate(self.info.mapping.fields[name]):
                part = self._part(name, value, index)
                if part is not None and self.info.writable(column):
                    values[column] = part
        return values

    def _id(self, change: Change) -> object:
        return int(str(change.annotation_id)) if self.info.id.kind is Kind.INTEGER else change.annotation_id

    def _is(self, change: Change) -> ColumnElement[bool]:
        return self.id == self._id(change)

    def _unchanged(self, field: str, column: str, old: Content, index: int) -> ColumnElement[bool]:
        """Whether the column still holds what the diff saw; times are compared to the millisecond."""
        target: ColumnElement[object] = self.table.c[column]
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
        return target == sa.literal(value, target.type)

    def _part(self, field: str, value: Content, index: int) -> object:
        if value is None or isinstance(value, dict):
            return None
        if field == BOX and isinstance(value, list):
            return value[index]
        part = to_driver(self.mapping.field(field).kind, value, naive=True)
        # SQLite has no decimals, and says so at every one it is given.
        return float(part) if isinstance(part, Decimal) and self.connection.dialect.name == "sqlite" else part

    def _stamps(self, change: Change) -> dict[str, object]:
        at, by = self.info.mapping.updated_at, self.info.mapping.updated_by
        stamps: dict[str, object] = {}
        if at and self.info.writable(at):
            stamps[at] = datetime.now(timezone.utc).replace(tzinfo=None)
        if by and self.info.writable(by):
            stamps[by] = editor(change.actor, self.info.written[by].holds)
        return stamps


def _hit(changes: Sequence[Change], one: Callable[[Change], int]) -> set[str]:
    return {str(each.annotation_id) for each in changes if one(each)}
