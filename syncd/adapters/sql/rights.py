"""The rights on the table that PostgreSQL denies this role, and the statements that grant them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from syncd.adapters.sql.ids import sequence_behind
from syncd.adapters.sql.mapping import TableInfo
from syncd.adapters.sql.quote import name_in_sql, quote, relation, table_in_sql
from syncd.errors import RightMissing

PATIENCE_S = 10

_WRITES = re.compile(r"\b(?:(UPDATE)|(INSERT) INTO|(DELETE) FROM)\s")


def lacking(connection: Connection, table: str, right: str, columns: Iterable[str]) -> list[str]:
    """Those of the columns that this role has no such right on, by itself or by the table."""
    wanted = sorted(set(columns))
    rows = connection.execute(
        sa.text(
            "SELECT name FROM unnest(CAST(:columns AS text[])) AS name "
            "WHERE NOT has_column_privilege(:table, name, :right) ORDER BY name"
        ),
        {"columns": wanted, "table": relation(connection.dialect, table), "right": right},
    )
    return [str(row[0]) for row in rows]


def may_delete(connection: Connection, table: str) -> bool:
    """Whether this role may delete rows of the table."""
    asked = {"table": relation(connection.dialect, table)}
    return bool(connection.execute(sa.text("SELECT has_table_privilege(:table, 'DELETE')"), asked).scalar())


def sequence_lacking(connection: Connection, table: str, id_column: str) -> str | None:
    """The sequence that numbers new rows, where this role may not draw from it."""
    found = sequence_behind(connection, table, id_column)
    return None if found is None or found[1] else found[0]


def grant(connection: Connection, right: str, table: str, columns: Iterable[str] = ()) -> str:
    """The statement that gives this role the right."""
    dialect = connection.dialect
    named = ", ".join(name_in_sql(dialect, each) for each in columns)
    what = f"{right} ({named})" if named else right
    return f"GRANT {what} ON {table_in_sql(dialect, table)} TO {role_in_sql(connection)}"


def role_in_sql(connection: Connection) -> str:
    """The role that this session acts as, quoted as SQL."""
    return name_in_sql(connection.dialect, str(connection.execute(sa.text("SELECT current_user")).scalar_one()))


def explained(error: RightMissing, connection: Connection, info: TableInfo) -> RightMissing:
    """The error with the rights that are missing, and what grants them; asked of the catalogue by another connection.

    As it is, where the catalogue names none: then it is about something else than the binding's own relations.
    """
    if connection.dialect.name != "postgresql":
        return error
    # An engine of its own: that of a connection that holds a lock refuses to connect once more.
    engine = sa.create_engine(
        connection.engine.url, poolclass=sa.NullPool, connect_args={"connect_timeout": PATIENCE_S}
    )
    try:
        with engine.connect() as fresh:
            found = list(_missing(fresh, info, str(getattr(error.__cause__, "statement", None) or "")))
    except SQLAlchemyError:
        return error
    if not found:
        return error
    return RightMissing(
        f"{error.message}. What is missing: {'; '.join(found)}",
        remedy=f"Run this in the database, as the owner of {info.mapping.table}, and go on. (`syncd database grants` "
        "prints all that syncd needs.)",
    )


def _missing(connection: Connection, info: TableInfo, statement: str) -> Iterator[str]:
    """The grants that the statement lacks; it names the columns that it writes."""
    mapping, written = info.mapping, info.physical
    found = _WRITES.search(statement)
    doing = next(filter(None, found.groups())) if found else "SELECT"
    read = list(mapping.table_columns)
    if not mapping.read_is_query and (lacks := lacking(connection, mapping.read, "SELECT", read)):
        yield grant(connection, "SELECT", mapping.read, lacks)
    for level in (level for lookup in mapping.lookups for level in lookup.levels):
        if lacks := lacking(connection, level.table, "SELECT", {level.key, level.value}):
            yield grant(connection, "SELECT", level.table, lacks)
    of_table = [name for name in mapping.table_columns if name in written]
    if mapping.read != mapping.table and (lacks := lacking(connection, mapping.table, "SELECT", of_table)):
        yield grant(connection, "SELECT", mapping.table, lacks)
    stamped = [mapping.rows.version[0]] if mapping.rows.version else []
    stamped += [name for name, _ in mapping.rows.insert]
    named = [
        name
        for name in dict.fromkeys([*of_table, *stamped])
        if name in written and not written[name].generated and _names(connection, statement, name)
    ]
    if doing in ("UPDATE", "INSERT") and (lacks := lacking(connection, mapping.table, doing, named)):
        yield grant(connection, doing, mapping.table, lacks)
    for column in mapping.id_columns if doing == "INSERT" else ():
        if sequence := sequence_lacking(connection, mapping.table, column):
            yield f"GRANT USAGE ON SEQUENCE {sequence} TO {role_in_sql(connection)}"
    if doing == "DELETE" and not may_delete(connection, mapping.table):
        yield grant(connection, "DELETE", mapping.table)


def _names(connection: Connection, statement: str, name: str) -> bool:
    """Whether the statement writes the column: ``SET "name" =``, or within the list behind INSERT INTO."""
    quoted = re.escape(quote(connection.dialect, name))
    return re.search(rf"(?<![.\w]){quoted}\s*[=,)]", statement) is not None
