"""The faults of a manifest, as columns with one row per fault, and the report that goes with a rejected manifest."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

FAULTS: dict[str, pl.DataType] = {
    "row": pl.Int64(),
    "line": pl.Int64(),
    "column": pl.String(),
    "value": pl.String(),
    "fault": pl.String(),
    "expected": pl.String(),
}
"""``row`` counts data rows from 1, ``line`` lines of a CSV file; both are null for a fault of the whole manifest."""

SHOWN = 200
"""Characters of a value that a fault shows."""


def no_faults() -> pl.DataFrame:
    """A frame of faults without rows."""
    return pl.DataFrame(schema=FAULTS)


def faults(
    rows: pl.DataFrame, column: str | None, value: pl.Expr | None, fault: str | pl.Expr, expected: str | pl.Expr
) -> pl.DataFrame:
    """A fault for each of the rows (``row``, ``line``)."""
    shown = pl.lit(None) if value is None else value.cast(pl.String).str.slice(0, SHOWN)
    return rows.select(
        "row",
        "line",
        pl.lit(column, pl.String).alias("column"),
        shown.cast(pl.String).alias("value"),
        (pl.lit(fault) if isinstance(fault, str) else fault).cast(pl.String).alias("fault"),
        (pl.lit(expected) if isinstance(expected, str) else expected).cast(pl.String).alias("expected"),
    )


def of_the_whole(fault: str, expected: str, *, column: str | None = None, line: int | None = None) -> pl.DataFrame:
    """A fault of the manifest itself, or of one of its columns."""
    return pl.DataFrame([(None, line, column, None, fault, expected)], schema=FAULTS, orient="row")


def together(found: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """All faults, in the order of the manifest; those of the whole come first."""
    some = [each for each in found if each.height]
    if not some:
        return no_faults()
    return pl.concat(some).sort("row", "column", nulls_last=False, maintain_order=True)
