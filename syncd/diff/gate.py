"""The review gate: with ``review.mode: tagged``, an edit made in FiftyOne waits for an approving tag.

A waiting edit is no conflict. It goes through as soon as the tag is set. If the database changes the same field
meanwhile, that is a disagreement as ever. A deleted label can carry no tag: deletions follow their own policy.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from syncd.model.fields import Direction, Mapping
from syncd.model.kinds import Json
from syncd.model.plan import AWAITING, Waiting
from syncd.model.policy import Review

TAGGED = "tagged"


def gated(mapping: Mapping, review: Review, rows: pl.DataFrame, verdict: Any) -> pl.DataFrame:
    """Holds back edits on their way to the database, in judged rows, that nobody has approved.

    ``verdict`` names the column of a field's verdict.
    """
    if review.mode != TAGGED or rows.is_empty():
        return rows
    return rows.with_columns(
        pl.when((pl.col(verdict(name)) == Direction.TO_DATABASE.value) & ~pl.col("approved"))
        .then(pl.lit(AWAITING))
        .otherwise(pl.col(verdict(name)))
        .alias(verdict(name))
        for name in mapping.names
    )


def drawn_waits(row: dict[str, Any], content: Json, annotation_id: str | None) -> Waiting:
    """A drawn label (an unprefixed row) that nobody has approved yet, as waiting."""
    return Waiting(
        kind=AWAITING,
        annotation_id=annotation_id,
        label_id=row["label_id"],
        sample_id=row["sample_id"],
        field=None,
        old=None,
        new=content,
        actor=row["actor"],
        edited_at=row["edited_at"],
    )
