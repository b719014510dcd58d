"""What triggers do to a table's rows, as far as their text can be read; and which tables are partitions of others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.adapters.sql.quote import relation, split_name
from syncd.propose.facts import Column, Trigger

_POSTGRESQL = """
SELECT t.tgname AS name, t.tgtype AS type, p.prosrc AS source, encode(t.tgargs, 'escape') AS arguments
FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
WHERE t.tgrelid = to_regclass(:name) AND NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgtype & 1 = 1
ORDER BY t.tgname
"""
"""Row triggers: 1 of ``tgtype``."""

_EVENTS = (("INSERT", 4), ("DELETE", 8), ("UPDATE", 16))
_BEFORE, _INSTEAD = 2, 64

_MYSQL = """
SELECT trigger_name AS name, event_manipulation AS event, action_statement AS source
FROM information_schema.triggers
WHERE event_object_schema = coalesce(:schema, database()) AND event_object_table = :table ORDER BY trigger_name
"""
_SQLITE = "SELECT name, sql AS source FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table ORDER BY name"
_SQLITE_EVENT = re.compile(r"\b(insert|update|delete)\b", re.IGNORECASE)
_ON_UPDATE = re.compile(r"\bon update\b", re.IGNORECASE)

_REFUSES = re.compile(
    r"\braise\s+exception\b|\bsignal\s+sqlstate\b|\braise\s*\(\s*(abort|fail|rollback)", re.IGNORECASE
)
_LETS_THROUGH = re.compile(r"\breturn\s+(new|old)\b|\bif\b|\bwhen\b", re.IGNORECASE)


def triggers_of(connection: Connection, table: str, columns: Sequence[Column]) -> Iterator[Trigger]:
    """The triggers on the rows of a table, by name."""
    names = [each.name for each in columns]
    schema, plain = split_name(table)
    kind = connection.dialect.name
    if kind == "postgresql":
        asked = sa.text(_POSTGRESQL)
        for row in connection.execute(asked, {"name": relation(connection.dialect, table)}).mappings():
            events = tuple(event for event, bit in _EVENTS if row["type"] & bit)
            arguments = row["arguments"].split("\\000")
            # What a trigger sets after the row was written is no longer in it.
            before = bool(row["type"] & _BEFORE)
            sets = tuple(each for each in names if before and (each in arguments or _sets(row["source"], each)))
            yield Trigger(row["name"], events, sets, _refuses(row["source"]), bool(row["type"] & _INSTEAD))
    elif kind in ("mysql", "mariadb"):
        for row in connection.execute(sa.text(_MYSQL), {"schema": schema, "table": plain}).mappings():
            sets = tuple(each for each in names if _sets(row["source"], each))
            yield Trigger(row["name"], (row["event"],), sets, _refuses(row["source"]))
        for column in columns:
            if column.default is not None and _ON_UPDATE.search(column.default):
                yield Trigger("ON UPDATE CURRENT_TIMESTAMP", ("UPDATE",), (column.name,))
    elif kind == "sqlite":
        for row in connection.execute(sa.text(_SQLITE), {"table": plain}).mappings():
            event = _SQLITE_EVENT.search(row["source"])
            sets = tuple(each for each in names if _assigns(row["source"], each))
            events = (event.group().upper(),) if event else ()
            yield Trigger(row["name"], events, sets, _refuses(row["source"]))


def _sets(source: str, column: str) -> bool:
    """Whether a trigger's text gives a column of the new row a value."""
    name = rf"[\"`]?{re.escape(column)}[\"`]?"
    return re.search(rf"\bnew\s*\.\s*{name}\s*:?=(?!=)", source, re.IGNORECASE) is not None


def _assigns(source: str, column: str) -> bool:
    """Whether a trigger of SQLite updates a column: it cannot change the new row itself."""
    return re.search(rf"\bset\b[^;]*\b{re.escape(column)}\b[\"`]?\s*=", source, re.IGNORECASE) is not None


def _refuses(source: str) -> bool:
    return _REFUSES.search(source) is not None and _LETS_THROUGH.search(_REFUSES.sub("", source)) is None


def partitioned_by(connection: Connection, table: str) -> str | None:
    """What a table of PostgreSQL is partitioned by."""
    asked = sa.text("SELECT pg_get_partkeydef(to_regclass(:name))")
    found: str | None = connection.execute(asked, {"name": relation(connection.dialect, table)}).scalar()
    return found


def partitions(connection: Connection, schema: str | None) -> frozenset[str]:
    """The tables of a schema of PostgreSQL that are parts of others."""
    asked = sa.text(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = :schema AND c.relispartition"
    )
    return frozenset(connection.execute(asked, {"schema": schema}).scalars())
