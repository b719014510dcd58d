"""Describes the mapped columns as the database declares them: kinds, limits, nullability."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import NoSuchTableError, ProgrammingError
from sqlalchemy.sql import sqltypes

from syncd.adapters.sql import mysql
from syncd.adapters.sql.clock import stamp_zone
from syncd.adapters.sql.describe_postgres import columns_of_query, columns_of_relation
from syncd.adapters.sql.describe_stored import faults_of, resolved, shown_columns, tables_of, with_sizes
from syncd.adapters.sql.encoding import codec_of, doubtful_encoding
from syncd.adapters.sql.errors import READING, asking, said
from syncd.adapters.sql.ids import IDENTITY, find_owner
from syncd.adapters.sql.mapping import ColumnInfo, Reference, TableInfo, TableMapping
from syncd.adapters.sql.quote import query, relation, split_name
from syncd.config.nearest import did_you_mean
from syncd.errors import MappingError
from syncd.model import Holds, Kind

EXPECTED = "text, integer, float, decimal, boolean, date, time, timestamp or UUID"
MEND = "Mend `table`, `read` or `columns` of the binding, then run `syncd doctor`."

IDS = (Kind.TEXT, Kind.INTEGER, Kind.UUID)
_NUMBERS = frozenset((Kind.INTEGER, Kind.FLOAT, Kind.DECIMAL))
_TEXTS = frozenset((Kind.TEXT, Kind.UUID))
ACTOR_LENGTH = len("syncd")


def describe(
    connection: Connection, mapping: TableMapping, declared: dict[str, Kind | None] | None = None
) -> TableInfo:
    """Describes the written table and the relation that is read; ``MappingError`` names all that is wrong.

    ``declared`` are the kinds that FiftyOne has declared of fields: they decide what a path into JSON leads to.
    """
    with asking(READING):
        written = columns_of(connection, mapping.table)
        if mapping.read == mapping.table:
            read = written
        elif mapping.read_is_query:
            read = _query(connection, mapping, written)
        else:
            read = columns_of(connection, mapping.read)
        codec = codec_of(connection)
        if codec is not None:
            written, read = _encoded(written, codec), _encoded(read, codec)
        stamps = [each[mapping.updated_at] for each in (read, written) if mapping.updated_at in each]
        naive = connection.dialect.name == "postgresql" and not all(each.zoned for each in stamps)
        zone = stamp_zone(connection) if naive else None
        info, faults = shown(connection, mapping, written, read, declared)
    info = replace(info, zone=zone)
    faults = list(dict.fromkeys([*faults, *_faults(info)]))
    if faults:
        raise MappingError("The mapping does not fit the database: " + "; ".join(faults) + ".", remedy=MEND)
    with asking(READING):
        owner = find_owner(connection, info)
        return replace(
            info,
            owner=owner,
            is_view=_is_view(connection, mapping.table),
            encoding=doubtful_encoding(connection),
        )


def shown(
    connection: Connection,
    mapping: TableMapping,
    written: dict[str, ColumnInfo],
    read: dict[str, ColumnInfo],
    declared: dict[str, Kind | None] | None = None,
) -> tuple[TableInfo, list[str]]:
    """Both relations, of these columns, as they are shown; and what of the mapping does not fit them."""
    mapping = with_sizes(mapping, read)
    referred, faults = tables_of(mapping, lambda name: _columns_if_any(connection, name))
    where = "the SELECT of `read`" if mapping.read_is_query else mapping.read
    faults += faults_of(mapping, where, read, referred)
    if not faults:
        mapping = resolved(connection, mapping, read, referred, declared or {})
        faults += faults_of(mapping, where, read, referred)
    shown_written, shown_read = (shown_columns(mapping, each, referred) for each in (written, read))
    return TableInfo(mapping, shown_written, shown_read, physical=written, referred=referred), faults


def _encoded(columns: dict[str, ColumnInfo], codec: str) -> dict[str, ColumnInfo]:
    """The columns, of which those of text hold what the database's encoding has characters for."""
    return {
        name: replace(each, holds=replace(each.holds, encoding=codec))
        if each.kind is Kind.TEXT and each.holds
        else each
        for name, each in columns.items()
    }


def _is_view(connection: Connection, name: str) -> bool:
    if connection.dialect.name == "postgresql":
        asked = sa.text("SELECT relkind = 'v' FROM pg_class WHERE oid = to_regclass(:name)")
        return bool(connection.execute(asked, {"name": relation(connection.dialect, name)}).scalar_one_or_none())
    schema, table = split_name(name)
    return table in sa.inspect(connection).get_view_names(schema=schema)


def _faults(info: TableInfo) -> Iterator[str]:
    mapping = info.mapping
    yield from _missing(info)
    mapped = [name for names in mapping.fields.values() for name in names]
    for name in dict.fromkeys([mapping.id_column, *mapped]):
        if name in info.read and info.column(name).kind is None:
            yield f"column {name!r} has the type {info.column(name).type_name}, expected {EXPECTED}"
        elif name in info.read and name in info.written and not _alike(info.written[name], info.read[name]):
            yield (
                f"column {name!r} is {info.written[name].type_name} in {mapping.table}, "
                f"but {info.read[name].type_name} where it is read"
            )
    found = info.written.get(mapping.id_column)
    if found is not None and found.kind is not None and found.kind not in IDS:
        yield f"column {mapping.id_column!r} has the type {found.type_name}, expected text, integer or UUID for ids"
    yield from _stamps(info)


def _missing(info: TableInfo) -> Iterator[str]:
    """What the written table lacks; of the one that is read it is said already."""
    mapping = info.mapping
    needed = [*mapping.id_columns, *(name for name, _ in mapping.rows.insert)]
    needed += [mapping.rows.version[0]] if mapping.rows.version else []
    for name in needed:
        if name not in info.physical:
            yield f"{mapping.table} has no column {name!r}{_hint(name, info.physical)}"


def _hint(name: str, columns: dict[str, ColumnInfo]) -> str:
    hint = did_you_mean(name, columns)
    return f" ({hint})" if hint else ""


def _alike(written: ColumnInfo, read: ColumnInfo) -> bool:
    """Whether what is read of a column can be what stands in the table."""
    kinds = {written.kind, read.kind}
    return len(kinds) == 1 or kinds <= _NUMBERS or kinds <= _TEXTS


def _stamps(info: TableInfo) -> Iterator[str]:
    """The lab's bookkeeping columns must be able to hold what syncd writes there."""
    at, by = info.mapping.updated_at, info.mapping.updated_by
    if at is not None and at in info.read and info.read[at].kind is not Kind.TIMESTAMP:
        yield f"column {at!r} (updated_at) has the type {info.read[at].type_name}, expected a timestamp"
    if by is not None and info.writable(by):
        found = info.written[by]
        longest = found.holds.max_length if found.holds else None
        if found.kind is not Kind.TEXT or (longest is not None and longest < ACTOR_LENGTH):
            yield f"column {by!r} (updated_by) has the type {found.type_name}, expected text, to hold 'syncd'"


def columns_of(connection: Connection, name: str) -> dict[str, ColumnInfo]:
    """The columns of a table or view by name; ``MappingError`` where there is none of that name."""
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


def _columns_if_any(connection: Connection, name: str) -> dict[str, ColumnInfo] | None:
    try:
        return columns_of(connection, name)
    except MappingError:
        return None


def _query(connection: Connection, mapping: TableMapping, written: dict[str, ColumnInfo]) -> dict[str, ColumnInfo]:
    try:
        if connection.dialect.name == "postgresql":
            return columns_of_query(connection, mapping.read)
        plain = connection.execution_options(no_parameters=True)
        result = plain.exec_driver_sql(f"SELECT * FROM {query(mapping.read)} AS src WHERE 1 = 0")
    except ProgrammingError as error:
        raise MappingError(
            f"The database does not understand the SELECT of `read`: {said(error)}", remedy=MEND
        ) from error
    # Elsewhere a query's columns have no types of their own: they are those of the table's columns they are named for.
    text = Holds(Kind.TEXT)
    names = list(result.keys())
    return {name: written.get(name, ColumnInfo(name, Kind.TEXT, "text", "text", text)) for name in names}


def _reflected(connection: Connection, name: str) -> dict[str, ColumnInfo]:
    schema, table = split_name(name)
    try:
        columns = sa.inspect(connection).get_columns(table, schema=schema)
    except NoSuchTableError:
        return {}
    found: dict[str, ColumnInfo] = {}
    numbered = _numbered(connection, table, schema)
    references = _references(connection, table, schema)
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
            default=IDENTITY if "identity" in each or each["name"] == numbered else each["default"],
            refers_to=references.get(each["name"]),
        )
    return found


def _references(connection: Connection, table: str, schema: str | None) -> dict[str, Reference]:
    """What the columns that have a foreign key of their own refer to."""
    inspector, preparer = sa.inspect(connection), connection.dialect.identifier_preparer
    if table in inspector.get_view_names(schema=schema):
        return {}
    found: dict[str, Reference] = {}
    for each in inspector.get_foreign_keys(table, schema=schema):
        if len(each["constrained_columns"]) == 1:
            parts = [name for name in (each["referred_schema"], each["referred_table"]) if name]
            named = ".".join(preparer.quote(name) for name in parts)
            # SQLite need not name the column, and means the key.
            columns = each["referred_columns"] or inspector.get_pk_constraint(parts[-1])["constrained_columns"]
            if columns:
                found.setdefault(each["constrained_columns"][0], Reference(named, columns[0]))
    return found


def _numbered(connection: Connection, table: str, schema: str | None) -> str | None:
    """The column that the database numbers by itself: its key, where that is a single integer."""
    inspector = sa.inspect(connection)
    if table in inspector.get_view_names(schema=schema):
        return None
    key = inspector.get_pk_constraint(table, schema=schema)["constrained_columns"]
    for each in inspector.get_columns(table, schema=schema):
        if [each["name"]] != list(key) or not isinstance(each["type"], sqltypes.Integer):
            continue
        # SQLite numbers the key that is spelt so, and no other; elsewhere the catalogue says which is numbered.
        if each.get("autoincrement") is True or _declared(connection, table, schema, each["name"]) == "INTEGER":
            return str(each["name"])
    return None


def _declared(connection: Connection, table: str, schema: str | None, column: str) -> str:
    """The type of a column of SQLite, as it was declared."""
    if connection.dialect.name != "sqlite":
        return ""
    preparer = connection.dialect.identifier_preparer
    before = f"{preparer.quote_identifier(schema)}." if schema else ""
    rows = connection.exec_driver_sql(f"PRAGMA {before}table_info({preparer.quote_identifier(table)})").mappings()
    return next((str(row["type"]).upper() for row in rows if row["name"] == column), "")


def _kind(type_: sqltypes.TypeEngine[Any], *, nullable: bool) -> tuple[Kind | None, Holds | None]:
    """The kind of a reflected SQLAlchemy type."""
    kind = next((kind for class_, kind in _CLASSES if isinstance(type_, class_)), None)
    if mysql.is_boolean(type_):
        kind = Kind.BOOLEAN
    if kind is None:
        return None, None
    length = getattr(type_, "length", None)
    return kind, Holds(
        kind=kind,
        nullable=nullable,
        max_length=length if kind is Kind.TEXT else None,
        precision=getattr(type_, "precision", None) if kind is Kind.DECIMAL else None,
        scale=getattr(type_, "scale", None) if kind is Kind.DECIMAL else None,
    )


_CLASSES: tuple[tuple[type[sqltypes.TypeEngine[Any]], Kind], ...] = (
    (sqltypes.Boolean, Kind.BOOLEAN),
    (sqltypes.Uuid, Kind.UUID),
    (sqltypes.Integer, Kind.INTEGER),
    (sqltypes.Float, Kind.FLOAT),
    (sqltypes.Numeric, Kind.DECIMAL),
    (sqltypes.DateTime, Kind.TIMESTAMP),
    (sqltypes.Date, Kind.DATE),
    (sqltypes.Enum, Kind.TEXT),
    (sqltypes.String, Kind.TEXT),
)
