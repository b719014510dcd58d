"""Creates and upgrades syncd's own tables; says whether they are there and current."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateSchema

import syncd
from syncd.connect import first_line
from syncd.errors import DatabaseUnavailable, StateError
from syncd.store.lock import lock_key
from syncd.store.tables import tables_for


@dataclass(frozen=True)
class Migrated:
    """What ``syncd migrate`` did."""

    before: str | None
    after: str


def migrate(connection: Connection, schema: str) -> Migrated:
    """Brings the tables to the newest version, in one transaction; doing so twice changes nothing.

    Hosts that do it at once take turns. ``StateError`` where the tables are of a newer version, or cannot be made.
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
    config = _config()
    declared = tables_for(connection, schema)
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": lock_key(schema, "")})
    if declared.schema and not sa.inspect(connection).has_schema(declared.schema):
        connection.execute(CreateSchema(declared.schema))
    before = current(connection, schema)
    if before is not None and before > newest():
        raise _newer(before)
    config.attributes["connection"] = connection
    config.attributes["schema"] = schema
    command.upgrade(config, "head")
    connection.commit()
    return Migrated(before, newest())


def current(connection: Connection, schema: str) -> str | None:
    """The version of the tables that are there; ``None`` where there are none."""
    declared = tables_for(connection, schema)
    options = {
        "version_table": "alembic_version" if declared.schema else f"{schema}_alembic_version",
        "version_table_schema": declared.schema,
    }
    return MigrationContext.configure(connection, opts=options).get_current_revision()


@cache
def newest() -> str:
    """The version that this syncd was written for."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None, "there is at least one migration"
    return head


def require_current(connection: Connection, schema: str) -> None:
    """``StateError`` unless the tables are there and of this syncd's version."""
    found, wanted = current(connection, schema), newest()
    if found == wanted:
        return
    if found is None:
        message = f"syncd's own tables are not in the schema {schema!r} yet."
    elif found > wanted:
        raise _newer(found)
    else:
        message = f"syncd's own tables are of version {found}, this syncd needs {wanted}."
    raise StateError(message, remedy="Run `syncd migrate`.")


def _newer(found: str) -> StateError:
    return StateError(
        f"syncd's own tables are of version {found}, newer than this syncd knows ({newest()}).",
        remedy="Upgrade syncd on this host.",
    )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_scripts()).replace("%", "%%"))
    return config


def _scripts() -> Path:
    """The migrations: beside the package in a checkout, inside it when installed."""
    package = Path(syncd.__file__).parent
    installed = package / "_migrations"
    return installed if installed.is_dir() else package.parent / "migrations"
