"""Labels of an incremental read that nobody edited: the baseline has the same values, place and image.

A sample is stamped as a whole, so that most labels of an incremental read are of this kind. Unless something else is
known of them, the diff has nothing to say about them, and neither they nor their rows are compared.
"""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from syncd.diff.images import is_known_image
from syncd.diff.inputs import ANSWERED_SCHEMA
from syncd.diff.joined import B, F, any_difference, is_known, prefixed
from syncd.diff.settled import PLACE, Named, is_in_place, is_named
from syncd.diff.tags import said
from syncd.model.fields import Mapping
from syncd.model.policy import Review
from syncd.model.snapshot import distinct
from syncd.model.vocabulary import Vocabulary


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
