"""Frames that hold the baseline, FiftyOne and the database side by side, one row per annotation id."""

from __future__ import annotations

import json
from functools import lru_cache

import polars as pl

from syncd.model.kinds import Kind
from syncd.model.mapping import Field, Mapping
from syncd.model.snapshot import Snapshot, column, known_column
from syncd.model.values import differs

EXPRESSIONS = 1_000
"""How many expressions of a kind are kept: making one anew takes longer than applying it to a few rows."""

B, F, D = "b.", "f.", "d."
"""Prefixes of the baseline's, FiftyOne's and the database's columns in a joined frame."""


def join(baseline: pl.DataFrame, fiftyone: pl.DataFrame, database: pl.DataFrame) -> pl.DataFrame:
    """Joins three frames on ``annotation_id``; ``in_b``, ``in_f`` and ``in_d`` say who has it.

    Ids must be unique within each frame and never null.
    """
    sides = [
        prefixed(baseline, B, "in_b"),
        prefixed(fiftyone, F, "in_f"),
        prefixed(database, D, "in_d"),
    ]
    joined = sides[0]
    for side in sides[1:]:
        joined = joined.join(side, on="annotation_id", how="full", coalesce=True)
    return joined.with_columns(pl.col("in_b", "in_f", "in_d").fill_null(value=False))


def prefixed(frame: pl.DataFrame, prefix: str, flag: str) -> pl.DataFrame:
    """One side as it stands in a joined frame; ``flag`` is its column that says that the side has the annotation."""
    names = {name: prefix + name for name in frame.columns if name != "annotation_id"}
    return frame.rename(names).with_columns(pl.lit(value=True).alias(flag))


@lru_cache(EXPRESSIONS)
def differ(field: Field, left: str, right: str) -> pl.Expr:
    """Whether the two sides (by prefix) differ in the field."""
    return differs(field, pl.col(left + column(field.name)), pl.col(right + column(field.name)))


@lru_cache(EXPRESSIONS)
def unreadable(name: str, side: str) -> pl.Expr:
    """Whether the side's value of the field could not be read as its kind."""
    # The problems column is null for healthy rows; its keys are field names in JSON quotes, followed by a colon.
    # Within a text a quote is always escaped, so that only a key can match.
    key = json.dumps(name, ensure_ascii=False) + ":"
    return pl.col(side + "problems").str.contains(key, literal=True).fill_null(value=False)


@lru_cache(EXPRESSIONS)
def not_finite(field: Field, side: str) -> pl.Expr:
    """Whether the side holds a number that JSON has no form for: it can be neither logged nor remembered."""
    value = pl.col(side + column(field.name))
    if field.kind is Kind.FLOAT:
        return value.is_finite().not_().fill_null(value=False)
    if field.kind is Kind.BOX:
        parts = [value.list.get(index, null_on_oob=True).is_finite().not_() for index in range(4)]
        return pl.any_horizontal(parts).fill_null(value=False)
    return pl.lit(value=False)


@lru_cache(EXPRESSIONS)
def any_difference(mapping: Mapping, left: str, right: str) -> pl.Expr:
    """Whether the two sides differ in any mapped field, or the right one holds something unreadable."""
    return pl.any_horizontal([differ(each, left, right) | unreadable(each.name, right) for each in mapping.fields])


def is_hidden(database: Snapshot) -> pl.Expr:
    """``hidden``: the database's row is there, but the relation that is read does not show it."""
    hidden = pl.col("annotation_id").is_in(list(database.hidden)) if database.hidden else pl.lit(value=False)
    return (hidden & ~pl.col("in_d")).alias("hidden")


def is_known(name: str) -> pl.Expr:
    """Whether a value of the field was ever agreed."""
    return pl.col(B + known_column(name)).fill_null(value=False)
