"""Which labels of an incremental reading nobody has edited: they are, and are where, the baseline says.

A sample is stamped as a whole, so that most labels that an incremental reading meets are such. If nothing else is
known of them either, the diff has nothing to say about them, and neither their rows nor they need be looked at.
"""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from syncd.diff.inputs import ANSWERED_SCHEMA
from syncd.diff.joined import B, F, any_difference, is_known
from syncd.diff.settled import PLACE, is_in_place
from syncd.diff.tags import said
from syncd.model.fields import Mapping
from syncd.model.policy import Review
from syncd.model.vocabulary import Vocabulary


def without_unedited(
    mapping: Mapping,
    review: Review,
    vocabulary: Vocabulary | None,
    labels: pl.DataFrame,
    baseline: pl.DataFrame,
    named: Collection[str],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The labels and the baseline without what nobody has edited.

    ``labels`` are all labels of their samples, and ``baseline`` all that is known of them. ``named`` are annotations
    to be looked at whatever their labels say: the database has changed them, or something about them is open.

    Invariant: what is left is closed. An annotation is left out with its only label, which stands alone in its place,
    and with its baseline; and of a sample on which a tag says anything all labels stay, since what it says depends on
    how many there are.
    """
    places = labels.group_by(PLACE).len("crowd")
    spoken_of = said(labels, review, vocabulary, pl.DataFrame(schema=ANSWERED_SCHEMA))["sample_id"].unique()
    known = baseline.select("annotation_id", pl.exclude("annotation_id").name.prefix(B))
    joined = (
        labels.select("annotation_id", pl.exclude("annotation_id").name.prefix(F))
        .join(known, on="annotation_id", how="left")
        .join(places.select(pl.col(PLACE).name.prefix(F), "crowd"), on=[F + name for name in PLACE], how="left")
    )
    unedited = pl.all_horizontal(
        pl.col("annotation_id").is_unique(),
        pl.col("crowd") == 1,
        *[is_known(each.name) for each in mapping.fields],
        is_in_place(),
        ~any_difference(mapping, B, F),
        ~pl.col("annotation_id").is_in(list(named)),
        ~pl.col(F + "sample_id").is_in(spoken_of.to_list()),
    )
    left_out = joined.filter(unedited.fill_null(value=False)).select("annotation_id")
    return (
        labels.join(left_out, on="annotation_id", how="anti"),
        baseline.join(left_out, on="annotation_id", how="anti"),
    )


def asked_for(
    review: Review,
    vocabulary: Vocabulary | None,
    labels: pl.DataFrame,
    annotation_ids: Collection[str],
    label_ids: Collection[str],
) -> pl.DataFrame:
    """Of the labels of samples that are not stamped, those that are asked for; all on which a tag says anything."""
    if labels.is_empty():
        return labels
    spoken_of = said(labels, review, vocabulary, pl.DataFrame(schema=ANSWERED_SCHEMA))["sample_id"].unique()
    wanted = {
        "annotation_id": list(annotation_ids),
        "label_id": list(label_ids),
        "sample_id": spoken_of.to_list(),
    }
    chosen = [pl.col(name).is_in(values).fill_null(value=False) for name, values in wanted.items()]
    return labels.filter(pl.any_horizontal(chosen))
