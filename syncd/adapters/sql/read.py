"""Reading annotations from a database as columns.

Both ways of reading (:func:`select_list` for PostgreSQL, plain columns elsewhere) yield the same raw frame, which
:func:`finish` turns into a snapshot's.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

import polars as pl
from sqlalchemy.engine import Dialect

from syncd.adapters.sql.mapping import TableInfo
from syncd.adapters.sql.quote import quote
from syncd.canonical import canonical, canonical_id, problems
from syncd.model import BOX, Kind, Mapping, Side, dtype
from syncd.model.kinds import TIMESTAMP_DTYPE
from syncd.model.snapshot import column, schema

RAW = "raw."


def raw_columns(info: TableInfo, mapping: Mapping) -> dict[str, str]:
    """{name in the raw frame: database column}, in a fixed order."""
    table = info.mapping
    names = {"annotation_id": table.id_column, "media": table.media_column}
    if table.updated_at:
        names["edited_at"] = table.updated_at
    if table.updated_by:
        names["actor"] = table.updated_by
    for each in mapping.fields:
        columns = table.fields[each.name]
        if each.kind is Kind.BOX:
            names |= {f"{RAW}{each.name}.{index}": name for index, name in enumerate(columns)}
        else:
            names[RAW + each.name] = columns[0]
    return names


def select_list(dialect: Dialect, info: TableInfo, mapping: Mapping) -> str:
    """The columns of a PostgreSQL SELECT, cast so that Arrow gets one plain type per kind."""
    parts = []
    for alias, name in raw_columns(info, mapping).items():
        source = f"src.{quote(dialect, name)}"
        parts.append(f"{source}{_cast(info, alias, name)} AS {quote(dialect, alias)}")
    return ", ".join(parts)


def _cast(info: TableInfo, alias: str, name: str) -> str:
    if alias in ("annotation_id", "media", "actor"):
        return "::text"
    if alias.startswith(f"{RAW}{BOX}."):
        return "::float8"
    kind = info.column(name).kind
    if kind in (Kind.TEXT, Kind.UUID, Kind.DECIMAL):
        return "::text"
    if kind is Kind.FLOAT:
        return "::float8"
    if kind is Kind.INTEGER:
        return "::int8"
    return ""


def frame_of_rows(
    names: Sequence[str], rows: Sequence[Sequence[Any]], info: TableInfo, mapping: Mapping
) -> pl.DataFrame:
    """Rows of Python values as a raw frame."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    frame = {}
    for name, values in zip(names, columns, strict=True):
        kind = _raw_kind(info, mapping, name)
        frame[name] = pl.Series(name, [_plain(kind, each) for each in values], dtype=_raw_dtype(kind), strict=False)
    return pl.DataFrame(frame)


def _raw_kind(info: TableInfo, mapping: Mapping, name: str) -> Kind:
    if name == "edited_at":
        return Kind.TIMESTAMP
    if not name.startswith(RAW):
        return Kind.TEXT
    field = mapping.field(name.removeprefix(RAW).split(".")[0])
    return Kind.FLOAT if field.kind is Kind.BOX else field.kind


def _raw_dtype(kind: Kind) -> pl.DataType:
    return TIMESTAMP_DTYPE if kind is Kind.TIMESTAMP else dtype(kind)


def _plain(kind: Kind, value: Any) -> Any:
    """One value as its raw column takes it."""
    if value is None:
        return None
    if kind in (Kind.TEXT, Kind.UUID):
        return str(value)
    if kind is Kind.DECIMAL:
        return format(Decimal(str(value)), "f")
    if kind is Kind.TIMESTAMP and isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
        return aware.astimezone(timezone.utc)
    if kind is Kind.DATE and isinstance(value, datetime):
        return value.date()
    if kind is Kind.DATE and not isinstance(value, date):
        return date.fromisoformat(str(value))
    if kind is Kind.FLOAT:
        return float(value)
    return value


def finish(raw: pl.DataFrame, info: TableInfo, mapping: Mapping) -> pl.DataFrame:
    """A raw frame as a snapshot's frame: canonical values, and the problems of those that have none."""
    if "edited_at" not in raw.columns:
        raw = raw.with_columns(pl.lit(None, TIMESTAMP_DTYPE).alias("edited_at"))
    if "actor" not in raw.columns:
        raw = raw.with_columns(pl.lit(None, pl.String).alias("actor"))
    if raw.schema["edited_at"] != TIMESTAMP_DTYPE:
        moment = pl.col("edited_at").cast(pl.Datetime("ms", getattr(raw.schema["edited_at"], "time_zone", None)))
        stamp = (
            moment.dt.convert_time_zone("UTC") if _has_zone(raw, "edited_at") else moment.dt.replace_time_zone("UTC")
        )
        raw = raw.with_columns(stamp.alias("edited_at"))
    values, broken = [], {}
    for each in mapping.fields:
        value, was_set, shown = _raw_value(raw, each.name, each.kind)
        sound = canonical(each.kind, each.kind, value)
        values.append(sound.cast(dtype(each.kind)).alias(column(each.name)))
        broken[each.name] = (was_set & sound.is_null(), shown)
    id_kind = info.written[info.mapping.id_column].kind or Kind.TEXT
    framed = raw.with_columns(canonical_id(id_kind, pl.col("annotation_id")), *values, problems(broken))
    return framed.select(list(schema(Side.DATABASE, mapping)))


def _raw_value(raw: pl.DataFrame, name: str, kind: Kind) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """A field's raw column, whether it holds anything, and its text for a person."""
    if kind is Kind.BOX:
        parts = [pl.col(f"{RAW}{name}.{index}") for index in range(4)]
        # A NaN coordinate is a missing one, as in every other float column.
        parts = [pl.when(part.is_nan().not_()).then(part) for part in parts]
        texts = [part.cast(pl.String).fill_null("null") for part in parts]
        return (
            pl.concat_list(parts),
            pl.any_horizontal([p.is_not_null() for p in parts]),
            pl.concat_str(texts, separator=", "),
        )
    value = pl.col(RAW + name)
    if kind is Kind.TIMESTAMP and raw.schema[RAW + name] != TIMESTAMP_DTYPE:
        value = value.dt.convert_time_zone("UTC") if _has_zone(raw, RAW + name) else value.dt.replace_time_zone("UTC")
    if kind is Kind.FLOAT:
        return value, value.is_not_nan().fill_null(value=False), value.cast(pl.String)
    # A decimal NaN has no counterpart either: missing.
    was_set = value.is_not_null() if kind is not Kind.DECIMAL else (value != "NaN").fill_null(value=False)
    return value, was_set, value.cast(pl.String)


def _has_zone(raw: pl.DataFrame, name: str) -> bool:
    return getattr(raw.schema[name], "time_zone", None) is not None
