"""Reads a value that a person typed as a value of the field's kind."""

from __future__ import annotations

import math
from datetime import date, datetime, timezone
from decimal import Decimal, InvalidOperation
from uuid import UUID

from syncd.adapters.values import canonical_value
from syncd.model import Field, Kind, Value

_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_EXPECTED = {
    Kind.INTEGER: "a whole number",
    Kind.FLOAT: "a number",
    Kind.DECIMAL: "a number",
    Kind.BOOLEAN: "true or false",
    Kind.DATE: "a date such as 2026-11-23",
    Kind.TIMESTAMP: "a moment such as 2026-11-23T12:00:00Z",
    Kind.UUID: "a UUID",
    Kind.BOX: "four numbers: x,y,width,height, relative to the image",
}


def parse_value(field: Field, text: str) -> Value:
    """The value that is meant; ``null`` is none, except for text. ``ValueError`` says what was expected."""
    if field.kind is Kind.TEXT:
        return text
    plain = text.strip()
    if plain.lower() == "null":
        return None
    try:
        return _parsed(field.kind, plain)
    except (ValueError, OverflowError, InvalidOperation, KeyError):
        raise ValueError(f"{text!r} is no value for {field.name}: expected {_EXPECTED[field.kind]}") from None


def _parsed(kind: Kind, text: str) -> Value:
    if kind is Kind.BOX:
        parts = [float(part) for part in text.strip("[]").split(",")]
        if len(parts) != 4 or not all(map(math.isfinite, parts)):
            raise ValueError
        return parts
    if kind is Kind.BOOLEAN:
        return _TRUTH[text.lower()]
    if kind is Kind.FLOAT and not math.isfinite(float(text)):
        raise ValueError
    if kind is Kind.DATE:
        return date.fromisoformat(text)
    if kind is Kind.TIMESTAMP:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        return canonical_value(kind, moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc))
    value = canonical_value(kind, Decimal(text) if kind is Kind.DECIMAL else UUID(text) if kind is Kind.UUID else text)
    if value is None:
        raise ValueError
    return value
