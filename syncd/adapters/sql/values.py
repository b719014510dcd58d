"""Single values on their way to and from a database driver; columns of them are :mod:`syncd.canonical`'s."""

from __future__ import annotations

import math
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

from syncd.model import Kind, Value


def to_driver(kind: Kind, value: Value, *, naive: bool = False) -> object:
    """One canonical value as a parameter; ``naive`` for databases whose times have no zone (UTC then)."""
    if value is None:
        return None
    if kind is Kind.DECIMAL:
        return Decimal(str(value))
    if kind is Kind.TIMESTAMP and isinstance(value, datetime):
        utc = value.astimezone(timezone.utc)
        return utc.replace(tzinfo=None) if naive else utc
    return value


def from_driver(kind: Kind, value: Any) -> Value:
    """One value as a driver returns it, in canonical form."""
    if value is None:
        return None
    if kind in (Kind.TEXT, Kind.UUID):
        return str(value)
    if kind is Kind.DECIMAL:
        return plain_decimal(Decimal(str(value)))
    if kind is Kind.FLOAT:
        number = float(value)
        return None if math.isnan(number) else number
    if kind is Kind.TIMESTAMP and isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
        utc = aware.astimezone(timezone.utc)
        return utc.replace(microsecond=utc.microsecond // 1000 * 1000)
    if kind is Kind.DATE and isinstance(value, datetime):
        return value.date()
    if kind is Kind.DATE and not isinstance(value, date):
        return date.fromisoformat(str(value))
    if kind is Kind.BOOLEAN:
        return bool(value)
    if kind is Kind.INTEGER:
        return int(value)
    return value  # type: ignore[no-any-return]


def plain_decimal(number: Decimal) -> str | None:
    """Plain digits without an exponent or trailing zeros; null for what is no finite number."""
    if not number.is_finite():
        return None
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
