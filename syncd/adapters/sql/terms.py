"""Reads the table that holds a vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from syncd.adapters.sql.describe import columns_of
from syncd.adapters.sql.encoding import decoded, doubtful_encoding
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
    encoding = doubtful_encoding(connection)
    listed = ", ".join(quote(dialect, each) for each in columns)
    if encoding is not None:
        texts = (f"CAST({quote(dialect, each)} AS text)" for each in columns)
        listed = ", ".join(f"convert_to({each}, '{encoding}')" for each in texts)
    statement = f"SELECT DISTINCT {listed} FROM {relation(dialect, table)}"
    with asking(READING):
        plain = connection.execution_options(no_parameters=True)
        rows = [tuple(row) for row in plain.exec_driver_sql(statement)]
    if encoding is None:
        return rows
    # What is no text in the database's encoding is none of a term either.
    return [tuple(None if each is None else decoded(encoding, bytes(each))[0] for each in row) for row in rows]
