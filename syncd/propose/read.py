"""Reads the facts of a table from the catalogue, and some rows: set-based queries, each bounded; nothing is written."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SAWarning
from sqlalchemy.sql import sqltypes

from syncd.adapters.sql.accepted_values import listed_values
from syncd.adapters.sql.describe import columns_of
from syncd.adapters.sql.errors import READING, asking
from syncd.adapters.sql.quote import relation, split_name
from syncd.config import TableName
from syncd.config.nearest import did_you_mean
from syncd.errors import MappingError
from syncd.model import Kind
from syncd.propose.facts import Column, Facts, ForeignKey, Match, Table
from syncd.propose.triggers import partitioned_by, partitions, triggers_of
from syncd.propose.words import LABEL, VOCABULARY, has

ROWS = 200
"""Rows of each table that are looked at."""

LONGEST = 500
"""Characters of a value that are looked at."""

AROUND = 40
"""Tables around the one in question that are looked at."""

COUNTED = 50_000
"""Rows of a referred table in which it is looked for texts that stand there twice."""

TERMS = 200
"""Different texts of a column that are looked for in a table that could be the vocabulary."""

_UNSEEN = re.compile(r"bytea|blob|binary|geometry|geography|raster|vector|tsvector", re.IGNORECASE)
"""Types of which no value is read."""

_LISTED = re.compile(r"^\W*(?P<name>\w+)\W+in\s*\((?P<values>\s*'[^)]*)\)\W*$", re.IGNORECASE)
_TEXT = re.compile(r"'((?:[^']|'')*)'")

Said = Callable[[str], None]


def read_facts(connection: Connection, table: str, progress: Said = lambda _: None) -> Facts:
    """The facts of a table or view (as a configuration names it), and of the tables around it.

    Raises MappingError where there is none of that name, RightMissing where it may not be read.
    """
    # Without a transaction around them, a statement that is refused spoils none after it.
    connection = connection.execution_options(isolation_level="AUTOCOMMIT")
    with asking(READING), warnings.catch_warnings():
        # SQLAlchemy says so of each type that it does not know; here such a column has no kind.
        warnings.simplefilter("ignore", SAWarning)
        return _Catalogue(connection, progress).facts(table)


class _Catalogue:
    """One look at the catalogue."""

    def __init__(self, connection: Connection, progress: Said) -> None:
        self.connection = connection
        self.progress = progress
        self.inspector = sa.inspect(connection)
        self.is_postgresql = connection.dialect.name == "postgresql"
        self.default = self.inspector.default_schema_name if self.is_postgresql else None
        self._references: dict[str | None, dict[str, tuple[ForeignKey, ...]]] = {}

    def facts(self, table: str) -> Facts:
        target = self._resolved(table)
        self.progress(f"reading {target}")
        held = self._table(target)
        others: list[Table] = []
        for name in list(dict.fromkeys(self._around(held)))[:AROUND]:
            self.progress(f"reading {name}")
            others.append(self._table(name, around=True))
        return Facts(self.connection.dialect.name, held, tuple(others), tuple(self._matches(held, others)))

    def _resolved(self, table: str) -> str:
        schema, name = split_name(table)
        if schema is None:
            schema = self.default
        there = self._names(schema)
        if name not in there:
            known = [str(TableName(schema, each)) for each in there]
            remedy = did_you_mean(str(TableName(schema, name)), known) or f"It has: {', '.join(known[:20]) or 'none'}."
            raise MappingError(
                f"The database has no table or view {str(TableName(schema, name))!r} (or this user may not see it).",
                remedy=remedy[0].upper() + remedy[1:],
            )
        return str(TableName(schema, name))

    def _names(self, schema: str | None) -> list[str]:
        inside = partitions(self.connection, schema) if self.is_postgresql else frozenset()
        tables = [each for each in self.inspector.get_table_names(schema=schema) if each not in inside]
        views = [*self.inspector.get_view_names(schema=schema)]
        if self.is_postgresql:
            views += self.inspector.get_materialized_view_names(schema=schema)
        return sorted([*tables, *views])

    def _around(self, table: Table) -> Iterator[str]:
        """What the table refers to, two steps; what could be its vocabulary; what refers to these, and where to."""
        near = [each.table for each in table.foreign_keys]
        schema = split_name(table.name)[0]
        known = self._of_schema(schema)
        far = [each.table for name in near for each in self._keys_of(name)]
        yield from (each for each in [*near, *far] if each != table.name)
        names = self._names(schema)
        yield from (
            str(TableName(schema, each))
            for each in names
            if has(each, VOCABULARY) and str(TableName(schema, each)) != table.name
        )
        referring = [
            name
            for name, keys in known.items()
            if name != table.name and any(each.table in (table.name, *near) for each in keys)
        ]
        yield from referring
        yield from (each.table for name in referring for each in known[name] if each.table != table.name)

    def _keys_of(self, name: str) -> tuple[ForeignKey, ...]:
        return self._of_schema(split_name(name)[0]).get(name, ())

    def _of_schema(self, schema: str | None) -> dict[str, tuple[ForeignKey, ...]]:
        """The foreign keys of all tables of a schema, by table."""
        if schema not in self._references:
            inside = partitions(self.connection, schema) if self.is_postgresql else frozenset()
            every = self.inspector.get_multi_foreign_keys(schema=schema)
            self._references[schema] = {
                str(TableName(schema, name)): tuple(self._foreign_keys(keys))
                for (_, name), keys in every.items()
                if name not in inside
            }
        return self._references[schema]

    def _foreign_keys(self, keys: Iterable[Any]) -> Iterator[ForeignKey]:
        for each in keys:
            schema = each["referred_schema"] or self.default
            # SQLite need not name the columns, and means the key.
            referred = (
                each["referred_columns"]
                or self.inspector.get_pk_constraint(each["referred_table"], schema=schema)["constrained_columns"]
            )
            name = str(TableName(schema, each["referred_table"]))
            yield ForeignKey(tuple(each["constrained_columns"]), name, tuple(referred))

    def _table(self, name: str, *, around: bool = False) -> Table:
        schema, plain = split_name(name)
        is_table = plain in self.inspector.get_table_names(schema=schema)
        columns = tuple(self._columns(name, schema, plain, is_table=is_table))
        held = Table(name, "table" if is_table else "view", columns, comment=self._comment(schema, plain))
        if is_table:
            key = self.inspector.get_pk_constraint(plain, schema=schema)["constrained_columns"]
            held = replace(
                held,
                key=tuple(key),
                foreign_keys=self._keys_of(name),
                unique=tuple(each for each in self._unique(schema, plain) if each != tuple(key)),
                partitioned_by=partitioned_by(self.connection, name) if self.is_postgresql else None,
            )
        held = replace(held, triggers=tuple(triggers_of(self.connection, name, columns)))
        try:
            sample = self._sample(held)
            return replace(held, sample=sample, repeated=tuple(self._repeated(held)) if around else ())
        except DBAPIError:
            if not around:
                raise
            # A table that this user may not read is proposed for nothing, and named.
            return replace(held, readable=False)

    def _columns(self, name: str, schema: str | None, plain: str, *, is_table: bool) -> Iterator[Column]:
        reflected = {each["name"]: each for each in self.inspector.get_columns(plain, schema=schema)}
        checks: list[str] = []
        if is_table:
            checks = [each["sqltext"] for each in self.inspector.get_check_constraints(plain, schema=schema)]
        for each in columns_of(self.connection, name).values():
            found: Any = reflected.get(each.name, {})
            yield Column(
                name=each.name,
                type_name=each.type_name,
                kind=each.kind,
                nullable=each.nullable,
                default=each.default,
                generated=each.generated,
                values=_values(found.get("type"), each.name, checks),
                comment=found.get("comment"),
            )

    def _comment(self, schema: str | None, plain: str) -> str | None:
        try:
            comment: str | None = self.inspector.get_table_comment(plain, schema=schema)["text"]
        except NotImplementedError:
            return None
        return comment

    def _unique(self, schema: str | None, plain: str) -> Iterator[tuple[str, ...]]:
        found: list[list[str | None]] = []
        found += [[*each["column_names"]] for each in self.inspector.get_unique_constraints(plain, schema=schema)]
        for index in self.inspector.get_indexes(plain, schema=schema):
            options = index.get("dialect_options", {})
            partial = any(option.endswith("_where") and value is not None for option, value in options.items())
            if index["unique"] and not partial:
                found.append(index["column_names"])
        yield from dict.fromkeys(tuple(map(str, each)) for each in found if None not in each)

    def _sample(self, table: Table) -> tuple[tuple[str | None, ...], ...]:
        columns = [
            sa.null() if _UNSEEN.search(each.type_name) else _text_of(sa.column(each.name)) for each in table.columns
        ]
        asked = sa.select(*columns).select_from(sa.text(relation(self.connection.dialect, table.name))).limit(ROWS)
        rows = self.connection.execute(asked).all()
        return tuple(tuple(None if value is None else str(value) for value in row) for row in rows)

    def _repeated(self, table: Table) -> Iterator[str]:
        """Text columns in which some value stands twice, of which no key says anything."""
        names = [each.name for each in table.columns if each.kind is Kind.TEXT and not table.is_unique(each.name)]
        if not names or table.kind != "table":
            return
        some = (
            sa.select(*(sa.column(each) for each in names))
            .select_from(sa.text(relation(self.connection.dialect, table.name)))
            .limit(COUNTED)
            .subquery()
        )
        counts = [each for name in names for each in (sa.func.count(some.c[name]), some.c[name].distinct())]
        counted = [sa.func.count(each) if index % 2 else each for index, each in enumerate(counts)]
        row = self.connection.execute(sa.select(*counted)).one()
        yield from (name for at, name in enumerate(names) if row[2 * at] != row[2 * at + 1])

    def _matches(self, table: Table, others: list[Table]) -> Iterator[Match]:
        """How many of the texts that could be labels stand in tables that could be their vocabulary."""
        for column in table.columns:
            seen = list(dict.fromkeys(table.seen(column.name)))
            if column.kind is not Kind.TEXT or not has(column.name, LABEL) or table.refers(column.name) or not seen:
                continue
            for other in others:
                if has(other.plain_name, VOCABULARY) and other.readable:
                    yield from self._found(column.name, seen[:TERMS], other)

    def _found(self, column: str, seen: list[str], other: Table) -> Iterator[Match]:
        for each in other.columns:
            if each.kind is not Kind.TEXT or other.refers(each.name):
                continue
            name: sa.ColumnClause[str] = sa.column(each.name)
            where = sa.text(relation(self.connection.dialect, other.name))
            asked = sa.select(name).distinct().select_from(where).where(name.in_(seen))
            found = {str(value) for value in self.connection.execute(asked).scalars()}
            if found:
                missing = tuple(value for value in seen if value not in found)
                yield Match(column, other.name, each.name, len(found), len(seen), missing[:TERMS])


def _text_of(column: sa.ColumnClause[Any]) -> sa.ColumnElement[str]:
    return sa.func.substr(sa.cast(column, sa.Text), 1, LONGEST)


def _values(type_: object, name: str, checks: list[str]) -> tuple[str, ...]:
    """The values that a column's type or a CHECK lists, in their order."""
    of_domain = getattr(type_, "data_type", None)
    enum = next((each for each in (type_, of_domain) if isinstance(each, sqltypes.Enum)), None)
    if enum is not None:
        return tuple(map(str, enum.enums))
    for check, called in [(getattr(type_, "check", None), "VALUE"), *((each, name) for each in checks)]:
        if not isinstance(check, str):
            continue
        listed = listed_values(check.replace("::bpchar", ""), [called])
        if listed is not None:
            return tuple(sorted(listed))
        plain = _LISTED.match(check)
        if plain is not None and plain["name"] == called:
            return tuple(each.replace("''", "'") for each in _TEXT.findall(plain["values"]))
    return ()
