"""Single values: brings them into canonical form, and compares what was read back with what was written.

Columns of values are in :mod:`syncd.model.canonical`.
"""

from __future__ import annotations

import math
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

import polars as pl

from syncd.model.kinds import Kind, Value
from syncd.model.mapping import Field, Mapping
from syncd.model.plan import Content

SMALLEST = 1e-12
"""Two coordinates closer than this are equal: near 0 a relative tolerance means nothing, and a box is relative to
its image. Attributes have no such scale: 1e-15 and 2e-15 may be two measurements."""


def differs(field: Field, left: pl.Expr, right: pl.Expr) -> pl.Expr:
    """Whether two columns of the field differ, row by row; never null. Null equals null and nothing else."""
    if field.kind is Kind.BOX:
        parts = [
            _floats_differ(
                left.list.get(index, null_on_oob=True),
                right.list.get(index, null_on_oob=True),
                field.tolerance,
                SMALLEST,
            )
            for index in range(4)
        ]
        apart = pl.any_horizontal(parts)
    elif field.kind is Kind.FLOAT:
        apart = _floats_differ(left, right, field.tolerance, 0.0)
    else:
        return left.ne_missing(right)
    return (left.is_null() != right.is_null()) | apart.fill_null(value=False)


def _floats_differ(left: pl.Expr, right: pl.Expr, tolerance: float, smallest: float) -> pl.Expr:
    if not tolerance:
        return left != right
    gap = (left - right).abs()
    allowed = pl.max_horizontal(left.abs(), right.abs()) * tolerance
    if smallest:
        allowed = pl.max_horizontal(allowed, pl.lit(smallest))
    # An infinity is as far from every number as its own tolerance allows, hence the second condition.
    return (left != right) & ~((gap <= allowed) & gap.is_finite())


def same(field: Field, one: Value, two: Value) -> bool:
    """Whether two single values are equal, by the same rule as :func:`differs`."""
    if one is None or two is None:
        return one is None and two is None
    if field.kind is Kind.FLOAT:
        return _close(one, two, field.tolerance, 0.0)
    if field.kind is Kind.BOX:
        if not isinstance(one, list) or not isinstance(two, list) or len(one) != len(two):
            return False
        return all(_close(a, b, field.tolerance, SMALLEST) for a, b in zip(one, two, strict=True))
    return one == two


def _close(one: Value, two: Value, tolerance: float, smallest: float) -> bool:
    if not isinstance(one, int | float) or not isinstance(two, int | float):
        return False
    if one == two or (math.isnan(one) and math.isnan(two)):
        return True
    return bool(tolerance) and math.isclose(one, two, rel_tol=tolerance, abs_tol=smallest)


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
        return milliseconds(aware.astimezone(timezone.utc))
    if kind is Kind.DATE and isinstance(value, datetime):
        return value.date()
    if kind is Kind.DATE and not isinstance(value, date):
        return date.fromisoformat(str(value))
    if kind is Kind.BOOLEAN:
        return bool(value)
    if kind is Kind.INTEGER:
        return int(value)
    return value  # type: ignore[no-any-return]


def milliseconds(moment: datetime) -> datetime:
    """A moment to the millisecond, which is all that stamps are read to."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


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
