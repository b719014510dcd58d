"""From a database's address to the facts of a table: the one door of this room to a server."""

from __future__ import annotations

from collections.abc import Callable

from syncd.adapters.connect import open_database
from syncd.propose.facts import Facts
from syncd.propose.read import read_facts


def facts_at(url: str, table: str, progress: Callable[[str], None] = lambda _: None) -> Facts:
    """The facts of a table in the database at ``url``; nothing is written there.

    Raises DatabaseUnavailable, ConfigError for an address that is none, and what :func:`syncd.propose.read.read_facts`
    raises.
    """
    connection = open_database(url)
    try:
        if connection.dialect.name == "postgresql":
            connection = connection.execution_options(postgresql_readonly=True)
        return read_facts(connection, table, progress)
    finally:
        connection.close()
        connection.engine.dispose()
