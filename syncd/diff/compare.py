"""The comparison of two canonical values."""

from __future__ import annotations

import math

import polars as pl

from syncd.model.fields import Field
from syncd.model.kinds import Kind, Value

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
