"""Annotation ids for rows that come without one: the same for the same source, however often it is dropped."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import polars as pl

from syncd.model import BOX
from syncd.model.snapshot import column

NAMESPACE = uuid.UUID("6f0d2f5e-3b0a-5f52-9a68-5e0c1c9d7b41")
"""Never to be changed: every id that was made depends on it."""


def made_id(binding: str, sha256: str, box: Sequence[float] | None, number: int) -> str:
    """The id of an annotation: UUID version 5 of its binding, its image's bytes, its box and a running number.

    The number tells rows with the same bytes and the same box apart, from 0 in the order of the manifest.
    """
    place = "" if box is None else ",".join(repr(float(part)) for part in box)
    return str(uuid.uuid5(NAMESPACE, "\n".join((binding, sha256, place, str(number)))))


def with_made_ids(rows: pl.DataFrame, binding: str) -> pl.DataFrame:
    """Fills in the ids that are missing; ``made`` says where. ``rows`` have the ``sha256`` of their image."""
    name = column(BOX)
    box = pl.col(name) if name in rows.columns else pl.lit(None, pl.List(pl.Float64))
    counted = rows.with_columns(made=pl.col("annotation_id").is_null(), box=box).with_columns(
        number=pl.int_range(pl.len()).over("made", "sha256", "box")
    )
    ids = [
        made_id(binding, row["sha256"], row["box"], row["number"]) if row["made"] else row["annotation_id"]
        for row in counted.select("made", "sha256", "box", "number", "annotation_id").iter_rows(named=True)
    ]
    return counted.with_columns(annotation_id=pl.Series(ids, dtype=pl.String)).drop("box", "number")
