"""Brings annotations as a database returns them into the frame of a snapshot.

Both ways of reading (:func:`select_list` for PostgreSQL, plain columns and :mod:`syncd.adapters.sql.parse` elsewhere)
yield the same raw frame, which :func:`finish` turns into a snapshot's.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
from sqlalchemy.engine import Dialect

from syncd.adapters.sql.clock import in_utc
from syncd.adapters.sql.encoding import decoded
from syncd.adapters.sql.mapping import ColumnInfo, TableInfo
from syncd.adapters.sql.quote import quote
from syncd.adapters.sql.stored import HELD
from syncd.model import Field, Kind, Mapping, Side, dtype
from syncd.model.canonical import canonical, canonical_id, with_problems
from syncd.model.snapshot import TIMESTAMP_DTYPE, column, empty, schema

ID, MEDIA, FRAME, EDITED_AT, ACTOR = "annotation_id", "media", "frame", "edited_at", "actor"


@dataclass(frozen=True)
class RawColumn:
    """One column of the raw frame: the database's column, and the kind in which it is read.

    ``text`` names a further column of the frame, for what has no value of that kind: it is shown as it is. ``held``
    names the one for what the table holds where the column is made of something else.
    """

    alias: str
    name: str
    kind: Kind
    text: str | None = None
    held: str | None = None


def raw_columns(info: TableInfo, mapping: Mapping) -> list[RawColumn]:
    """The columns of the raw frame, in a fixed order."""
    table = info.mapping
    columns = [RawColumn(ID, table.id_column, Kind.TEXT), RawColumn(MEDIA, table.media_column, Kind.TEXT)]
    if table.frame_column:
        columns.append(RawColumn(FRAME, table.frame_column, Kind.TEXT))
    if table.updated_at:
        columns.append(RawColumn(EDITED_AT, table.updated_at, Kind.TIMESTAMP))
    if table.updated_by:
        columns.append(RawColumn(ACTOR, table.updated_by, Kind.TEXT))
    for position, each in enumerate(mapping.fields):
        kind = Kind.FLOAT if each.kind is Kind.BOX else each.kind
        for index, name in enumerate(table.fields[each.name]):
            # Numbered: an attribute's name may be longer than a name in SQL.
            held = f"held.{position}.{index}" if table.holds_more(name) else None
            columns.append(RawColumn(f"raw.{position}.{index}", name, kind, f"text.{position}.{index}", held))
    return columns


def with_held(columns: list[RawColumn]) -> list[RawColumn]:
    """The same, with a column of text behind each for what the table holds of it."""
    return [
        column
        for each in columns
        for column in (each, *([RawColumn(each.held, HELD + each.name, Kind.TEXT)] if each.held else ()))
    ]


def select_list(dialect: Dialect, info: TableInfo, mapping: Mapping) -> str:
    """The columns of a PostgreSQL SELECT, cast so that every reader gets one plain type per kind."""
    parts: list[str] = []
    for each in with_held(raw_columns(info, mapping)):
        source = f"src.{quote(dialect, each.name)}"
        if each.name.startswith(HELD) and each.name not in info.read:
            parts.append(f"{source} AS {quote(dialect, each.alias)}")
            continue
        if each.alias == EDITED_AT:
            parts.append(f"{_stamp(source, info)} AS {quote(dialect, each.alias)}")
            continue
        value, beyond = _readable(source, each.kind, info.read[each.name])
        if each.kind is Kind.TEXT and info.encoding is not None:
            value = f"convert_to({value}, '{info.encoding}')"
        parts.append(f"{value} AS {quote(dialect, each.alias)}")
        if each.text is not None and beyond is not None:
            parts.append(f"{beyond} AS {quote(dialect, each.text)}")
    return ", ".join(parts)


def _stamp(source: str, info: TableInfo) -> str:
    """When a row was edited, in UTC."""
    column = info.read[str(info.mapping.updated_at)]
    if column.zoned or info.zone is None:
        return _readable(source, Kind.TIMESTAMP, column)[0]
    # A day less at either end: the same moment in another zone.
    known = f"{source} BETWEEN '0001-01-02' AND '9999-12-30'"
    return f"CASE WHEN {known} THEN {in_utc(source, info.zone)} END"


def _readable(source: str, kind: Kind, info: ColumnInfo) -> tuple[str, str | None]:
    """An expression that every driver can read, and one for the text of values that it leaves out."""
    if kind in (Kind.TEXT, Kind.UUID, Kind.DECIMAL):
        return f"{source}::text", None
    if kind is Kind.FLOAT:
        return f"{source}::float8", None
    if kind is Kind.INTEGER:
        return f"{source}::int8", None
    if kind is Kind.BOOLEAN:
        return f"{source}::bool", None
    # Infinity, and years of which Python knows nothing, would break whoever looks at them.
    if kind is Kind.DATE:
        known = f"{source} BETWEEN '0001-01-01' AND '9999-12-31'"
        return f"CASE WHEN {known} THEN {source}::date END", f"CASE WHEN NOT {known} THEN {source}::text END"
    zone = "+00" if info.zoned else ""
    known = f"{source} BETWEEN '0001-01-01 00:00:00{zone}' AND '9999-12-31 23:59:59.999999{zone}'"
    naive = f"{source} AT TIME ZONE 'UTC'" if info.zoned else f"{source}::timestamp"
    return f"CASE WHEN {known} THEN {naive} END", f"CASE WHEN NOT {known} THEN {source}::text END"


def finish(raw: pl.DataFrame, info: TableInfo, mapping: Mapping) -> pl.DataFrame:
    """A raw frame as a snapshot's frame: canonical values, and the problems of those that have none."""
    if raw.is_empty():
        # What most polls read; to shape it as below takes as long as to read it.
        return empty(Side.DATABASE, mapping)
    if info.encoding is not None:
        raw = _of_bytes(raw, info, mapping)
    absent = {FRAME: pl.String(), EDITED_AT: TIMESTAMP_DTYPE, ACTOR: pl.String()}
    absent |= {each.text: pl.String() for each in raw_columns(info, mapping) if each.text is not None}
    absent |= {f"held.{each.removeprefix('text.')}": pl.String() for each in absent if each.startswith("text.")}
    raw = raw.with_columns(pl.lit(None, type_).alias(name) for name, type_ in absent.items() if name not in raw.columns)
    values, broken = [], {}
    for position, each in enumerate(mapping.fields):
        parts = [f"{position}.{index}" for index in range(len(info.mapping.fields[each.name]))]
        sound, was_set, shown = _value(raw, each, parts)
        values.append(sound.cast(dtype(each.kind)).alias(column(each.name)))
        broken[each.name] = (was_set & pl.col(column(each.name)).is_null(), shown)
    id_kind = info.id.kind or Kind.TEXT
    framed = raw.with_columns(canonical_id(id_kind, pl.col(ID)), _utc(raw, EDITED_AT).cast(TIMESTAMP_DTYPE), *values)
    return with_problems(framed, broken).select(list(schema(Side.DATABASE, mapping)))


def _of_bytes(raw: pl.DataFrame, info: TableInfo, mapping: Mapping) -> pl.DataFrame:
    """Texts that were read as bytes. What is none is shown where it is a value; an id, a name or an image it is not."""
    assert info.encoding is not None, "texts come as bytes where the encoding is doubtful"
    for each in raw_columns(info, mapping):
        if raw.schema[each.alias] != pl.Binary():
            continue
        known = {held: decoded(info.encoding, held) for held in raw[each.alias].drop_nulls().unique()}
        texts = [(None, None) if held is None else known[held] for held in raw[each.alias]]
        raw = raw.with_columns(pl.Series(each.alias, [text for text, _ in texts], pl.String()))
        if each.text is not None:
            raw = raw.with_columns(pl.Series(each.text, [shown for _, shown in texts], pl.String()))
    return raw


def _value(raw: pl.DataFrame, field: Field, parts: list[str]) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """A field's canonical column, whether it holds anything, and its text for a person."""
    if field.kind is Kind.BOX:
        return _box(parts)
    name = f"raw.{parts[0]}"
    value, text = pl.col(name), pl.coalesce(f"text.{parts[0]}", f"held.{parts[0]}")
    usable = value
    if field.kind is Kind.FLOAT:
        value = _number(parts[0])
        usable = pl.when(value.is_finite()).then(value)
    elif field.kind is Kind.TIMESTAMP:
        usable = _utc(raw, name)
    elif field.kind is Kind.DECIMAL:
        # A decimal NaN has no counterpart either: missing.
        value = usable = pl.when(value != "NaN").then(value)
    sound = canonical(field.kind, field.kind, usable)
    return sound, value.is_not_null() | text.is_not_null(), pl.coalesce(text, value.cast(pl.String))


def _box(parts: list[str]) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """The same of four columns, of which all must hold a number for there to be a box."""
    numbers = [_number(part) for part in parts]
    shown = [pl.coalesce(f"text.{part}", f"held.{part}", _number(part).cast(pl.String)) for part in parts]
    whole = pl.all_horizontal([each.is_finite().fill_null(value=False) for each in numbers])
    # By way of an array: concat_list takes fifty times as long.
    together = pl.concat_arr(numbers).arr.to_list()
    box = canonical(Kind.BOX, Kind.BOX, pl.when(whole).then(together))
    was_set = pl.any_horizontal([each.is_not_null() for each in shown])
    return box, was_set, pl.concat_str([each.fill_null("null") for each in shown], separator=", ")


def _number(part: str) -> pl.Expr:
    """A column of numbers in which NaN is missing."""
    value = pl.col(f"raw.{part}")
    return pl.when(value.is_not_nan()).then(value)


def _utc(raw: pl.DataFrame, name: str) -> pl.Expr:
    """A time that is known to be UTC, and says so."""
    zone = getattr(raw.schema[name], "time_zone", None)
    moment = pl.col(name)
    return moment.dt.convert_time_zone("UTC") if zone else moment.dt.replace_time_zone("UTC")
