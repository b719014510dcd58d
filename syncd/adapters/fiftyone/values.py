"""Canonical values as FiftyOne stores them, and the conditions under which a stored value is still the same."""

from __future__ import annotations

from datetime import date, datetime, time, timezone
from decimal import Decimal
from typing import Any

from syncd.model import Kind, Value, to_json


def encode(kind: Kind, stored: Kind, value: Value) -> Any:
    """A canonical value of a field as the stored type; the diff has made sure that it fits."""
    if value is None or isinstance(value, list):
        return value
    if stored is Kind.TEXT:
        return str(to_json(value)) if kind in (Kind.DATE, Kind.TIMESTAMP) else str(value)
    if stored is Kind.INTEGER:
        return int(Decimal(str(value)))
    if stored is Kind.FLOAT:
        return float(value)  # type: ignore[arg-type]
    if stored in (Kind.DATE, Kind.TIMESTAMP):
        if isinstance(value, datetime):
            return value.astimezone(timezone.utc).replace(tzinfo=None)
        if isinstance(value, date):
            return datetime.combine(value, time())
    return value


def condition(kind: Kind, stored: Kind, value: Value) -> Any:
    """A query condition: the stored value is still what the diff saw. Missing and null are the same."""
    if value is None:
        return {"$in": [None, float("nan")]} if stored is Kind.FLOAT else None
    if stored is Kind.TEXT and kind is Kind.UUID:
        return {"$in": [str(value), str(value).upper(), str(value).replace("-", "")]}
    return encode(kind, stored, value)
