"""Opens syncd's own tables for the commands that only look at them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection

from syncd.adapters.connect import open_database
from syncd.config import Config
from syncd.store.migrate import require_current
from syncd.store.tables import Tables, tables_for


@dataclass(frozen=True)
class State:
    """A connection to syncd's own tables."""

    connection: Connection
    tables: Tables


@contextmanager
def open_state(config: Config) -> Iterator[State]:
    """Connects and checks that the tables are there and current."""
    schema = config.state.schema_name
    with open_database(config.state_url.get_secret_value()) as connection:
        require_current(connection, schema)
        yield State(connection, tables_for(connection, schema))
