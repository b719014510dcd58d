"""Counts how often each label occurs in the database."""

from __future__ import annotations

from sqlalchemy import Connection

from syncd.adapters.sql.errors import READING, asking
from syncd.adapters.sql.mapping import TableMapping
from syncd.adapters.sql.quote import quote, source
from syncd.model import LABEL


def count_labels(connection: Connection, mapping: TableMapping) -> dict[str, int]:
    """Annotations per label, counted by the server; those without a label are left out."""
    dialect = connection.dialect
    label = f"src.{quote(dialect, mapping.fields[LABEL][0])}"
    statement = (
        f"SELECT {label}, count(*) FROM {source(dialect, mapping)} AS src WHERE {label} IS NOT NULL GROUP BY {label}"
    )
    with asking(READING):
        plain = connection.execution_options(no_parameters=True)
        return {str(name): int(count) for name, count in plain.exec_driver_sql(statement)}
