"""Annotation ids: which text can be one in a column, and new ones."""

from __future__ import annotations

import re
import uuid

import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.adapters.sql.arrays import array
from syncd.adapters.sql.mapping import ColumnInfo, TableInfo
from syncd.adapters.sql.quote import quote, relation
from syncd.errors import MappingError
from syncd.model import Kind

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}")
_UNSENDABLE = re.compile("[\x00\ud800-\udfff]")
_LENGTH_OF_UUID = 36
_INT64 = (-(2**63), 2**63 - 1)
ROUNDS = 24
"""Each asks for twice as many numbers: a sequence may lie millions behind the rows after an import."""


def could_be_id(column: ColumnInfo, text: str) -> bool:
    """Whether the column can hold this id; asking the database about any other would be an error."""
    if column.kind is Kind.UUID:
        return _UUID.fullmatch(text) is not None
    if column.kind is Kind.INTEGER:
        low, high = _INT64
        if column.holds is not None:
            low = low if column.holds.minimum is None else column.holds.minimum
            high = high if column.holds.maximum is None else column.holds.maximum
        return _INTEGER.fullmatch(text) is not None and low <= int(text) <= high
    return is_sendable(text)


def is_sendable(text: str) -> bool:
    """Whether a database takes this text at all: no NUL character, no half of a surrogate pair."""
    return _UNSENDABLE.search(text) is None


def can_mint(info: TableInfo) -> bool:
    """Whether new ids can be made: a column of text must have room for a UUID, or make its own."""
    longest = info.id.holds.max_length if info.id.holds else None
    return info.id.kind is not Kind.TEXT or info.id.default is not None or (longest or 99) >= _LENGTH_OF_UUID


def mint(connection: Connection, info: TableInfo, count: int) -> list[str]:
    """New ids: those that the column's own default makes, else UUIDs, else the numbers after the highest."""
    if not count:
        return []
    if not can_mint(info):
        raise MappingError(
            f"No new ids can be made for {info.mapping.table}: column {info.id.name!r} is {info.id.type_name}, too "
            "short for a UUID, and has no default.",
            remedy="Give the column a default, or set `policy.on_new: quarantine`.",
        )
    found: dict[str, None] = {}
    made = _statement(connection, info)
    # A constant is a default too, but makes no ids; two of anything else are told apart. No number is drawn in vain.
    least = 1 if "nextval" in str(made) else 2
    for attempt in range(ROUNDS if made is not None else 0):
        missing = max(least, count - len(found))
        wanted = missing if attempt == 0 else max(missing, 2**attempt)
        drawn = [str(row[0]) for row in connection.execute(sa.text(str(made)), {"count": wanted}) if row[0] is not None]
        if len(set(drawn)) < len(drawn) or not drawn:
            break
        known = _taken(connection, info, drawn)
        found |= dict.fromkeys(each for each in drawn if each not in known)
        if len(found) >= count:
            return list(found)[:count]
    if info.id.kind is not Kind.INTEGER:
        return [str(uuid.uuid4()) for _ in range(count)]
    name, table = quote(connection.dialect, info.id.name), relation(connection.dialect, info.mapping.table)
    plain = connection.execution_options(no_parameters=True)
    highest = plain.exec_driver_sql(f"SELECT coalesce(max({name}), 0) FROM {table}").scalar_one()
    return [str(int(highest) + each + 1) for each in range(count)]


def _taken(connection: Connection, info: TableInfo, drawn: list[str]) -> set[str]:
    """Which of these ids a row of the table has, whether or not the relation that is read shows it."""
    table, name = relation(connection.dialect, info.mapping.table), quote(connection.dialect, info.id.name)
    statement = f"SELECT {name}::text FROM {table} WHERE {name} = ANY(".replace("%", "%%")
    rows = connection.exec_driver_sql(f"{statement}%s::{info.id.cast.replace('%', '%%')}[])", (array(drawn),))
    return {str(row[0]) for row in rows}


def _statement(connection: Connection, info: TableInfo) -> str | None:
    """The SELECT that has the column's default make ids."""
    if connection.dialect.name != "postgresql" or info.id.default is None:
        return None
    expression = f"({info.id.default})".replace(":", "\\:")
    if info.id.default == "identity":
        sequence = connection.execute(
            sa.text("SELECT pg_get_serial_sequence(:table, :column)"),
            {"table": relation(connection.dialect, info.mapping.table), "column": info.id.name},
        ).scalar_one_or_none()
        if sequence is None:
            return None
        expression = f"nextval('{str(sequence).replace(chr(39), chr(39) * 2)}'\\:\\:regclass)"
    cast = info.id.cast.replace(":", "\\:")
    return f"SELECT CAST(CAST({expression} AS {cast}) AS text) FROM generate_series(1, :count)"
