"""Parses values that a driver gives one by one into a raw frame, for databases whose column types prove nothing.

SQLite lets a column hold anything, whatever its type; what is not of its type is no value of ours, and is shown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import date, datetime, timezone
from decimal import Decimal, InvalidOperation
from typing import Any

import polars as pl

from syncd.adapters.sql.read import RawColumn
from syncd.model import Kind, dtype
from syncd.model.snapshot import TIMESTAMP_DTYPE

INT64 = range(-(2**63), 2**63)
TEXTS = {str, type(None)}
"""Types of what is text as it comes: most columns, and nothing to parse."""
BYTES = memoryview
"""Type of PostgreSQL's bytes."""


def frame_of_rows(columns: Sequence[RawColumn], rows: Sequence[Sequence[Any]]) -> pl.DataFrame:
    """Rows of Python values as a raw frame."""
    frame: dict[str, pl.Series] = {}
    for position, each in enumerate(columns):
        values = [row[position] for row in rows]
        if each.kind is Kind.TEXT and BYTES in set(map(type, values)) <= {BYTES, type(None)}:
            # Read as bytes on purpose (:func:`syncd.adapters.sql.read.finish`).
            frame[each.alias] = pl.Series(
                [None if value is None else bytes(value) for value in values], dtype=pl.Binary()
            )
            continue
        if each.text is None and each.kind in (Kind.TEXT, Kind.UUID) and set(map(type, values)) <= TEXTS:
            frame[each.alias] = pl.Series(values, dtype=pl.String())
            continue
        parsed = [_parsed(each.kind, value) for value in values]
        type_ = TIMESTAMP_DTYPE if each.kind is Kind.TIMESTAMP else dtype(each.kind)
        frame[each.alias] = pl.Series([value for value, _ in parsed], dtype=type_)
        if each.text is not None:
            frame[each.text] = pl.Series([text for _, text in parsed], dtype=pl.String())
    return pl.DataFrame(frame)


def _parsed(kind: Kind, value: Any) -> tuple[Any, str | None]:
    """The value as its column takes it; or its text, where it cannot be one of this kind."""
    if value is None:
        return None, None
    try:
        return _PARSERS[kind](value), None
    except (ValueError, TypeError, ArithmeticError):
        return None, str(value)


def _text(value: Any) -> str:
    if isinstance(value, bytes | memoryview):
        raise TypeError("bytes are no text")
    return str(value)


def _integer(value: Any) -> int:
    if isinstance(value, str | bytes) or value != int(value) or int(value) not in INT64:
        raise ValueError("no integer")
    return int(value)


def _float(value: Any) -> float:
    if isinstance(value, str | bytes):
        raise TypeError("text is no number")
    return float(value)


def _decimal(value: Any) -> str | None:
    if isinstance(value, float) and math.isnan(value):
        return None
    try:
        return format(Decimal(_text(value)), "f")
    except InvalidOperation as error:
        raise ValueError("no decimal") from error


def _boolean(value: Any) -> bool:
    if value not in (0, 1):
        raise ValueError("neither true nor false")
    return bool(value)


def _date(value: Any) -> date:
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else date.fromisoformat(value)


def _timestamp(value: Any) -> datetime:
    if isinstance(value, str):
        # Python 3.10 knows no "Z", and fractions of three or six digits only.
        whole, point, rest = value.replace("Z", "+00:00").partition(".")
        digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
        value = datetime.fromisoformat(f"{whole}.{digits[:6]:0<6}{rest[len(digits) :]}" if point else whole)
    if not isinstance(value, datetime):
        raise TypeError("no time")
    aware = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
    utc = aware.astimezone(timezone.utc)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


_PARSERS: dict[Kind, Callable[[Any], Any]] = {
    Kind.TEXT: _text,
    Kind.UUID: _text,
    Kind.INTEGER: _integer,
    Kind.FLOAT: _float,
    Kind.DECIMAL: _decimal,
    Kind.BOOLEAN: _boolean,
    Kind.DATE: _date,
    Kind.TIMESTAMP: _timestamp,
}
