"""The servers that a diagnosis has reached."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import Any

from pymongo.database import Database
from sqlalchemy import Connection

from syncd.adapters.connect import open_database, open_fiftyone
from syncd.config import Config
from syncd.doctor.finding import Fact

DATABASE_ANSWERS = "Database answers"
STATE_ANSWERS = "Database of syncd's tables answers"
MONGODB_ANSWERS = "MongoDB answers"


class Servers:
    """Connections, opened by the checks that look whether they can be opened, closed with ``stack``."""

    def __init__(self, config: Config, stack: ExitStack) -> None:
        self.config = config
        self.stack = stack
        self.database: Fact[Connection] = Fact(DATABASE_ANSWERS)
        self.state: Fact[Connection] = Fact(STATE_ANSWERS if config.state.url else DATABASE_ANSWERS)
        self.mongodb: Fact[Database[dict[str, Any]]] = Fact(MONGODB_ANSWERS)

    def connect(self, url: str) -> Connection:
        """A connection that cannot write, and on which a statement that fails costs no other."""
        connection = open_database(url)
        self.stack.callback(connection.engine.dispose)
        self.stack.callback(connection.close)
        # Without a transaction around them, statements neither hold locks nor spoil the ones after them.
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        if connection.dialect.name == "postgresql":
            connection = connection.execution_options(postgresql_readonly=True)
        return connection

    def connect_mongodb(self) -> Database[dict[str, Any]]:
        """FiftyOne's database in MongoDB."""
        database = open_fiftyone(self.config)
        if self.config.fiftyone.database_uri is not None or os.environ.get("FIFTYONE_DATABASE_URI") is not None:
            # Otherwise the client is FiftyOne's own, which others in this process may be using.
            self.stack.callback(database.client.close)
        return database
