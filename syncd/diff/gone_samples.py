"""Annotations whose sample has left the dataset. No row is deleted for that: a person deletes a label, not a sample.

The baseline keeps the agreed values of such an annotation and forgets its sample: the annotation is *away*. Its row
counts as not ingested until a sample with its media exists again. The row then becomes a label there, and a label that
comes back under its id is compared with what was agreed. A label without an id on that sample may be the annotation's.
"""

from __future__ import annotations

import polars as pl

from syncd.diff.frames import B
from syncd.diff.images import normal
from syncd.diff.inputs import Inputs
from syncd.model.conflict_kinds import ConflictKind
from syncd.model.snapshot import baseline_schema

AWAY = pl.col("sample_id").is_null()
"""Whether an annotation in the baseline is away."""

WITHOUT_SAMPLE = pl.col("in_b") & pl.col("in_d") & ~pl.col("in_f") & pl.col(B + "sample_id").is_null()
"""Whether a joined row is of an annotation that is away and has its row."""


def without_lost_homes(
    baseline: pl.DataFrame,
    fiftyone: pl.DataFrame,
    database: pl.DataFrame,
    homes: pl.DataFrame | None,
    open_conflicts: pl.DataFrame,
) -> pl.DataFrame:
    """The baseline, with those away of whose sample nothing is left.

    ``homes`` are the samples that are still there of those on which a known label is missing (:func:`missing_at_home`);
    ``None`` where none was looked for. A label under its id on another image than its row's is none that came back.
    """
    if homes is None:
        return baseline
    lost = missing_at_home(baseline, fiftyone, open_conflicts)
    lost = lost.join(homes, on="sample_id", how="anti").drop_nulls("sample_id")
    media = database.select("annotation_id", pl.col("media").alias("of_row"))
    strange = fiftyone.join(media, on="annotation_id").filter(
        normal(pl.col("media")).ne_missing(normal(pl.col("of_row")))
    )
    lost = lost.select("annotation_id").unique().join(strange, on="annotation_id", how="anti")
    if lost.is_empty():
        return baseline
    lost = lost.with_columns(pl.lit(value=True).alias("lost"))
    rows = baseline.join(lost, on="annotation_id", how="left", maintain_order="left")
    left = pl.when(pl.col("lost").is_null()).then(pl.col("sample_id")).alias("sample_id")
    return rows.with_columns(left).drop("lost")


def missing_at_home(baseline: pl.DataFrame, fiftyone: pl.DataFrame, open_conflicts: pl.DataFrame) -> pl.DataFrame:
    """The samples (``annotation_id``, ``sample_id``) of annotations of which no label stands there any more.

    That is where the baseline knows it, and where it was seen last if it had been moved from there and a person has
    been asked.
    """
    place = ["annotation_id", "sample_id"]
    missing = baseline.join(fiftyone, on=place, how="anti").select(place)
    seen = seen_elsewhere(open_conflicts).join(missing, on="annotation_id", how="semi")
    return pl.concat([missing, seen.join(fiftyone, on=place, how="anti")]).unique(maintain_order=True)


def seen_elsewhere(open_conflicts: pl.DataFrame) -> pl.DataFrame:
    """Where (``annotation_id``, ``sample_id``) labels were seen last that are not where they were known."""
    doubted = (
        pl.col("kind").is_in([ConflictKind.MOVED.value, ConflictKind.REPLACED.value])
        & pl.col("field").is_null()
        & pl.col("seen_on").is_not_null()
    )
    return open_conflicts.filter(doubted).select("annotation_id", pl.col("seen_on").alias("sample_id")).unique()


def last_homes(baseline: pl.DataFrame, open_conflicts: pl.DataFrame) -> pl.DataFrame:
    """The baseline of annotations whose labels were seen elsewhere last, on the samples where they were seen."""
    seen = seen_elsewhere(open_conflicts)
    found = baseline.drop("sample_id").join(seen, on="annotation_id").select(baseline.columns)
    return found.join(baseline, on=["annotation_id", "sample_id"], how="anti")


def new_homes(baseline: pl.DataFrame, nameless: pl.DataFrame, database: pl.DataFrame) -> pl.DataFrame:
    """The baseline of those away, once for each sample on which a label without an id bears the media of their row."""
    away = baseline.filter(AWAY).drop("sample_id")
    media = database.select("annotation_id", normal(pl.col("media"))).drop_nulls()
    places = nameless.select("sample_id", normal(pl.col("media"))).drop_nulls().unique()
    return away.join(media, on="annotation_id").join(places, on="media").select(baseline.columns)


def next_away(inputs: Inputs, rows: pl.DataFrame) -> pl.DataFrame:
    """The next baseline of joined rows that went away since the last run: what was agreed, without a sample."""
    names = {name: name if name == "annotation_id" else B + name for name in baseline_schema(inputs.mapping)}
    away = rows.select(pl.col(source).alias(name) for name, source in names.items())
    return away.join(inputs.baseline.drop_nulls("sample_id"), on="annotation_id", how="semi")
