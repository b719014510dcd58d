"""When two canonical values differ."""

from __future__ import annotations

import polars as pl

from syncd.model.fields import Field
from syncd.model.kinds import Kind

SMALLEST = 1e-12
"""Two floats closer than this are equal whatever their size: box coordinates near 0 have no relative precision."""


def _floats_differ(left: pl.Expr, right: pl.Expr, tolerance: float) -> pl.Expr:
    size = pl.max_horizontal(left.abs(), right.abs())
    return (left != right) & ((left - right).abs() > pl.max_horizontal(size * tolerance, pl.lit(SMALLEST)))


def differs(field: Field, left: pl.Expr, right: pl.Expr) -> pl.Expr:
    """Whether two columns of the field differ, row by row; never null. Null equals null and nothing else."""
    if field.kind is Kind.BOX:
        parts = [
            _floats_differ(
                left.list.get(index, null_on_oob=True), right.list.get(index, null_on_oob=True), field.tolerance
            )
            for index in range(4)
        ]
        apart = pl.any_horizontal(parts)
    elif field.kind is Kind.FLOAT:
        apart = _floats_differ(left, right, field.tolerance)
    else:
        return left.ne_missing(right)
    return (left.is_null() != right.is_null()) | apart.fill_null(value=False)
