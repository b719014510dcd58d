"""Checks the laboratory's database: whether it answers, and whether syncd can work with it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from syncd.adapters.connect import remedy_for
from syncd.adapters.sql.mysql import is_mysql
from syncd.adapters.sql.quote import name_in_sql
from syncd.config import redact_url
from syncd.config.redact import HINT
from syncd.doctor.finding import Check, Verdict, fault, in_sql, ok, warning
from syncd.doctor.servers import DATABASE_ANSWERS, Servers
from syncd.errors import ConfigError, DatabaseUnavailable

OLDEST = 13
NEEDED = "Expected e.g. database.url: postgresql+psycopg2://user@host/database"


def checks(servers: Servers) -> Iterator[Check]:
    """Of the database that holds the annotations."""
    if servers.config.lab is None:
        return
    yield Check(DATABASE_ANSWERS, lambda: _answers(servers))
    yield Check("Database version", lambda: _version(servers.database.get()))
    yield Check("Database encoding", lambda: _encoding(servers.database.get()))
    yield Check("Database takes writes", lambda: _takes_writes(servers.database.get()))


def _answers(servers: Servers) -> Verdict:
    connection = reach(servers, servers.config.database.url.get_secret_value(), "database.url")
    servers.database.set(connection)
    if servers.config.state.url is None:
        servers.state.set(connection)
    return ok(where(connection))


def reach(servers: Servers, url: str, place: str) -> Connection:
    """Connects; an error names the place in the configuration that is to be mended."""
    _look_at(url, place)
    try:
        return servers.connect(url)
    except DatabaseUnavailable as error:
        raise DatabaseUnavailable(error.message, remedy=remedy_for(error.message, f"`{place}`")) from error


def _look_at(url: str, place: str) -> None:
    """Faults of the address itself, in words that hold no part of it."""
    try:
        parsed = sa.make_url(url)
    except (SQLAlchemyError, ValueError):
        raise ConfigError(
            f"`{place}` is not a database URL; {HINT}.",
            remedy=NEEDED,
        ) from None  # the cause quotes what it could not read, which may be half a password
    if parsed.get_backend_name() != "sqlite":
        return
    if parsed.database and parsed.database != ":memory:" and not Path(parsed.database).is_file():
        raise ConfigError(
            f"There is no file {parsed.database}, which `{place}` names.", remedy=f"Mend the path in `{place}`."
        )


def where(connection: Connection) -> str:
    """What the connection leads to, without its secrets."""
    name = connection.dialect.name
    address = redact_url(connection.engine.url.render_as_string(hide_password=False))
    if name != "postgresql":
        return f"{name}, at {address}"
    row = connection.execute(sa.text("SELECT current_database(), current_user")).one()
    return f'database "{row[0]}" as role "{row[1]}", at {address}'


def _version(connection: Connection) -> Verdict:
    name = connection.dialect.name
    if name == "postgresql":
        version = str(connection.execute(sa.text("SHOW server_version")).scalar_one()).split()[0]
        number = int(connection.execute(sa.text("SHOW server_version_num")).scalar_one())
        if number < OLDEST * 10_000:
            return fault(
                f"PostgreSQL {version}; syncd needs {OLDEST} or newer",
                f"Upgrade the server: pg_upgrade, or pg_dumpall | psql into PostgreSQL {OLDEST} or newer.",
            )
        return ok(f"PostgreSQL {version}")
    version = ".".join(str(each) for each in connection.dialect.server_version_info or ()) or "of unknown version"
    alone = "only one host may run syncd" if name == "sqlite" else "syncd's own tables cannot be kept in it"
    if is_mysql(connection.dialect):
        name = "MariaDB" if getattr(connection.dialect, "is_mariadb", False) else "MySQL"
        alone += "; there is no change capture, so every row is found by polling; whether it is the server that was "
        alone += "agreed with is not told"
    return warning(
        f"{name} {version}: rows are read without columns and written one by one; times have no zone; rights and "
        f"triggers are not looked at; {alone}",
        "For more than a trial, keep the annotations in PostgreSQL: database.url: postgresql+psycopg2://…",
    )


def _encoding(connection: Connection) -> Verdict:
    if connection.dialect.name != "postgresql":
        return ok(f"{connection.dialect.name} says nothing of its encoding")
    encoding, name = connection.execute(sa.text("SELECT current_setting('server_encoding'), current_database()")).one()
    if encoding == "UTF8":
        return ok("UTF8")
    old, new = shlex.quote(name), shlex.quote(f"{name}_utf8")
    anew = (
        f"Run: createdb --template template0 --encoding UTF8 {new} && pg_dump {old} | psql {new}   "
        "(then name the new database in `database.url`)"
    )
    if encoding == "SQL_ASCII":
        return fault("SQL_ASCII, which stores bytes of any encoding: a label may not be readable as text", anew)
    return warning(f"{encoding}: a label with a character that it lacks is refused", anew)


def _takes_writes(connection: Connection) -> Verdict:
    if connection.dialect.name != "postgresql":
        return ok(f"{connection.dialect.name} has no servers that only read")
    standby, read_only, role = connection.execute(
        sa.text(
            # Not the current setting: the diagnosis itself has set it, so that it cannot write.
            "SELECT pg_is_in_recovery(), (SELECT reset_val = 'on' FROM pg_settings "
            "WHERE name = 'default_transaction_read_only'), current_user"
        )
    ).one()
    if standby:
        return fault("a standby, which can only be read", "Name the primary's host in `database.url`.")
    if read_only:
        name = name_in_sql(connection.dialect, role)
        return fault(
            "default_transaction_read_only is on for this role or database",
            in_sql(f"ALTER ROLE {name} SET default_transaction_read_only = off"),
        )
    return ok("a primary, transactions may write")
