"""Annotation ids: which text can be one in a column, who gives new rows their ids, and ids drawn beforehand."""

from __future__ import annotations

import re
from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.adapters.sql.arrays import array
from syncd.adapters.sql.encoding import can_hold
from syncd.adapters.sql.mapping import ColumnInfo, TableInfo
from syncd.adapters.sql.quote import quote, relation
from syncd.model import Kind

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}")
_UNSENDABLE = re.compile("[\x00\ud800-\udfff]")
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
    return is_sendable(text) and (column.holds is None or can_hold(column.holds.encoding, text))


def is_sendable(text: str) -> bool:
    """Whether a database takes this text at all: no NUL character, no half of a surrogate pair."""
    return _UNSENDABLE.search(text) is None


def draw(connection: Connection, info: TableInfo, expression: str, count: int) -> list[str]:
    """Ids that the owner's expression makes and no row has; fewer than asked for where it repeats itself."""
    cast = info.id.cast.replace(":", "\\:")
    made = expression.replace(":", "\\:")
    drawing = sa.text(f"SELECT CAST(CAST(({made}) AS {cast}) AS text) FROM generate_series(1, :count)")
    # What is no sequence's number is told from a constant by drawing two. No number is drawn in vain.
    least = 1 if "nextval" in expression else 2
    found: dict[str, None] = {}
    for attempt in range(ROUNDS):
        missing = max(least, count - len(found))
        wanted = missing if attempt == 0 else max(missing, 2**attempt)
        drawn = [str(row[0]) for row in connection.execute(drawing, {"count": wanted}) if row[0] is not None]
        if len(set(drawn)) < len(drawn) or not drawn:
            break
        known = taken(connection, info, drawn)
        found |= dict.fromkeys(each for each in drawn if each not in known)
        if len(found) >= count:
            break
    return list(found)[:count]


def taken(connection: Connection, info: TableInfo, ids: Collection[str]) -> set[str]:
    """Which of these ids a row of the written relation has, whether or not the one that is read shows it."""
    table, name = relation(connection.dialect, info.mapping.table), quote(connection.dialect, info.id.name)
    if connection.dialect.name != "postgresql":
        column: sa.ColumnClause[str | int] = sa.column(info.id.name)
        given = [int(each) if info.id.kind is Kind.INTEGER else each for each in ids]
        chosen = sa.select(column).select_from(sa.text(table)).where(column.in_(given))
        return {str(each) for each in connection.execute(chosen).scalars()}
    statement = f"SELECT {name}::text FROM {table} WHERE {name} = ANY(".replace("%", "%%")
    rows = connection.exec_driver_sql(f"{statement}%s::{info.id.cast.replace('%', '%%')}[])", (array(list(ids)),))
    return {str(row[0]) for row in rows}
