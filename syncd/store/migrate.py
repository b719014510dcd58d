"""Creates and upgrades syncd's own tables; says whether this program can work with those that are there.

Alembic is imported only by what migrates: every command checks the version, and none of them should wait for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Connection, TableClause
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateSchema

import syncd
from syncd.adapters.connect import first_line
from syncd.errors import DatabaseUnavailable, StateError
from syncd.store.lock import lock_key
from syncd.store.revisions import newest, oldest_program, oldest_tables
from syncd.store.tables import tables_for


@dataclass(frozen=True)
class Migrated:
    """What ``syncd migrate`` did."""

    before: str | None
    after: str


def migrate(connection: Connection, schema: str) -> Migrated:
    """Brings the tables to the newest version, in one transaction; doing so twice changes nothing.

    Hosts that do it at once take turns. Newer tables that this program can work with are left as they are;
    ``StateError`` where it cannot, or where the tables cannot be made.
    """
    try:
        return _migrate(connection, schema)
    except DBAPIError as error:
        gone = error.connection_invalidated
        if not gone:
            connection.rollback()
        why = first_line(error.orig)
        if gone:
            raise DatabaseUnavailable(f"The database went away: {why}", remedy="Run `syncd migrate` again.") from error
        raise StateError(
            f"syncd's own tables could not be brought to version {newest()}: {why}.",
            remedy=f"Let the database's owner run: CREATE SCHEMA {schema} AUTHORIZATION <the user of state.url>; "
            "then run `syncd migrate` again.",
        ) from error


def _migrate(connection: Connection, schema: str) -> Migrated:
    from alembic import command
    from alembic.config import Config

    declared = tables_for(connection, schema)
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": lock_key(schema, "")})
    if declared.schema and not sa.inspect(connection).has_schema(declared.schema):
        connection.execute(CreateSchema(declared.schema))
    before = current(connection, schema)
    if before is not None and before > newest():
        require_current(connection, schema)
        connection.rollback()
        return Migrated(before, before)
    config = Config()
    config.set_main_option("script_location", str(_scripts()).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["schema"] = schema
    command.upgrade(config, "head")
    connection.execute(sa.update(_version_table(connection, schema)).values(oldest_program=oldest_program()))
    connection.commit()
    return Migrated(before, newest())


def current(connection: Connection, schema: str) -> str | None:
    """The version of the tables that are there; ``None`` where there are none."""
    table = _version_table(connection, schema)
    if not sa.inspect(connection).has_table(table.name, schema=table.schema):
        return None
    found = connection.execute(sa.select(table.c.version_num)).scalar_one_or_none()
    return None if found is None else str(found)


def require_current(connection: Connection, schema: str) -> None:
    """``StateError`` unless the tables are there, and of a version that this program can work with.

    That is its own version, an older one that differs in nothing but speed, or a newer one that says that this
    program can go on.
    """
    found, wanted = current(connection, schema), newest()
    if found is None:
        raise StateError(f"syncd's own tables are not in the schema {schema!r} yet.", remedy="Run `syncd migrate`.")
    if found > wanted and not _takes_older_programs(connection, schema):
        raise _newer(found)
    if found < oldest_tables():
        raise StateError(
            f"syncd's own tables are of version {found}, this syncd needs {oldest_tables()}.",
            remedy="Run `syncd migrate`.",
        )


def _takes_older_programs(connection: Connection, schema: str) -> bool:
    """Whether tables of a newer version say that a program of this version can work with them."""
    table = _version_table(connection, schema)
    columns = sa.inspect(connection).get_columns(table.name, schema=table.schema)
    if not any(each["name"] == table.c.oldest_program.name for each in columns):
        return False
    oldest = connection.execute(sa.select(table.c.oldest_program)).scalar_one()
    return oldest is not None and str(oldest) <= newest()


def _version_table(connection: Connection, schema: str) -> TableClause:
    """Alembic's table with the version, and besides it the oldest program that can work with the tables."""
    declared = tables_for(connection, schema)
    name = "alembic_version" if declared.schema else f"{schema}_alembic_version"
    return sa.table(name, sa.column("version_num"), sa.column("oldest_program"), schema=declared.schema)


def _newer(found: str) -> StateError:
    return StateError(
        f"syncd's own tables are of version {found}, newer than this syncd knows ({newest()}).",
        remedy="Upgrade syncd on this host.",
    )


def _scripts() -> Path:
    """The migrations: beside the package in a checkout, inside it when installed."""
    package = Path(syncd.__file__).parent
    installed = package / "_migrations"
    return installed if installed.is_dir() else package.parent / "migrations"


RIGHTS = {
    "run": "SELECT, INSERT, UPDATE",
    "baseline": "SELECT, INSERT, UPDATE, DELETE",
    "change": "SELECT, INSERT, UPDATE",
    "conflict": "SELECT, INSERT, UPDATE",
    "cursor": "SELECT, INSERT, DELETE",
    "held": "SELECT, INSERT, UPDATE, DELETE",
    "waiting": "SELECT, INSERT, DELETE",
    "answered": "SELECT, INSERT, DELETE",
    "captured": "SELECT, INSERT, DELETE",
    "daemon": "SELECT, INSERT, UPDATE, DELETE",
    "proposal": "SELECT, INSERT, UPDATE",
    "app_edit": "SELECT, INSERT, DELETE",
}
"""By table; the change log is never deleted from."""

SEQUENCES = {"change": "seq", "conflict": "id", "waiting": "id", "captured": "seq", "proposal": "id", "app_edit": "id"}
"""Columns whose sequence is drawn from: USAGE."""

VERSION_TABLE = "alembic_version"
"""Read by every command."""
