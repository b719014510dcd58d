"""Single values: brings them into canonical form, and compares what was read back with what was written.

Columns of values are in :mod:`syncd.canonical`.
"""

from __future__ import annotations

import math
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

from syncd.diff.compare import same
from syncd.model.fields import Field, Mapping
from syncd.model.kinds import Kind, Value
from syncd.model.plan import Content


def canonical_value(kind: Kind, value: Any) -> Value:
    """One value of this kind, as Python or a driver has it, in canonical form."""
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


def same_value(field: Field, one: Content, two: Content) -> bool:
    """Whether two values of a field are equal, as the diff sees it."""
    if isinstance(one, dict) or isinstance(two, dict):
        return False
    return same(field, one, two)


def same_content(mapping: Mapping, name: str | None, one: Content, two: Content) -> bool:
    """Whether two contents of a change are equal: of one field, or of every field of an annotation."""
    if name is not None and name in mapping.names:
        return same_value(mapping.field(name), one, two)
    if isinstance(one, dict) and isinstance(two, dict):
        return all(same_value(each, one.get(each.name), two.get(each.name)) for each in mapping.fields)
    return one == two
