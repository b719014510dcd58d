"""Describes shown columns: what a key, JSON, an array or a box of pixels is read as; and what of that is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.adapters.sql.expressions import ROW, Shown
from syncd.adapters.sql.mapping import BOX_NAMES, ColumnInfo, TableMapping
from syncd.adapters.sql.quote import relation, split_name
from syncd.adapters.sql.stored import Deleted, Level, Lookup, Stored
from syncd.config.nearest import did_you_mean
from syncd.model import Holds, Kind

Columns = dict[str, ColumnInfo]
Referred = dict[str, Columns]
"""The columns of tables that keys refer to, by table."""

SAMPLED = 1_000
"""Rows at which is looked for the kind of what a path into JSON leads to."""

_FAMILIES = (frozenset((Kind.INTEGER, Kind.FLOAT, Kind.DECIMAL)), frozenset((Kind.TEXT, Kind.UUID)))
_JSON = ("json", "jsonb")
_NUMBERS = _FAMILIES[0]

_UNIQUE = """
SELECT EXISTS (
    SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE i.indrelid = to_regclass(:table) AND a.attname = :column AND i.indisunique AND i.indisvalid
    AND i.indnkeyatts = 1 AND i.indpred IS NULL AND i.indexprs IS NULL
)
"""


def with_sizes(mapping: TableMapping, columns: Columns) -> TableMapping:
    """The mapping, knowing whether the size of an image stands in the table itself or in the media's own row."""
    box = mapping.box
    if box is None or mapping.media_lookup is None or all(each in columns for each in box.size):
        return mapping
    return replace(mapping, box=replace(box, of_media=True))


def resolved(
    connection: Connection,
    mapping: TableMapping,
    columns: Columns,
    referred: Referred,
    declared: dict[str, Kind | None],
) -> TableMapping:
    """The mapping with what only the catalogue says: which keys are unique, where sizes are, what JSON holds.

    ``columns`` are those of the relation that is read; ``declared`` are the kinds that FiftyOne has declared of fields.
    """
    stored = {}
    of_field = {names[0]: field for field, names in mapping.fields.items() if len(names) == 1}
    for name, each in mapping.stored.items():
        found = each
        if each.lookup is not None:
            levels = tuple(
                replace(level, unique=_is_unique(connection, level)) if level.table in referred else level
                for level in each.lookup.levels
            )
            found = replace(each, lookup=replace(each.lookup, levels=levels))
        if each.path and not each.values and each.column in columns:
            kind = declared.get(of_field.get(name, "")) or _kind_in_json(connection, mapping, each)
            found = replace(each, kind=kind if kind in (Kind.BOOLEAN, Kind.INTEGER, Kind.FLOAT) else Kind.TEXT)
        stored[name] = found
    rows = mapping.rows
    if rows.deleted is not None and rows.deleted.column in columns:
        rows = replace(rows, deleted=_deletion(rows.deleted, columns[rows.deleted.column]))
    return replace(mapping, stored=stored, rows=rows)


def _deletion(deleted: Deleted, column: ColumnInfo) -> Deleted:
    """What deletes a row and what a live one holds, where the configuration leaves it to the column's type."""
    if column.kind is Kind.BOOLEAN:
        clear = deleted.clear if deleted.known else False
        return replace(deleted, set=True if deleted.set is None else deleted.set, clear=clear)
    return replace(deleted, set="now" if deleted.set is None else deleted.set)


def _is_unique(connection: Connection, level: Level) -> bool:
    if connection.dialect.name == "postgresql":
        asked = {"table": relation(connection.dialect, level.table), "column": level.key}
        return bool(connection.execute(sa.text(_UNIQUE), asked).scalar_one())
    inspector, (schema, table) = sa.inspect(connection), split_name(level.table)
    if table in inspector.get_view_names(schema=schema):
        return False
    keys: list[object] = [inspector.get_pk_constraint(table, schema=schema)["constrained_columns"]]
    keys += [each["column_names"] for each in inspector.get_unique_constraints(table, schema=schema)]
    keys += [each["column_names"] for each in inspector.get_indexes(table, schema=schema) if each["unique"]]
    return [level.key] in keys


def _kind_in_json(connection: Connection, mapping: TableMapping, stored: Stored) -> Kind:
    """The kind that most rows have at this path: that of all values that there are in some of them."""
    shown = Shown(connection.dialect, mapping)
    column, path = f"{ROW}.{shown.quote(stored.column)}", shown.path(stored.path or ())
    if connection.dialect.name == "postgresql":
        of_type = f"jsonb_typeof(CAST({column} AS jsonb) #> {path})"
        whole = f"(CAST({column} AS jsonb) #>> {path}) ~ '^-?[0-9]{{1,18}}$'"
    else:
        of_type = f"json_type({column}, {path})"
        whole = f"{of_type} = 'integer'"
    source = shown.relation_read()
    sampled = f"SELECT {of_type} AS type, {whole} AS whole FROM {source} AS {ROW} LIMIT {SAMPLED}"
    plain = connection.execution_options(no_parameters=True)
    rows = plain.exec_driver_sql(f"SELECT DISTINCT type, whole FROM ({sampled}) AS s WHERE type IS NOT NULL").all()
    types = {str(row[0]) for row in rows} - {"null"}
    if types and types <= {"boolean", "true", "false"}:
        return Kind.BOOLEAN
    if types and types <= {"number", "integer", "real"}:
        return Kind.INTEGER if all(row[1] for row in rows if row[0] != "null") else Kind.FLOAT
    return Kind.TEXT


def shown_columns(mapping: TableMapping, columns: Columns, referred: Referred) -> Columns:
    """The columns of a relation as they are shown: the table's own, and those that lie in them."""
    found = dict(columns)
    for name, stored in mapping.stored.items():
        own = columns.get(stored.column)
        if own is not None and not stored.plain:
            shown = _shown(name, stored, own, referred)
            if shown is not None:
                found[name] = shown
    if mapping.box is not None and all(each in columns for each in mapping.box.columns):
        parts = [columns[each] for each in mapping.box.columns]
        for name in BOX_NAMES:
            nullable, generated = all(each.nullable for each in parts), any(each.generated for each in parts)
            found[name] = _of_kind(name, Kind.FLOAT, nullable=nullable, generated=generated)
            if any(each.single_precision for each in parts):
                found[name] = replace(found[name], single_precision=True)
    composite = mapping.composite_id
    if composite is not None and all(each in columns for each in composite.columns):
        found[mapping.id_column] = replace(
            _of_kind(mapping.id_column, Kind.TEXT, nullable=any(columns[each].nullable for each in composite.columns)),
            type_name=", ".join(columns[each].type_name for each in composite.columns),
        )
    return found


def _shown(name: str, stored: Stored, own: ColumnInfo, referred: Referred) -> ColumnInfo | None:
    """A shown column as it is read and written; ``None`` where what a key refers to is not there."""
    if stored.lookup is not None:
        value = referred.get(stored.lookup.shown.table, {}).get(stored.lookup.shown.value)
        if value is None:
            return None
        holds = value.holds and replace(value.holds, nullable=own.nullable)
        return replace(
            value, name=name, holds=holds, nullable=own.nullable, generated=own.generated, default=None, refers_to=None
        )
    if stored.array:
        return _of_kind(name, Kind.TEXT, nullable=own.nullable, generated=own.generated)
    kind = Kind.FLOAT if stored.percent else stored.kind or Kind.TEXT
    nullable = True if stored.path else own.nullable
    shown = _of_kind(name, kind, nullable=nullable, generated=own.generated)
    if stored.values and kind is Kind.TEXT and shown.holds is not None:
        values = frozenset(str(value) for _, value in stored.values)
        shown = replace(shown, holds=replace(shown.holds, values=values, by=f"`values` of {own.name!r}"))
    return shown


_CASTS = {Kind.TEXT: "text", Kind.FLOAT: "float8", Kind.INTEGER: "int8", Kind.BOOLEAN: "bool"}


def _of_kind(name: str, kind: Kind, *, nullable: bool = True, generated: bool = False) -> ColumnInfo:
    holds = Holds(kind, nullable)
    if kind is Kind.INTEGER:
        holds = Holds(kind, nullable, minimum=-(2**63), maximum=2**63 - 1)
    return ColumnInfo(
        name=name,
        kind=kind,
        type_name=kind.value,
        cast=_CASTS[kind],
        holds=holds,
        nullable=nullable,
        generated=generated,
        plain_text=kind is Kind.TEXT,
    )


def tables_of(mapping: TableMapping, look_up: Callable[[str], Columns | None]) -> tuple[Referred, list[str]]:
    """The columns of every table that a key refers to, and what is wrong where there is none."""
    found: Referred = {}
    faults = []
    for lookup in mapping.lookups:
        for level in lookup.levels:
            if level.table in found:
                continue
            columns = look_up(level.table)
            if columns is None:
                faults.append(f"there is no table or view {level.table!r} for the lookup (or it may not be seen)")
            else:
                found[level.table] = columns
    return found, faults


def faults_of(mapping: TableMapping, where: str, columns: Columns, referred: Referred) -> Iterator[str]:
    """What of the shown columns does not fit a relation of these columns, called ``where``."""
    for name in mapping.table_columns:
        if name not in columns:
            yield f"{where} has no column {name!r}{_hint(name, columns)}"
    for stored in mapping.stored.values():
        own = columns.get(stored.column)
        if stored.lookup is not None:
            yield from _faults_of_lookup(stored.lookup, own, referred)
        elif own is None:
            continue
        elif stored.path is not None and own.type_name not in _JSON and own.kind is not Kind.TEXT:
            yield f"column {own.name!r} has the type {own.type_name}, expected json or jsonb for a path"
        elif stored.array and not own.type_name.endswith("[]"):
            yield f"column {own.name!r} has the type {own.type_name}, expected an array"
        elif stored.percent and own.kind not in _NUMBERS:
            yield f"column {own.name!r} has the type {own.type_name}, expected a number for percent"
    yield from _faults_of_box(mapping, columns, referred)
    deleted = mapping.rows.deleted
    if deleted is not None and deleted.column in columns:
        kind = columns[deleted.column].kind
        if deleted.set == "now" and kind not in (Kind.TIMESTAMP, Kind.DATE):
            held = columns[deleted.column].type_name
            yield f"column {deleted.column!r} (deleted) has the type {held}: say what `set` and `clear` are"


def _faults_of_lookup(lookup: Lookup, own: ColumnInfo | None, referred: Referred) -> Iterator[str]:
    key = own
    for level in lookup.levels:
        columns = referred.get(level.table)
        if columns is None:
            return
        for name in (level.key, level.value):
            if name not in columns:
                yield f"{level.table} has no column {name!r}{_hint(name, columns)}"
        other = columns.get(level.key)
        if key is not None and other is not None and not _alike(key.kind, other.kind):
            yield (
                f"column {key.name!r} is {key.type_name}, and {level.table}.{level.key}, which it is looked up in, is "
                f"{other.type_name}"
            )
        key = columns.get(level.value)
    if key is not None and key.kind is None:
        yield f"{lookup} has the type {key.type_name}, which syncd does not know"


def _faults_of_box(mapping: TableMapping, columns: Columns, referred: Referred) -> Iterator[str]:
    box = mapping.box
    if box is None:
        return
    for name in box.columns:
        if name in columns and columns[name].kind not in _NUMBERS:
            yield f"column {name!r} (box) has the type {columns[name].type_name}, expected a number"
    if box.unit != "pixels":
        return
    if not box.size:
        yield "columns.box is in pixels and names no `size`: the columns of the image's width and height"
        return
    lookup = mapping.media_lookup
    there = columns if not box.of_media or lookup is None else referred.get(lookup.first.table, {})
    place = "the table" if lookup is None else f"the table or {lookup.first.table}"
    for name in box.size:
        if name not in there:
            yield f"{place} has no column {name!r} (size){_hint(name, there)}"


def _alike(one: Kind | None, two: Kind | None) -> bool:
    return one is two or any(one in family and two in family for family in _FAMILIES)


def _hint(name: str, columns: Columns) -> str:
    hint = did_you_mean(name, columns)
    return f" ({hint})" if hint else ""
