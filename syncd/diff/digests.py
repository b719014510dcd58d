"""Digests of labels: equal where ids, images and values are equal, on whichever side they are.

They separate what is unchanged from what must be compared field by field. Only the equality of two digests means
anything, and only within one version of Polars, whose hashes they consist of.
"""

from __future__ import annotations

import polars as pl

from syncd.diff.images import normal
from syncd.model.documents import DIGEST, DIGESTS_SCHEMA, both_hashes
from syncd.model.fields import Mapping
from syncd.model.snapshot import column, known_column


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
