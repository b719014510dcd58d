"""A plan that corrects labels which certainly mean a term."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from syncd.actor import person
from syncd.engine.direct_plan import direct_plan
from syncd.engine.session import Session
from syncd.model import LABEL, Action, Change, Direction, Plan, Side, Snapshot
from syncd.model.reasons import Reason
from syncd.model.snapshot import column

WAYS = {Side.FIFTYONE: Direction.TO_FIFTYONE, Side.DATABASE: Direction.TO_DATABASE}


@dataclass(frozen=True)
class Fix:
    """The plan, and how many annotations it leaves as they are, by reason."""

    plan: Plan
    left: dict[str, int]


def fix_plan(session: Session, meant: Mapping[str, str]) -> Fix:
    """The changes that turn each label of ``meant`` into its term, on both sides at once.

    Left alone are annotations whose id is missing or stands twice, those that the database does not have, those about
    which the sides would still disagree (a reconcile decides there), and sides to which the label may not be written.
    """
    if not meant:
        return Fix(direct_plan(session.mapping, ()), {})
    rows = _affected(session.fiftyone.read_all(), session.database.read_all(), meant)
    judged = rows.with_columns(_why_left(session).alias("left"))
    counted = judged.filter(pl.col("left").is_not_null()).group_by("left").len().sort("left")
    actor = person()
    changes = [
        change
        for row in judged.filter(pl.col("left").is_null()).iter_rows(named=True)
        for change in _changes(row, actor)
    ]
    return Fix(direct_plan(session.mapping, changes), dict(counted.iter_rows()))


def _affected(fiftyone: Snapshot, database: Snapshot, meant: Mapping[str, str]) -> pl.DataFrame:
    """The annotations of which a label is in ``meant``: both sides as they are and (``new_…``) as they should be."""
    label = pl.col(column(LABEL))
    labels = fiftyone.rows.select("annotation_id", "label_id", "sample_id", label.alias("fiftyone"))
    rows = database.rows.select("annotation_id", "media", label.alias("database"), pl.lit(value=True).alias("has_row"))
    twice = pl.concat([_twice(labels), _twice(rows)]).unique()
    known = pl.col("annotation_id").is_not_null()
    joined = labels.filter(known).join(rows, on="annotation_id", how="full", coalesce=True)
    joined = joined.join(twice.with_columns(twice=True), on="annotation_id", how="left")
    everything = pl.concat([joined, labels.filter(~known)], how="diagonal")
    old, new = list(meant), list(meant.values())
    return (
        everything.filter(pl.any_horizontal(pl.col("fiftyone", "database").is_in(old).fill_null(value=False)))
        .with_columns(pl.col(side).replace(old, new).alias(f"new_{side}") for side in ("fiftyone", "database"))
        .sort("annotation_id", "label_id")
    )


def _twice(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.group_by("annotation_id").len().filter(pl.col("len") > 1).select("annotation_id")


def _why_left(session: Session) -> pl.Expr:
    """Why an annotation is left alone, or null."""
    direction = session.mapping.field(LABEL).direction
    disagree = pl.col("new_fiftyone").ne_missing(pl.col("new_database")) & pl.col("label_id").is_not_null()
    why = (
        pl.when(pl.col("annotation_id").is_null())
        .then(pl.lit("the label has no annotation id"))
        .when(pl.col("twice").is_not_null())
        .then(pl.lit("its annotation id stands more than once"))
        .when(pl.col("has_row").is_null())
        .then(pl.lit("the database does not have it, or does not show it"))
        .when(disagree)
        .then(pl.lit("the sides disagree about it, which a reconcile decides"))
    )
    for side, way in WAYS.items():
        writable = direction.allows(way) and (side is Side.FIFTYONE or session.database.writable(LABEL))
        if not writable:
            why = why.when(_differs(side)).then(pl.lit(f"its label is not written to {_NAMES[side]}"))
    return why.otherwise(None)


_NAMES = {Side.FIFTYONE: "FiftyOne", Side.DATABASE: "the database"}


def _differs(side: Side) -> pl.Expr:
    return pl.col(side.value).ne_missing(pl.col(f"new_{side.value}"))


def _changes(row: dict[str, Any], actor: str) -> Iterator[Change]:
    for side, way in WAYS.items():
        old, new = row[side.value], row[f"new_{side.value}"]
        if old != new:
            yield Change(
                annotation_id=row["annotation_id"],
                label_id=row["label_id"],
                sample_id=row["sample_id"],
                direction=way,
                action=Action.UPDATE,
                field=LABEL,
                old=old,
                new=new,
                reason=Reason.VOCABULARY_FIX,
                actor=actor,
                media=row["media"],
            )
