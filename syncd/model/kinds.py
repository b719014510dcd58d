"""The kinds of value that both sides have, and the canonical form in which values are compared.

Every value that reaches the diff is canonical: missing is null, times are UTC to the millisecond (FiftyOne stores
no finer), decimals and UUIDs are text in one spelling, a box is four floats.
"""

from __future__ import annotations

import json
import math
from datetime import date, datetime, timezone
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:  # commands that show what is there, such as `syncd status`, do without Polars
    import polars as pl

Value: TypeAlias = "str | int | float | bool | date | datetime | list[float] | None"
"""One canonical value. Decimals and UUIDs are ``str``."""

Json: TypeAlias = "None | bool | int | float | str | list[Json] | dict[str, Json]"
"""What ``json.dumps`` takes."""


class Kind(str, Enum):
    """The type of a mapped field, decided by its database column."""

    TEXT = "text"
    INTEGER = "integer"
    FLOAT = "float"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"
    UUID = "uuid"
    BOX = "box"


@cache
def _dtypes() -> dict[Kind, pl.DataType]:
    import polars as pl

    return {
        Kind.TEXT: pl.String(),
        Kind.INTEGER: pl.Int64(),
        Kind.FLOAT: pl.Float64(),
        Kind.DECIMAL: pl.String(),
        Kind.BOOLEAN: pl.Boolean(),
        Kind.DATE: pl.Date(),
        Kind.TIMESTAMP: pl.Datetime("ms", "UTC"),
        Kind.UUID: pl.String(),
        Kind.BOX: pl.List(pl.Float64),
    }


def dtype(kind: Kind) -> pl.DataType:
    """The Polars type of a canonical column of this kind."""
    return _dtypes()[kind]


def wire_dtype(kind: Kind) -> pl.DataType:
    """The Polars type of this kind as it stands in JSON (dates and times are text there)."""
    return dtype(Kind.TEXT if kind in (Kind.DATE, Kind.TIMESTAMP) else kind)


def to_wire(kind: Kind, column: pl.Expr) -> pl.Expr:
    """A canonical column in the form that goes into JSON."""
    if kind is Kind.DATE:
        return column.dt.strftime("%Y-%m-%d")
    if kind is Kind.TIMESTAMP:
        return column.dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
    return column


def from_wire(kind: Kind, column: pl.Expr) -> pl.Expr:
    """The inverse of :func:`to_wire`."""
    if kind is Kind.DATE:
        return column.str.to_date("%Y-%m-%d")
    if kind is Kind.TIMESTAMP:
        return column.str.to_datetime("%Y-%m-%dT%H:%M:%S%.3fZ", time_unit="ms").dt.replace_time_zone("UTC")
    return column


def to_json(value: Value | dict[str, Value]) -> Json:
    """One canonical value (or a whole annotation) as JSON; the same text forms as :func:`to_wire`."""
    if isinstance(value, dict):
        return {name: to_json(part) for name, part in value.items()}
    if isinstance(value, datetime):
        return _iso(value, "milliseconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        return [float(part) if type(part) is int else to_json(part) for part in value]
    return value


def iso(moment: datetime) -> str:
    """A moment as every document of syncd has it: ``2026-11-23T12:00:00.000000Z``.

    Without a zone it is taken for UTC. Values of annotations have the same form, to their milliseconds.
    """
    return _iso(moment, "microseconds")


def _iso(moment: datetime, precision: str) -> str:
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=timezone.utc)
    # Not strftime: it does not pad years to four digits everywhere.
    return aware.astimezone(timezone.utc).isoformat(timespec=precision).replace("+00:00", "Z")


def from_iso(text: str) -> datetime:
    """The inverse of :func:`iso`; takes the offset of a zone too."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def from_json(kind: Kind, value: Json) -> Value:
    """The inverse of :func:`to_json` for one field."""
    if value is None:
        return None
    if kind is Kind.DATE:
        return date.fromisoformat(str(value))
    if kind is Kind.TIMESTAMP:
        return from_iso(str(value))
    if kind is Kind.FLOAT:
        return float(value)  # type: ignore[arg-type]
    if kind is Kind.BOX:
        return [float(part) for part in value]  # type: ignore[union-attr, arg-type]
    return value  # type: ignore[return-value]


def dumps(value: Value | dict[str, Value] | Json) -> str:
    """Canonical JSON text: sorted keys, no spaces, so that equal values have equal text."""
    plain = to_json(value)  # type: ignore[arg-type]
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def storable(value: Json) -> Json:
    """JSON that a database takes: what JSON or the database cannot hold is shown by its name (and is never synced)."""
    if isinstance(value, str):
        return value.replace("\x00", "\u2400")
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, list):
        return [storable(each) for each in value]
    if isinstance(value, dict):
        return {name: storable(each) for name, each in value.items()}
    return value
