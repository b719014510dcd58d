"""Which annotations a complete reading says nothing about: both sides hold what was agreed, where it was agreed.

They need not be looked at any further. That is what makes half a million as good as none: the diff is given the
others, with all that belongs to them, and its plan is the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from syncd.diff.inputs import History, Young
from syncd.diff.joined import B, D, F, any_difference, is_known, join, unreadable
from syncd.diff.tags import said
from syncd.model.fields import Mapping
from syncd.model.policy import Review
from syncd.model.vocabulary import Vocabulary

PLACE = ["sample_id", "label_id"]


@dataclass(frozen=True)
class Named:
    """What must be looked at, with everything that bears one of these ids or stands in one of these samples."""

    annotation_ids: frozenset[str] = frozenset()
    sample_ids: frozenset[str] = frozenset()
    label_ids: frozenset[str] = frozenset()

    def with_(self, other: Named) -> Named:
        """Both."""
        return Named(
            self.annotation_ids | other.annotation_ids,
            self.sample_ids | other.sample_ids,
            self.label_ids | other.label_ids,
        )

    @staticmethod
    def of(*frames: pl.DataFrame) -> Named:
        """All ids in these frames."""

        def ids(name: str) -> frozenset[str]:
            return frozenset(each for frame in frames if name in frame.columns for each in frame[name].drop_nulls())

        return Named(ids("annotation_id"), ids("sample_id"), ids("label_id"))


@dataclass(frozen=True)
class Rules:
    """What decides whether an annotation is settled, besides its values."""

    mapping: Mapping
    review: Review
    vocabulary: Vocabulary | None
    history: History
    young: Young | None


def is_agreed(mapping: Mapping) -> pl.Expr:
    """Whether joined rows hold in all three what was agreed, with the label where it was."""
    agreed = pl.all_horizontal([is_known(each.name) for each in mapping.fields])
    same_place = pl.col(F + "label_id").eq_missing(pl.col(B + "label_id")) & pl.col(F + "sample_id").eq_missing(
        pl.col(B + "sample_id")
    )
    unread = pl.any_horizontal([unreadable(each.name, F) for each in mapping.fields])
    return agreed & same_place & ~unread & ~any_difference(mapping, F, D) & ~any_difference(mapping, B, D)


def unsettled(rules: Rules, baseline: pl.DataFrame, fiftyone: pl.DataFrame, database: pl.DataFrame) -> Named:
    """What must be looked at among these annotations: all rows, wherever they are, that bear one of a set of ids.

    Labels that share even their place are not recognised here (:func:`shared_places`).
    """
    copies = fiftyone.filter(pl.col("annotation_id").is_duplicated() | pl.col("annotation_id").is_null())
    twice = database.filter(pl.col("annotation_id").is_duplicated() & pl.col("annotation_id").is_not_null())
    joined = join(
        baseline,
        _without(fiftyone, copies),
        _without(database.filter(pl.col("annotation_id").is_not_null()), twice),
    )
    settled = pl.col("in_b") & pl.col("in_f") & pl.col("in_d") & is_agreed(rules.mapping)
    if rules.young is not None:
        young = pl.col(F + "edited_at").is_between(rules.young.after, rules.young.until)
        settled = settled & ~young.fill_null(value=False)
    left = joined.filter(~settled)
    places = [left.select(pl.col(side + name).alias(name) for name in PLACE) for side in (F, B)]
    spoken_of = said(fiftyone, rules.review, rules.vocabulary, rules.history.answered)
    return Named.of(copies, twice, left.select("annotation_id"), *places, spoken_of)


def remembered(rules: Rules) -> Named:
    """What must be looked at because a conflict about it is open: it may be over."""
    return Named.of(rules.history.open_conflicts)


def places(fiftyone: pl.DataFrame) -> pl.Series:
    """A number for the place of each label; two labels of one sample that share their id share it."""
    return fiftyone.select(pl.struct(PLACE).hash().alias("place")).to_series()


def shared_places(numbers: pl.Series) -> frozenset[int]:
    """The places in which more than one label stands."""
    return frozenset(numbers.filter(numbers.is_duplicated()).unique())


def _without(rows: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    if others.is_empty():
        return rows
    ids = others.select("annotation_id").unique()
    return rows.filter(pl.col("annotation_id").is_not_null()).join(ids, on="annotation_id", how="anti")
