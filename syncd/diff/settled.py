"""Settled annotations, which need no look: both sides hold what was agreed, where it was agreed.

They are left out of what the diff is given, together with everything that belongs to them; the plan stays the same.
That makes a run over half a million annotations without changes as cheap as one over none.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

import polars as pl

from syncd.diff.frames import EXPRESSIONS, B, D, F, any_difference, is_known, prefixed, unreadable
from syncd.diff.images import is_known_image, is_other_image, normal
from syncd.diff.inputs import ANSWERED_SCHEMA
from syncd.diff.tags import said
from syncd.model.mapping import Mapping
from syncd.model.policy import Review
from syncd.model.snapshot import DIGEST, DIGESTS_SCHEMA, both_hashes, column, distinct, known_column
from syncd.model.vocabulary import Vocabulary

PLACE = ["sample_id", "label_id"]


@dataclass(frozen=True)
class Named:
    """Ids of what is unsettled: everything with one of these ids, or in one of these samples, goes through the diff."""

    annotation_ids: frozenset[str] = frozenset()
    sample_ids: frozenset[str] = frozenset()
    label_ids: frozenset[str] = frozenset()

    def with_(self, other: Named) -> Named:
        """What either of the two names."""
        return Named(
            self.annotation_ids | other.annotation_ids,
            self.sample_ids | other.sample_ids,
            self.label_ids | other.label_ids,
        )

    @staticmethod
    def of(*frames: pl.DataFrame) -> Named:
        """All ids in these frames."""

        def ids(name: str) -> frozenset[str]:
            return frozenset(distinct(name, *(frame for frame in frames if name in frame.columns)))

        return Named(ids("annotation_id"), ids("sample_id"), ids("label_id"))


def is_named(named: Named) -> pl.Expr:
    """Whether a label, or a row of the baseline, has one of these ids or is in one of these samples."""
    ids = {"annotation_id": named.annotation_ids, "sample_id": named.sample_ids, "label_id": named.label_ids}
    return pl.any_horizontal([pl.col(name).is_in(list(each)).fill_null(value=False) for name, each in ids.items()])


@lru_cache(EXPRESSIONS)
def is_agreed(mapping: Mapping) -> pl.Expr:
    """Whether all three of joined rows hold what was agreed, with the label in its place and on its row's image."""
    agreed = pl.all_horizontal([is_known(each.name) for each in mapping.fields])
    return agreed & is_in_place() & is_known_image(mapping) & is_alike(mapping) & ~any_difference(mapping, B, D)


@lru_cache(EXPRESSIONS)
def is_in_place() -> pl.Expr:
    """Whether the label is where the baseline knows it."""
    places = [pl.col(F + name).eq_missing(pl.col(B + name)) for name in PLACE]
    return pl.all_horizontal(places)


@lru_cache(EXPRESSIONS)
def is_alike(mapping: Mapping) -> pl.Expr:
    """Whether both sides hold the same, on the same image, and every value can be read."""
    unread = pl.any_horizontal([unreadable(each.name, F) for each in mapping.fields])
    return ~unread & ~is_other_image(mapping) & ~any_difference(mapping, F, D)


def places(fiftyone: pl.DataFrame) -> pl.Series:
    """A number for the place of each label; two labels of one sample that share their id share it."""
    return fiftyone.select(pl.struct(PLACE).hash().alias("place")).to_series()


def shared_places(numbers: pl.Series) -> frozenset[int]:
    """The places in which more than one label stands."""
    return frozenset(numbers.filter(numbers.is_duplicated()).unique())


def without_unedited(
    mapping: Mapping,
    review: Review,
    vocabulary: Vocabulary | None,
    labels: pl.DataFrame,
    baseline: pl.DataFrame,
    named: Collection[str],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The labels and the baseline without the labels that nobody has edited.

    ``labels`` are all labels of their samples, and ``baseline`` all that is known of them. ``named`` are annotations
    that must go through the diff whatever their labels say: the database has changed them, or something about them is
    open.

    Invariant: what is left is closed. An annotation is left out with its only label, which stands alone in its place,
    and with its baseline. If a tag says anything about a sample, all its labels stay, since what the tag says depends
    on how many there are.
    """
    joined = prefixed(labels, F, "in_f").join(prefixed(baseline, B, "in_b"), on="annotation_id", how="left")
    unedited = pl.all_horizontal(
        pl.col("annotation_id").is_unique(),
        pl.struct(F + name for name in PLACE).is_unique(),
        *[is_known(each.name) for each in mapping.fields],
        is_in_place(),
        is_known_image(mapping),
        ~any_difference(mapping, B, F),
        ~pl.col("annotation_id").is_in(list(named)),
        ~pl.col(F + "sample_id").is_in(list(spoken_of(review, vocabulary, labels))),
    )
    left_out = joined.filter(unedited.fill_null(value=False)).select("annotation_id")
    return (
        labels.join(left_out, on="annotation_id", how="anti"),
        baseline.join(left_out, on="annotation_id", how="anti"),
    )


def asked_for(review: Review, vocabulary: Vocabulary | None, labels: pl.DataFrame, named: Named) -> pl.DataFrame:
    """The named labels among those of samples without a new stamp; and all labels about which a tag says anything."""
    if labels.is_empty():
        return labels
    return labels.filter(is_named(named.with_(Named(sample_ids=spoken_of(review, vocabulary, labels)))))


def spoken_of(review: Review, vocabulary: Vocabulary | None, labels: pl.DataFrame) -> frozenset[str]:
    """The samples about which a tag says anything; an answered tag counts too."""
    return frozenset(distinct("sample_id", said(labels, review, vocabulary, pl.DataFrame(schema=ANSWERED_SCHEMA))))


def digests(rows: pl.DataFrame, mapping: Mapping) -> pl.DataFrame:
    """One row per sample (``DIGESTS_SCHEMA``) for labels; all labels of each sample must be there."""
    return _by_sample(rows, mapping, pl.lit(value=True), mapping.image)


def agreed_digests(baseline: pl.DataFrame, mapping: Mapping) -> pl.DataFrame:
    """The same for agreed labels. A label with a field that was never agreed is counted, and equals none."""
    whole = pl.all_horizontal([pl.col(known_column(each.name)) for each in mapping.fields])
    return _by_sample(baseline.drop_nulls("sample_id"), mapping, whole, "image")


def alike(mapping: Mapping, agreed: pl.DataFrame, database: pl.DataFrame) -> pl.DataFrame:
    """``annotation_id`` of what the database holds as it was ``agreed``: exactly, on the same image, and once.

    A value that differs by no more than a tolerance is not among them.
    """
    keys = ["annotation_id", *DIGEST]
    sound = database.filter(pl.col("annotation_id").is_unique() & pl.col("problems").is_null())
    values = [column(name) for name in mapping.names]
    hashes = both_hashes(pl.struct(normal(pl.col(mapping.image)), *values), DIGEST)
    known, held = (frame.select("annotation_id", *hashes) for frame in (agreed, sound))
    return known.join(held, on=keys, how="semi").select("annotation_id")


def together(digests: list[pl.DataFrame]) -> pl.DataFrame:
    """The digests of samples whose labels came in several frames."""
    return _summed(pl.concat([pl.DataFrame(schema=DIGESTS_SCHEMA), *digests]))


def _by_sample(rows: pl.DataFrame, mapping: Mapping, whole: pl.Expr, image: str) -> pl.DataFrame:
    ids = ["annotation_id", "label_id", "sample_id"]
    label = pl.struct(*ids, normal(pl.col(image)).alias("image"), *(column(name) for name in mapping.names))
    hashes = [pl.when(whole).then(each) for each in both_hashes(label, DIGEST)]
    return _summed(rows.select("sample_id", pl.lit(1, pl.UInt32).alias("labels"), *hashes))


def _summed(parts: pl.DataFrame) -> pl.DataFrame:
    """Sums wrap around, which they may: the order of labels means nothing, and two alike must not cancel out."""
    return parts.group_by("sample_id").agg(pl.col("labels", *DIGEST).sum())
