"""Keys of the rows that values stand for: looked up for a whole write at once, and made where that is wanted."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from syncd.adapters.sql.arrays import array
from syncd.adapters.sql.errors import Meaning, meaning, said
from syncd.adapters.sql.mapping import ColumnInfo, TableInfo
from syncd.adapters.sql.quote import quote, relation
from syncd.adapters.sql.stored import Lookup
from syncd.adapters.sql.values import ACTOR, editor
from syncd.model import Kind, Value
from syncd.model.values import canonical_value

MOST = 900
"""Values per question, where each is a parameter of its own."""

SHOWN = 5
"""Of several keys, how many are named."""

_log = logging.getLogger(__name__)


class Keys:
    """The keys that stand for values, as they were when they were asked for; ``forget`` before each write."""

    def __init__(self, connection: Connection, info: TableInfo) -> None:
        self.connection = connection
        self.info = info
        self._found: dict[Lookup, dict[Value, list[object]]] = {}
        self._refused: dict[tuple[Lookup, Value], str] = {}
        self._unknown_editors: set[str] = set()

    def forget(self) -> None:
        """Has everything looked up anew: a row may be called otherwise by now."""
        self._found.clear()
        self._refused.clear()

    def learn(self, lookup: Lookup, values: Iterable[Value]) -> None:
        """Looks up what is not known yet, in one question; makes what is not there, where the lookup says so."""
        known = self._found.setdefault(lookup, {})
        asked = list(dict.fromkeys(each for each in values if each is not None and each not in known))
        if not asked:
            return
        known.update({each: [] for each in asked})
        for value, key in self._ask(lookup, asked):
            if value in known and key is not None and key not in known[value]:
                known[value].append(key)
        if lookup.create:
            for each in asked:
                if not known[each]:
                    self._make(lookup, each)

    def key(self, lookup: Lookup, value: Value) -> object:
        """The key of the row that a value stands for; ``None`` where no single one is (see :meth:`why_not`)."""
        self.learn(lookup, [value])
        found = self._found[lookup].get(value, [])
        return found[0] if len(found) == 1 else None

    def why_not(self, lookup: Lookup, value: Value) -> str | None:
        """Why a value cannot be written as a key; ``None`` where it can."""
        if value is None:
            return None
        self.learn(lookup, [value])
        found = self._found[lookup][value]
        if len(found) == 1:
            return None
        if (lookup, value) in self._refused:
            return self._refused[lookup, value]
        if not found:
            return f"{value!r} is in no row of {lookup}, and so has no key there"
        named = ", ".join(map(str, found[:SHOWN])) + (" …" if len(found) > SHOWN else "")
        return f"{value!r} stands for {len(found)} rows of {lookup} ({lookup.first.key} {named}): nobody knows which"

    # Editors

    def editor(self, lookup: Lookup, actor: str | None) -> object:
        """The key of whoever edited; for a name that is not there the default, and a line in the log."""
        name = editor(actor, None)
        key = self.key(lookup, name)
        if key is not None:
            return key
        if name != ACTOR and name not in self._unknown_editors:
            self._unknown_editors.add(name)
            instead = "null" if lookup.default is None else repr(lookup.default)
            _log.warning("%s; %s is written as the editor instead", self.why_not(lookup, name), instead)
        return self.default(lookup)

    def editor_shown(self, lookup: Lookup, actor: str | None) -> str | None:
        """What is read of the editor then."""
        name = editor(actor, None)
        if self.key(lookup, name) is not None:
            return name
        default = self.default(lookup)
        return None if default is None else self._value_of(lookup, default)

    def default(self, lookup: Lookup) -> object:
        """The key of the default: that of the row which it names, else the default itself."""
        if lookup.default is None:
            return None
        key = self.key(lookup, lookup.default) if self._kind(lookup) is Kind.TEXT else None
        return lookup.default if key is None else key

    def _value_of(self, lookup: Lookup, key: object) -> str | None:
        asked = self._statement(lookup, f"l0.{self._quote(lookup.first.key)} = :key")
        row = self.connection.execute(sa.text(asked), {"key": key}).first()
        return None if row is None or row[0] is None else str(row[0])

    # SQL

    def _ask(self, lookup: Lookup, values: Sequence[Value]) -> Iterator[tuple[Value, object]]:
        kind, column = self._kind(lookup), f"l{len(lookup.levels) - 1}.{self._quote(lookup.shown.value)}"
        if self.connection.dialect.name == "postgresql":
            cast = self._info(lookup).cast
            type_ = "text" if kind is Kind.TEXT else cast
            compared = (
                f"CAST({column} AS text)" if kind is Kind.TEXT and self._info(lookup).given_as != "text" else column
            )
            asked = self._statement(lookup, f"{compared} = ANY(CAST(:asked AS {type_}[]))")
            rows = self.connection.execute(sa.text(asked), {"asked": array(values)}).all()
        else:
            rows = []
            for start in range(0, len(values), MOST):
                some = {f"asked_{at}": each for at, each in enumerate(values[start : start + MOST])}
                asked = self._statement(lookup, f"{column} IN ({', '.join(f':{name}' for name in some)})")
                rows += self.connection.execute(sa.text(asked), some).all()
        for value, key in rows:
            yield canonical_value(kind, value), key

    def _statement(self, lookup: Lookup, condition: str) -> str:
        dialect, first = self.connection.dialect, lookup.first
        tables = f"{self._relation(first.table)} AS l0"
        if len(lookup.levels) > 1:
            second = lookup.shown
            on = f"l1.{self._quote(second.key)} = l0.{self._quote(first.value)}"
            tables += f" JOIN {self._relation(second.table)} AS l1 ON {on}"
        shown = f"l{len(lookup.levels) - 1}.{self._quote(lookup.shown.value)}"
        key = f"l0.{self._quote(first.key)}"
        if dialect.name == "postgresql":
            key = f"CAST({key} AS text)"
        return f"SELECT {shown}, {key} FROM {tables} WHERE {condition}"

    def _make(self, lookup: Lookup, value: Value) -> None:
        """A row for a value that has none; what the database says of it where it takes none."""
        level = lookup.first
        table = self._relation(level.table)
        made = f"INSERT INTO {table} ({self._quote(level.value)}) VALUES (:value)"
        try:
            with self.connection.begin_nested():
                self.connection.execute(sa.text(made), {"value": value})
        except DBAPIError as error:
            if meaning(error) is Meaning.FAILURE:
                raise
            self._refused[lookup, value] = f"{value!r} is not in {lookup}, and no row was made for it: {said(error)}"
            return
        self._found[lookup][value] = [key for each, key in self._ask(lookup, [value]) if each == value]

    def _info(self, lookup: Lookup) -> ColumnInfo:
        return self.info.referred[lookup.shown.table][lookup.shown.value]

    def _kind(self, lookup: Lookup) -> Kind:
        return self._info(lookup).kind or Kind.TEXT

    def _relation(self, name: str) -> str:
        return relation(self.connection.dialect, name).replace(":", "\\:")

    def _quote(self, name: str) -> str:
        return quote(self.connection.dialect, name).replace(":", "\\:")
