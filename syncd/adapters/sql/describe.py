"""What the database says of the mapped columns: kinds, limits, nullability."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.sql import sqltypes

from syncd.adapters.sql.describe_postgres import columns_of_query, columns_of_relation
from syncd.adapters.sql.mapping import ColumnInfo, TableInfo, TableMapping
from syncd.adapters.sql.quote import split_name
from syncd.errors import MappingError
from syncd.model import Holds, Kind

EXPECTED = "text, integer, float, decimal, boolean, date, time, timestamp or UUID"


def describe(connection: Connection, mapping: TableMapping) -> TableInfo:
    """Describes the written table and the relation that is read; ``MappingError`` names all that is missing."""
    written = _relation(connection, mapping.table)
    if mapping.read == mapping.table:
        read = written
    elif mapping.read_is_query:
        read = _query(connection, mapping, written)
    else:
        read = _relation(connection, mapping.read)
    faults = [
        f"{mapping.read if mapping.read != mapping.table else mapping.table} has no column {name!r}"
        for name in mapping.read_columns
        if name not in read
    ]
    mapped = {name for names in mapping.fields.values() for name in names} | {mapping.id_column}
    info = TableInfo(mapping, written, read)
    for name in sorted(mapped & read.keys()):
        column = info.column(name)
        if column.kind is None:
            faults.append(f"column {name!r} has the type {column.type_name}, expected {EXPECTED}")
    if mapping.id_column not in written:
        faults.append(f"{mapping.table} has no column {mapping.id_column!r}")
    if faults:
        raise MappingError(
            "The mapping does not fit the database: " + "; ".join(dict.fromkeys(faults)) + ".",
            remedy="Mend `table`, `read` or `columns` of the binding, then run `syncd doctor`.",
        )
    return info


def _relation(connection: Connection, name: str) -> dict[str, ColumnInfo]:
    if connection.dialect.name == "postgresql":
        found = columns_of_relation(connection, name)
    else:
        found = _reflected(connection, name)
    if not found:
        raise MappingError(
            f"The database has no table or view {name!r} (or it may not be seen by this user).",
            remedy="Mend `table` or `read` of the binding, then run `syncd doctor`.",
        )
    return found


def _query(connection: Connection, mapping: TableMapping, written: dict[str, ColumnInfo]) -> dict[str, ColumnInfo]:
    if connection.dialect.name == "postgresql":
        return columns_of_query(connection, mapping.read)
    result = connection.execute(sa.text(f"SELECT * FROM ({mapping.read.strip().rstrip(';')}) AS src WHERE 1 = 0"))
    # Elsewhere a query's columns have no types of their own: they are those of the table's columns they are named for.
    text = Holds(Kind.TEXT)
    return {name: written.get(name, ColumnInfo(name, Kind.TEXT, "text", "text", text)) for name in result.keys()}


def _reflected(connection: Connection, name: str) -> dict[str, ColumnInfo]:
    schema, table = split_name(name)
    try:
        columns = sa.inspect(connection).get_columns(table, schema=schema)
    except NoSuchTableError:
        return {}
    found: dict[str, ColumnInfo] = {}
    for each in columns:
        kind, holds = _kind(each["type"], nullable=bool(each["nullable"]))
        found[each["name"]] = ColumnInfo(
            name=each["name"],
            kind=kind,
            type_name=str(each["type"]),
            cast="",
            holds=holds,
            nullable=bool(each["nullable"]),
            generated="computed" in each,
        )
    return found


def _kind(type_: sqltypes.TypeEngine[object], *, nullable: bool) -> tuple[Kind | None, Holds | None]:
    """The kind of a reflected SQLAlchemy type."""
    length = getattr(type_, "length", None)
    kind: Kind | None = None
    if isinstance(type_, sqltypes.Boolean):
        kind = Kind.BOOLEAN
    elif isinstance(type_, sqltypes.Uuid):
        kind = Kind.UUID
    elif isinstance(type_, sqltypes.Integer):
        kind = Kind.INTEGER
    elif isinstance(type_, sqltypes.Float):
        kind = Kind.FLOAT
    elif isinstance(type_, sqltypes.Numeric):
        kind = Kind.DECIMAL
    elif isinstance(type_, sqltypes.DateTime):
        kind = Kind.TIMESTAMP
    elif isinstance(type_, sqltypes.Date):
        kind = Kind.DATE
    elif isinstance(type_, sqltypes.String):
        kind = Kind.TEXT
    if kind is None:
        return None, None
    return kind, Holds(
        kind=kind,
        nullable=nullable,
        max_length=length if kind is Kind.TEXT else None,
        precision=getattr(type_, "precision", None) if kind is Kind.DECIMAL else None,
        scale=getattr(type_, "scale", None) if kind is Kind.DECIMAL else None,
    )
