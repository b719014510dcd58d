"""Column types as PostgreSQL's catalogue tells them, of tables, views and queries."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.adapters.sql.mapping import ColumnInfo
from syncd.adapters.sql.quote import relation
from syncd.model import Holds, Kind

KINDS = {
    "text": Kind.TEXT,
    "varchar": Kind.TEXT,
    "bpchar": Kind.TEXT,
    "citext": Kind.TEXT,
    "name": Kind.TEXT,
    "time": Kind.TEXT,
    "timetz": Kind.TEXT,
    "int2": Kind.INTEGER,
    "int4": Kind.INTEGER,
    "int8": Kind.INTEGER,
    "float4": Kind.FLOAT,
    "float8": Kind.FLOAT,
    "numeric": Kind.DECIMAL,
    "bool": Kind.BOOLEAN,
    "date": Kind.DATE,
    "timestamp": Kind.TIMESTAMP,
    "timestamptz": Kind.TIMESTAMP,
    "uuid": Kind.UUID,
}
_BITS = {"int2": 15, "int4": 31, "int8": 63}
_HEADER = 4
"""PostgreSQL's typmod of varchar(n) and numeric(p, s) counts from a four-byte header."""

_RELATION = """
SELECT a.attname AS name, format_type(a.atttypid, NULL) AS cast_name, format_type(a.atttypid, a.atttypmod) AS type_name,
       base.typname AS base_name, base.typtype AS category, a.attnotnull OR t.typnotnull AS not_null,
       CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END AS typmod,
       a.attgenerated <> '' AS generated
FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid
JOIN pg_type base ON base.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
WHERE a.attrelid = to_regclass(:name) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""

_TYPES = """
SELECT t.oid, format_type(t.oid, NULL) AS cast_name, format_type(t.oid, NULL) AS type_name,
       base.typname AS base_name, base.typtype AS category
FROM pg_type t JOIN pg_type base ON base.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
WHERE t.oid = ANY(:oids)
"""


def columns_of_relation(connection: Connection, name: str) -> dict[str, ColumnInfo]:
    """The columns of a table or view; empty where there is none of that name."""
    rows = connection.execute(sa.text(_RELATION), {"name": relation(connection.dialect, name)}).mappings()
    return {row["name"]: _column(dict(row)) for row in rows}


def columns_of_query(connection: Connection, query: str) -> dict[str, ColumnInfo]:
    """The columns that a SELECT yields."""
    # A percent sign in the query is no parameter.
    plain = connection.execution_options(no_parameters=True)
    result = plain.exec_driver_sql(f"SELECT * FROM ({query.strip().rstrip(';')}) AS src LIMIT 0")
    described = [(each[0], each[1]) for each in result.cursor.description]
    rows = connection.execute(sa.text(_TYPES), {"oids": [oid for _, oid in described]}).mappings()
    types = {row["oid"]: dict(row) for row in rows}
    unknown = {"not_null": False, "typmod": -1, "generated": False}
    return {name: _column(types[oid] | unknown | {"name": name}) for name, oid in described}


def _column(row: dict[str, Any]) -> ColumnInfo:
    base = str(row["base_name"])
    kind = Kind.TEXT if row["category"] == "e" else KINDS.get(base)
    nullable = not row["not_null"]
    return ColumnInfo(
        name=row["name"],
        kind=kind,
        type_name=row["type_name"],
        cast=row["cast_name"],
        holds=None if kind is None else _holds(kind, base, int(row["typmod"]), nullable=nullable),
        nullable=nullable,
        generated=bool(row["generated"]),
        single_precision=base == "float4",
    )


def _holds(kind: Kind, base: str, typmod: int, *, nullable: bool) -> Holds:
    limited = typmod >= _HEADER
    if kind is Kind.INTEGER:
        return Holds(kind, nullable, minimum=-(2 ** _BITS[base]), maximum=2 ** _BITS[base] - 1)
    if base in ("varchar", "bpchar") and limited:
        return Holds(kind, nullable, max_length=typmod - _HEADER)
    if kind is Kind.DECIMAL and limited:
        packed = typmod - _HEADER
        return Holds(kind, nullable, precision=packed >> 16, scale=packed & 0x7FF)
    return Holds(kind, nullable)
