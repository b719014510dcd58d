"""Describes column types from PostgreSQL's catalogue, for tables, views and queries."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.adapters.sql.mapping import ColumnInfo, Reference
from syncd.adapters.sql.quote import query as as_source
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
PLAIN_TEXT = ("text", "varchar", "bpchar", "citext", "name")
_BITS = {"int2": 15, "int4": 31, "int8": 63}
_HEADER = 4
"""PostgreSQL's typmod of varchar(n) and numeric(p, s) counts from a four-byte header."""

# The type itself, and of a domain what it is made of, down to the type that is no domain.
_CHAIN = """
WITH RECURSIVE chain AS (
    SELECT t.oid AS type, t.typname, t.typtype, t.typbasetype, t.typtypmod, t.typnotnull, 0 AS depth
    FROM pg_type t WHERE t.oid {which}
    UNION ALL
    SELECT chain.type, b.typname, b.typtype, b.typbasetype, b.typtypmod, b.typnotnull, depth + 1
    FROM chain JOIN pg_type b ON b.oid = chain.typbasetype WHERE chain.typtype = 'd'
), types AS (
    SELECT type AS oid, format_type(type, NULL) AS cast_name, bool_or(typnotnull) AS not_null,
           (array_agg(typname ORDER BY depth DESC))[1] AS base_name,
           (array_agg(typtype ORDER BY depth DESC))[1]::text AS category,
           coalesce((array_agg(typtypmod ORDER BY depth) FILTER (WHERE typtypmod <> -1))[1], -1) AS typmod
    FROM chain GROUP BY type
)
"""
_RELATION = (
    _CHAIN.format(which="IN (SELECT atttypid FROM pg_attribute WHERE attrelid = to_regclass(:name))")
    + """
SELECT a.attname AS name, types.cast_name, format_type(a.atttypid, a.atttypmod) AS type_name, types.base_name,
       types.category, a.attnotnull OR types.not_null AS not_null,
       CASE WHEN a.atttypmod = -1 THEN types.typmod ELSE a.atttypmod END AS typmod,
       a.attgenerated <> '' AS generated, pg_get_expr(d.adbin, d.adrelid) AS default_expression,
       a.attidentity <> '' AS identity, f.refers_to
FROM pg_attribute a
JOIN types ON types.oid = a.atttypid
JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN LATERAL (
    SELECT ARRAY[quote_ident(n.nspname) || '.' || quote_ident(o.relname), r.attname] AS refers_to
    FROM pg_constraint k JOIN pg_class o ON o.oid = k.confrelid JOIN pg_namespace n ON n.oid = o.relnamespace
    JOIN pg_attribute r ON r.attrelid = k.confrelid AND r.attnum = k.confkey[1]
    WHERE k.contype = 'f' AND k.conrelid = a.attrelid AND k.conkey = ARRAY[a.attnum] ORDER BY k.oid LIMIT 1
) f ON true
WHERE a.attrelid = to_regclass(:name) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""
)
_TYPES = (
    _CHAIN.format(which="= ANY(:oids)")
    + "SELECT oid, cast_name, cast_name AS type_name, base_name, category FROM types"
)


def columns_of_relation(connection: Connection, name: str) -> dict[str, ColumnInfo]:
    """The columns of a table or view; empty where there is none of that name."""
    rows = connection.execute(sa.text(_RELATION), {"name": relation(connection.dialect, name)}).mappings()
    return {row["name"]: _column(dict(row)) for row in rows}


def columns_of_query(connection: Connection, query: str) -> dict[str, ColumnInfo]:
    """The columns that a SELECT yields."""
    # A percent sign in the query is no parameter.
    plain = connection.execution_options(no_parameters=True)
    result = plain.exec_driver_sql(f"SELECT * FROM {as_source(query)} AS src LIMIT 0")
    described = [(each[0], each[1]) for each in result.cursor.description]
    rows = connection.execute(sa.text(_TYPES), {"oids": [oid for _, oid in described]}).mappings()
    types = {row["oid"]: dict(row) for row in rows}
    unknown = {"not_null": False, "typmod": -1, "generated": False, "default_expression": None}
    unknown |= {"identity": False, "refers_to": None}
    return {name: _column(types[oid] | unknown | {"name": name}) for name, oid in described}


def _column(row: dict[str, Any]) -> ColumnInfo:
    base = str(row["base_name"])
    kind = Kind.TEXT if row["category"] == "e" else KINDS.get(base)
    nullable = not row["not_null"]
    return ColumnInfo(
        name=row["name"],
        kind=kind,
        type_name=row["type_name"],
        # "character" without a length means one character.
        cast="bpchar" if row["cast_name"] == "character" else row["cast_name"],
        holds=None if kind is None else _holds(kind, base, int(row["typmod"]), nullable=nullable),
        nullable=nullable,
        generated=bool(row["generated"]),
        single_precision=base == "float4",
        plain_text=base in PLAIN_TEXT and row["category"] != "e",
        zoned=base != "timestamp",
        default="identity" if row["identity"] else row["default_expression"],
        refers_to=Reference(*row["refers_to"]) if row["refers_to"] else None,
    )


def _holds(kind: Kind, base: str, typmod: int, *, nullable: bool) -> Holds:
    limited = typmod >= _HEADER
    if kind is Kind.INTEGER:
        return Holds(kind, nullable, minimum=-(2 ** _BITS[base]), maximum=2 ** _BITS[base] - 1)
    if base in ("varchar", "bpchar") and limited:
        return Holds(kind, nullable, max_length=typmod - _HEADER)
    if kind is Kind.DECIMAL and limited:
        packed = typmod - _HEADER
        # The scale is a signed number of eleven bits: numeric(5, -2) holds whole hundreds.
        return Holds(kind, nullable, precision=packed >> 16, scale=(packed & 0x7FF ^ 0x400) - 0x400)
    return Holds(kind, nullable)
