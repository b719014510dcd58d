"""The identity of a table: its name, in a database of a server, whatever its oid, because tables are swapped."""

from __future__ import annotations

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from syncd.adapters.sql.mysql import is_mysql

IN, OF = " in database ", " of server "
UNKNOWN = "?"
"""Stands for a server that does not tell its identifier."""

_DATABASE = "SELECT current_database()"
_MAY_ASK = "SELECT has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')"
# The identifier that the server got when it was made, and that its standbys and physical copies share.
_SERVER = "SELECT system_identifier::text FROM pg_catalog.pg_control_system()"
_BOTH = f"SELECT current_database(), ({_SERVER})"
_TELLS = "syncd.tells_server"


def place_of(connection: Connection, table: str) -> str:
    """The table's identity; of MariaDB and MySQL without the server, which tells no identifier, of SQLite the name."""
    if is_mysql(connection.dialect):
        return f"{table}{IN}{connection.exec_driver_sql('SELECT database()').scalar_one()}{OF}{UNKNOWN}"
    if connection.dialect.name != "postgresql":
        return table
    # Each poll asks; that the server answers is found out once for each connection, which costs a savepoint.
    if connection.info.get(_TELLS):
        try:
            database, server = connection.exec_driver_sql(_BOTH).one()
        except DBAPIError:
            del connection.info[_TELLS]
            raise
    else:
        database = connection.exec_driver_sql(_DATABASE).scalar_one()
        server = _server(connection) if connection.exec_driver_sql(_MAY_ASK).scalar_one() else None
        connection.info[_TELLS] = server is not None
    return f"{table}{IN}{database}{OF}{server or UNKNOWN}"


def _server(connection: Connection) -> str | None:
    try:
        with connection.begin_nested():
            return str(connection.exec_driver_sql(_SERVER).scalar_one())
    except DBAPIError:
        # A service that is like PostgreSQL without being it; the name and the database must do.
        return None


def is_same_place(one: str, two: str) -> bool:
    """Whether two identities may mean the same table: what one of them does not tell is no difference."""
    return all(a == b or None in (a, b) for a, b in zip(_parts(one), _parts(two), strict=True))


def _parts(identity: str) -> tuple[str | None, ...]:
    """(table, database, server), with ``None`` for what is not told: earlier versions told the table alone."""
    rest, told, server = identity.rpartition(OF)
    if not told:
        return identity, None, None
    table, _, database = rest.rpartition(IN)
    return table, database, None if server == UNKNOWN else server
