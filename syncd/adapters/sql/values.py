"""Single values on their way to a database driver."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal

from syncd.model import Kind, Value


def to_driver(kind: Kind, value: Value, *, naive: bool = False) -> object:
    """One canonical value as a parameter; ``naive`` for columns whose times have no zone (UTC then)."""
    if value is None:
        return None
    if kind is Kind.DECIMAL:
        return Decimal(str(value))
    if kind is Kind.TIMESTAMP and isinstance(value, datetime):
        utc = value.astimezone(timezone.utc)
        return utc.replace(tzinfo=None) if naive else utc
    return value
