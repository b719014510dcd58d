"""The captured table as the database describes it, and the names that belong to its capture."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.adapters.sql.describe import columns_of
from syncd.adapters.sql.describe_stored import with_sizes
from syncd.adapters.sql.errors import READING, asking
from syncd.adapters.sql.mapping import TableMapping
from syncd.adapters.sql.quote import relation
from syncd.config.names import TableName
from syncd.errors import ConfigError, MappingError

EVENTS = ("insert", "update", "delete", "truncate")

VERSION = 1
"""Of what the triggers do; another number gives them other names, and so makes those that are there out of date."""

TABLE, PARTITIONED = "r", "p"

_FIND = """
SELECT c.oid::bigint AS oid, n.nspname, c.relname, c.relkind::text AS relkind
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass(:name)
"""


@dataclass(frozen=True)
class Target:
    """A table of annotations, its id column, and the schema of syncd's tables.

    ``mapping`` says how ids are made of columns, and what keys refer to, where the configuration says so.
    """

    oid: int
    table: TableName
    id_column: str
    state_schema: str
    partitioned: bool = False
    mapping: TableMapping | None = None

    @property
    def identity(self) -> str:
        """The table's name as it is recorded."""
        return str(self.table)

    @property
    def channel(self) -> str:
        """The channel on which each change is notified."""
        return f"syncd_{_hash(self.identity)}"

    @property
    def name(self) -> str:
        """The trigger function's name. It changes with all that the function is made of."""
        return f"capture_{_hash(self.state_schema, self.identity, self.id_column, str(VERSION))}"

    def trigger(self, event: str) -> str:
        """The name of the trigger for one kind of event on the table."""
        return f"syncd_{self.name}_{event}"


def find_target(
    connection: Connection, table: str, id_column: str, state_schema: str, mapping: TableMapping | None = None
) -> Target:
    """Looks the table up; ``MappingError`` where it is none, ``ConfigError`` where triggers cannot do this."""
    if connection.dialect.name != "postgresql":
        raise ConfigError(
            f"Change capture needs PostgreSQL; the annotations are in {connection.dialect.name}.",
            remedy="Leave it: syncd polls by `columns.updated_at`, or reads everything.",
        )
    with asking(READING):
        name = relation(connection.dialect, table)
        found = connection.execute(sa.text(_FIND), {"name": name}).mappings().one_or_none()
    if found is None:
        raise MappingError(
            f"There is no table {table}.", remedy="Mend `table` of the binding, then run `syncd doctor`."
        )
    if found["relkind"] not in (TABLE, PARTITIONED):
        raise MappingError(
            f"{table} is no table: triggers that see which rows changed can stand on tables only.",
            remedy="Leave change capture: syncd polls by `columns.updated_at`.",
        )
    if mapping is not None and mapping.box is not None:
        with asking(READING):
            mapping = with_sizes(mapping, columns_of(connection, mapping.table))
    full = TableName(found["nspname"], found["relname"])
    return Target(found["oid"], full, id_column, state_schema, found["relkind"] == PARTITIONED, mapping)


def _hash(*parts: str) -> str:
    return hashlib.blake2b("/".join(parts).encode(), digest_size=8).hexdigest()
