"""Reads the table that a vocabulary stands in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from syncd.adapters.sql.describe import columns_of
from syncd.adapters.sql.errors import READING, asking
from syncd.adapters.sql.mapping import ColumnInfo
from syncd.adapters.sql.quote import quote, relation


def describe_columns(connection: Connection, table: str) -> dict[str, ColumnInfo]:
    """The columns of a table or view; ``MappingError`` where there is none of that name."""
    with asking(READING):
        return columns_of(connection, table)


def read_distinct(connection: Connection, table: str, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    """The different rows of these columns, in no order."""
    dialect = connection.dialect
    listed = ", ".join(quote(dialect, each) for each in columns)
    statement = f"SELECT DISTINCT {listed} FROM {relation(dialect, table)}"
    with asking(READING):
        plain = connection.execution_options(no_parameters=True)
        return [tuple(row) for row in plain.exec_driver_sql(statement)]
