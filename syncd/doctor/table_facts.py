"""Reads the facts of a table from the catalogue: its kind, columns, keys, indexes, and who keeps ``updated_at``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import NoSuchTableError

from syncd.adapters.sql.describe import describe
from syncd.adapters.sql.describe_postgres import columns_of_query, columns_of_relation
from syncd.adapters.sql.mapping import ColumnInfo, TableMapping
from syncd.adapters.sql.quote import query as as_source
from syncd.adapters.sql.quote import relation, split_name
from syncd.errors import MappingError
from syncd.model import Holds, Kind

TABLE = "table"
VIEW = "view"
KINDS = {
    "r": TABLE,
    "p": TABLE,
    "v": VIEW,
    "m": "materialized view",
    "f": "foreign table",
    "S": "sequence",
    "i": "index",
    "c": "composite type",
}
UPDATE_POSSIBLE = 4
"""The bit of ``pg_relation_is_updatable`` that stands for UPDATE."""


@dataclass(frozen=True)
class TableFacts:
    """A table as the catalogue has it. ``required`` are the columns without which no row can be inserted.

    ``columns`` are as they are shown (:mod:`syncd.adapters.sql.stored`), ``physical`` as the table has them. ``keys``
    are the columns that together make each row unique; ``instead`` the events for which a view has triggers of its own.
    """

    kind: str
    columns: dict[str, ColumnInfo]
    updatable: bool
    unique: frozenset[str]
    leading: frozenset[str]
    required: frozenset[str]
    defaults: dict[str, str]
    rows_hidden: bool = False
    keys: frozenset[tuple[str, ...]] = frozenset()
    instead: frozenset[str] = frozenset()
    physical: dict[str, ColumnInfo] = field(default_factory=dict)


def look_up(connection: Connection, name: str) -> TableFacts | None:
    """The facts of a table or view; ``None`` where there is none of that name."""
    schema, table = split_name(name)
    if connection.dialect.name == "postgresql":
        row = connection.execute(
            sa.text(
                "SELECT relkind::text, pg_relation_is_updatable(oid, true), row_security_active(oid) "
                "FROM pg_class WHERE oid = to_regclass(:name)"
            ),
            {"name": relation(connection.dialect, name)},
        ).first()
        if row is None:
            return None
        kind, updatable, hidden = KINDS.get(row[0], row[0]), bool(row[1] & UPDATE_POSSIBLE), bool(row[2])
    else:
        inspector = sa.inspect(connection)
        if table in inspector.get_table_names(schema=schema):
            kind, updatable, hidden = TABLE, True, False
        elif table in inspector.get_view_names(schema=schema):
            kind, updatable, hidden = VIEW, False, False
        else:
            return None
    return _described(connection, name, str(kind), updatable=updatable, hidden=hidden)


def _described(connection: Connection, name: str, kind: str, *, updatable: bool, hidden: bool) -> TableFacts:
    schema, table = split_name(name)
    inspector = sa.inspect(connection)
    columns = relation_columns(connection, name)
    try:
        reflected = inspector.get_columns(table, schema=schema)
        key = inspector.get_pk_constraint(table, schema=schema)["constrained_columns"] if kind == TABLE else []
        indexes = inspector.get_indexes(table, schema=schema) if kind == TABLE else []
        constraints = inspector.get_unique_constraints(table, schema=schema) if kind == TABLE else []
    except NoSuchTableError:
        # What reflection does not know (a sequence, a type) has neither columns nor keys for us.
        reflected, key, indexes, constraints = [], [], [], []
    broken = _broken_indexes(connection, name)
    sound = [each for each in indexes if each["name"] not in broken and not _is_partial(each)]
    unique: list[list[Any]] = [key, *(each["column_names"] for each in constraints)]
    unique += [each["column_names"] for each in sound if each["unique"]]
    leading = {each["column_names"][0] for each in sound} | {each[0] for each in unique if each}
    return TableFacts(
        kind=kind,
        columns=columns,
        updatable=updatable,
        unique=frozenset(each[0] for each in unique if len(each) == 1 and each[0] is not None),
        leading=frozenset(each for each in leading if each is not None),
        required=frozenset(each["name"] for each in reflected if _is_required(each, key)),
        defaults={each["name"]: str(each["default"]) for each in reflected if each["default"] is not None},
        rows_hidden=hidden,
        keys=frozenset(tuple(each) for each in unique if each and None not in each),
        instead=_instead(connection, name) if kind == VIEW else frozenset(),
        physical=columns,
    )


def _instead(connection: Connection, name: str) -> frozenset[str]:
    """The events for which a view's triggers do something instead (of SQLite: of any)."""
    if connection.dialect.name == "postgresql":
        rows = connection.execute(sa.text(_INSTEAD), {"name": relation(connection.dialect, name)})
        return frozenset(str(each) for (each,) in rows)
    return frozenset()


_INSTEAD = """
SELECT event FROM pg_trigger t CROSS JOIN (VALUES ('INSERT', 4), ('DELETE', 8), ('UPDATE', 16)) AS e(event, bit)
WHERE t.tgrelid = to_regclass(:name) AND t.tgtype & 64 = 64 AND t.tgtype & bit = bit AND t.tgenabled <> 'D'
"""
"""Triggers INSTEAD OF (64) an event."""


def _is_partial(index: Any) -> bool:
    options = index.get("dialect_options", {})
    return any(name.endswith("_where") and value is not None for name, value in options.items())


def _is_required(column: Any, key: list[str]) -> bool:
    given = column["default"] is not None or "identity" in column or "computed" in column
    # A lone integer key of SQLite numbers itself.
    return not column["nullable"] and not given and not (column.get("autoincrement") is True or [column["name"]] == key)


def _broken_indexes(connection: Connection, name: str) -> set[str]:
    """Indexes that PostgreSQL does not use: what a failed CREATE INDEX CONCURRENTLY leaves behind."""
    if connection.dialect.name != "postgresql":
        return set()
    rows = connection.execute(
        sa.text(
            "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
            "WHERE i.indrelid = to_regclass(:name) AND NOT i.indisvalid"
        ),
        {"name": relation(connection.dialect, name)},
    )
    return {str(row[0]) for row in rows}


def relation_columns(connection: Connection, name: str) -> dict[str, ColumnInfo]:
    """The columns of a table or view."""
    if connection.dialect.name == "postgresql":
        return columns_of_relation(connection, name)
    schema, table = split_name(name)
    refused: MappingError | None = None
    for each in sa.inspect(connection).get_columns(table, schema=schema):
        # Described is what has an id, and any column that can be one will do for a look at all of them.
        probe = TableMapping(name, name, id_column=each["name"], media_column=each["name"], fields={})
        try:
            return describe(connection, probe).written
        except MappingError as error:
            refused = error
    if refused is not None:
        raise refused
    return {}


def query_columns(connection: Connection, query: str, written: dict[str, ColumnInfo]) -> dict[str, ColumnInfo]:
    """The columns that a SELECT yields, which is planned for it and not run."""
    if connection.dialect.name == "postgresql":
        return columns_of_query(connection, query)
    plain = connection.execution_options(no_parameters=True)
    result = plain.exec_driver_sql(f"SELECT * FROM {as_source(query)} AS src WHERE 1 = 0")
    text = Holds(Kind.TEXT)
    return {name: written.get(name, ColumnInfo(name, Kind.TEXT, "text", "text", text)) for name in list(result.keys())}


def triggers_touching(connection: Connection, name: str, column: str) -> tuple[list[str], list[str]]:
    """Row triggers before UPDATE: those whose function or arguments name the column, and the others."""
    rows = connection.execute(
        sa.text(
            # 1: for each row, 2: before, 16: update (pg_trigger.tgtype).
            "SELECT t.tgname, p.prosrc ILIKE :pattern OR encode(t.tgargs, 'escape') ILIKE :pattern "
            "FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid "
            "WHERE t.tgrelid = to_regclass(:name) AND NOT t.tgisinternal AND t.tgenabled <> 'D' "
            "AND t.tgtype & 19 = 19 ORDER BY t.tgname"
        ),
        {"name": relation(connection.dialect, name), "pattern": f"%{_escaped(column)}%"},
    ).all()
    return [str(row[0]) for row in rows if row[1]], [str(row[0]) for row in rows if not row[1]]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
