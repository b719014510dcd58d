"""Compare-and-set writes through SQLAlchemy alone, one statement per change: any database, no speed claims."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection

from syncd.adapters.protocol import Result
from syncd.adapters.sql.mapping import TableInfo
from syncd.adapters.sql.quote import split_name
from syncd.adapters.sql.values import to_driver
from syncd.adapters.values import canonical_value as from_driver
from syncd.model import BOX, Change, Content, Kind, Mapping, Value

ACTOR = "syncd"


class Writer:
    """Writes to one table over one connection, inside the caller's transaction."""

    def __init__(self, connection: Connection, info: TableInfo, mapping: Mapping) -> None:
        schema, name = split_name(info.mapping.table)
        self.connection = connection
        self.info = info
        self.mapping = mapping
        self.table = sa.Table(name, sa.MetaData(), schema=schema, autoload_with=connection)
        self.id = self.table.c[info.mapping.id_column]

    def update(self, field: str, changes: Sequence[Change]) -> list[Result]:
        """Sets one field where it still holds what the diff saw; returns what the rows hold now."""
        return [self._update_one(field, each) for each in changes]

    def _update_one(self, field: str, change: Change) -> Result:
        columns = self.info.mapping.fields[field]
        new = {name: self._part(field, change.new, index) for index, name in enumerate(columns)}
        guards = [self._unchanged(field, name, change.old, index) for index, name in enumerate(columns)]
        statement = sa.update(self.table).where(self._is(change), *guards).values(new | self._stamps())
        matched = self.connection.execute(statement).rowcount == 1
        row = self._row(change)
        after = None if row is None else row[field]
        return Result(change, present=row is not None, after=after, matched=matched)

    def delete(self, changes: Sequence[Change]) -> list[Result]:
        """Deletes rows that still hold every value the diff saw."""
        results = []
        for change in changes:
            guards = [
                self._unchanged(name, column, _part_of(change.old, name), index)
                for name in self.mapping.names
                for index, column in enumerate(self.info.mapping.fields[name])
            ]
            gone = self.connection.execute(sa.delete(self.table).where(self._is(change), *guards)).rowcount == 1
            results.append(Result(change, present=not gone, matched=gone))
        return results

    def insert(self, change: Change) -> Result:
        """Inserts one row; missing values are left to the columns' defaults. A row with that id is never touched."""
        if self._row(change) is not None:
            return Result(change, present=True, matched=False)
        content = change.new if isinstance(change.new, dict) else {}
        values: dict[str, object] = {self.info.mapping.id_column: self._id(change)}
        if self.info.writable(self.info.mapping.media_column):
            values[self.info.mapping.media_column] = change.media
        for name, value in content.items():
            for index, column in enumerate(self.info.mapping.fields[name]):
                part = self._part(name, value, index)
                if part is not None and self.info.writable(column):
                    values[column] = part
        self.connection.execute(sa.insert(self.table).values(values | self._stamps()))
        return Result(change, present=True, after=self._row(change), matched=True)

    def _row(self, change: Change) -> dict[str, Value] | None:
        found = self.connection.execute(sa.select(self.table).where(self._is(change))).mappings().first()
        if found is None:
            return None
        values: dict[str, Value] = {}
        for each in self.mapping.fields:
            raw = [found[name] for name in self.info.mapping.fields[each.name]]
            if each.kind is Kind.BOX:
                values[each.name] = None if any(part is None for part in raw) else [float(part) for part in raw]
            else:
                values[each.name] = from_driver(each.kind, raw[0])
        return values

    def _id(self, change: Change) -> object:
        return int(str(change.annotation_id)) if isinstance(self.id.type, sa.Integer) else change.annotation_id

    def _is(self, change: Change) -> ColumnElement[bool]:
        return self.id == self._id(change)

    def _unchanged(self, field: str, column: str, old: Content, index: int) -> ColumnElement[bool]:
        """Whether the column still holds what the diff saw; times are compared to the millisecond."""
        target = self.table.c[column]
        value = self._part(field, old, index)
        if isinstance(value, datetime):
            millisecond = sa.literal(value.replace(microsecond=value.microsecond // 1000 * 1000), target.type)
            last = sa.literal(value.replace(microsecond=value.microsecond // 1000 * 1000 + 999), target.type)
            return target.between(millisecond, last)
        return target.is_not_distinct_from(sa.literal(value, target.type) if value is not None else None)

    def _part(self, field: str, value: Content, index: int) -> object:
        if value is None or isinstance(value, dict):
            return None
        if field == BOX and isinstance(value, list):
            return value[index]
        return to_driver(self.mapping.field(field).kind, value, naive=True)

    def _stamps(self) -> dict[str, object]:
        stamps: dict[str, object] = {}
        if self.info.mapping.updated_at and self.info.writable(self.info.mapping.updated_at):
            stamps[self.info.mapping.updated_at] = datetime.now(timezone.utc).replace(tzinfo=None)
        if self.info.mapping.updated_by and self.info.writable(self.info.mapping.updated_by):
            stamps[self.info.mapping.updated_by] = ACTOR
        return stamps


def _part_of(content: Content, name: str) -> Content:
    return content.get(name) if isinstance(content, dict) else None
