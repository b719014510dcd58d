"""Attributes that a label has lost together: they are no edits to null, and are given back.

A label that was created anew, or that another tool returned, lacks the attributes that its creator did not know. A
person clears one attribute at a time.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

import polars as pl

from syncd.diff.frames import EXPRESSIONS, B, D, F, differ, is_known, unreadable
from syncd.diff.history import about_column
from syncd.diff.inputs import History
from syncd.model.mapping import BOX, LABEL, Field, Mapping
from syncd.model.snapshot import column

FEWEST = 2
"""Of so many attributes that had values, all must be gone at once: one alone may have been cleared by a person."""


def with_lost(mapping: Mapping, history: History, restored: Collection[str], rows: pl.DataFrame) -> pl.DataFrame:
    """Adds, for each attribute, whether the label has lost it together with something else (:func:`is_lost`).

    ``rows`` are joined; ``restored`` are the annotations whose labels have lost their id.
    """
    attributes = attributes_of(mapping)
    if not attributes:
        return rows
    fields = pl.col("annotation_id")
    made_anew = (pl.col(F + "label_id") != pl.col(B + "label_id")) | fields.is_in(list(restored))
    had = [is_known(each.name) & pl.col(B + column(each.name)).is_not_null() for each in attributes]
    gone = [_gone(each) for each in attributes]
    together = pl.all_horizontal(
        pl.sum_horizontal(had) >= FEWEST, *(~was | is_gone for was, is_gone in zip(had, gone, strict=True))
    )
    half_done = {
        name: history.unfilled.filter(pl.col("field") == name)["annotation_id"].to_list()
        for name in history.unfilled["field"].unique()
    }
    return rows.with_columns(
        (is_gone & (made_anew | together | fields.is_in(half_done.get(each.name, []))))
        .fill_null(value=False)
        .alias(about_column(each, "lost"))
        for each, is_gone in zip(attributes, gone, strict=True)
    )


def attributes_of(mapping: Mapping) -> tuple[Field, ...]:
    """The mapped fields that a label can be without."""
    return tuple(each for each in mapping.fields if each.name not in (LABEL, BOX))


def _gone(field: Field) -> pl.Expr:
    """Whether FiftyOne has no value where one was agreed."""
    had = is_known(field.name) & pl.col(B + column(field.name)).is_not_null()
    return had & pl.col(F + column(field.name)).is_null() & ~unreadable(field.name, F)


def is_lost(field: Field) -> pl.Expr:
    """Whether the label of a joined row has lost the attribute (:func:`with_lost`)."""
    return pl.lit(value=False) if field.name in (LABEL, BOX) else pl.col(about_column(field, "lost"))


def is_to_fill(field: Field) -> pl.Expr:
    """Whether the attribute was lost and the database has a value for it."""
    return is_lost(field) & (pl.col(D + column(field.name)).is_not_null() | unreadable(field.name, D))


@lru_cache(EXPRESSIONS)
def is_edited(mapping: Mapping) -> pl.Expr:
    """Whether a label holds something else than was agreed, other than by having lost it."""
    return pl.any_horizontal(
        [(differ(each, B, F) | unreadable(each.name, F)) & ~is_lost(each) for each in mapping.fields]
    )
