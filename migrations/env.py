"""Alembic's entry: runs on the connection that ``syncd migrate`` hands over, in syncd's own schema."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from syncd.store.tables import tables_for


def run(connection: Connection, schema: str) -> None:
    """Runs the migrations inside one transaction."""
    declared = tables_for(connection, schema)
    context.configure(
        connection=connection,
        target_metadata=declared.metadata,
        version_table="alembic_version" if declared.schema else f"{schema}_alembic_version",
        version_table_schema=declared.schema,
        include_schemas=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run(context.config.attributes["connection"], context.config.attributes["schema"])
