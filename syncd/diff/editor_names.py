"""Who edited a row: the name in its column of editors, unless syncd itself left that name there.

A script that changes a row without naming itself leaves the name that stood there. Where that is the name that syncd
wrote with its own last write, it says nothing about the edit made since, even if that person made the edit.
"""

from __future__ import annotations

import polars as pl

from syncd.diff.frames import B, D, any_difference, prefixed
from syncd.model.mapping import Mapping
from syncd.model.snapshot import distinct

SIGNED_SCHEMA: dict[str, pl.DataType] = {"annotation_id": pl.String(), "name": pl.String()}
"""``name`` is what the column of editors held after syncd's last write to the row."""


def without_own_names(database: pl.DataFrame, signed: pl.DataFrame) -> pl.DataFrame:
    """The database's rows, with no ``actor`` where the name is that which syncd left (:data:`SIGNED_SCHEMA`)."""
    if signed.is_empty():
        return database
    left = signed.unique("annotation_id", keep="last").rename({"name": "left_name"})
    rows = database.join(left, on="annotation_id", how="left", maintain_order="left")
    own = pl.col("actor").eq(pl.col("left_name")).fill_null(value=False)
    return rows.with_columns(pl.when(~own).then(pl.col("actor")).alias("actor")).drop("left_name")


def edited_rows(mapping: Mapping, baseline: pl.DataFrame, database: pl.DataFrame) -> frozenset[str]:
    """The annotations whose rows name an editor and do not hold what was agreed."""
    named = database.filter(pl.col("actor").is_not_null() & pl.col("annotation_id").is_not_null())
    if named.is_empty():
        return frozenset()
    sides = prefixed(named, D, "in_d").join(prefixed(baseline, B, "in_b"), on="annotation_id", how="left")
    changed = sides.filter(pl.col("in_b").is_null() | any_difference(mapping, B, D))
    return frozenset(distinct("annotation_id", changed))
