"""Crops whose box or frame was changed in the table since they were cut: cut again, in the same sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
from bson import ObjectId
from pymongo import UpdateOne

from syncd.adapters.fiftyone.adapter import READING, WRITING
from syncd.adapters.fiftyone.compat import BUMP
from syncd.adapters.fiftyone.errors import asking
from syncd.adapters.fiftyone.samples import METADATA
from syncd.diff.images import normal
from syncd.ingest.crops import Knife, cut, folder_of_crops
from syncd.ingest.judge import no_faults
from syncd.ingest.layout import FRAME, FRAME_BOX
from syncd.ingest.source import FRAME as FRAME_COLUMN
from syncd.ingest.source import FRAME_BOX as BOX_COLUMN
from syncd.ingest.work import Work


def recut(work: Work, located: pl.DataFrame, progress: Callable[[int, int], None], *, dry_run: bool) -> pl.DataFrame:
    """Cuts again what has another box or frame by now; returns the rows concerned, those without a fault.

    ``located`` are the frames with where each is. A row whose new box cannot be cut keeps its old crop, and is no fault
    of this ingest: the next one tries again.
    """
    if not work.crops:
        return no_faults().select("annotation_id")
    moved = _moved(work)
    wanted = located.filter(pl.col("key").is_in(moved[FRAME_COLUMN].unique().to_list()))
    if dry_run or moved.is_empty() or wanted.is_empty():
        return moved.select("annotation_id")
    frames = work.media.fetch(wanted.select("key", "location"), lambda _: None).filter(pl.col("fault").is_null())
    knife = Knife(folder_of_crops(work.config, work.binding.dataset), work.binding.ingest.crop_margin)
    crops, _ = cut(knife, moved.with_columns(pl.col("annotation_id").alias("media")), frames)
    found = crops.join(moved, left_on="key", right_on="annotation_id")
    operations = [_operation(row) for row in found.iter_rows(named=True)]
    if operations:
        with asking(WRITING):
            work.fiftyone.samples.bulk_write(operations, ordered=False)
    progress(found.height, moved.height)
    return found.select(pl.col("key").alias("annotation_id"))


def _moved(work: Work) -> pl.DataFrame:
    """Annotations whose sample was cut from another box, or another frame, than the table has now."""
    path = work.fiftyone.labels.media_path
    with asking(READING):
        samples = list(work.fiftyone.samples.find({FRAME_BOX: {"$type": "array"}}, {path: 1, FRAME: 1, FRAME_BOX: 1}))
    schema = {"annotation_id": pl.String(), "sample_id": pl.String(), "old": pl.List(pl.Float64)}
    schema["old_frame"] = pl.String()
    there = pl.DataFrame(
        [(str(each.get(path)), str(each["_id"]), each[FRAME_BOX], each.get(FRAME)) for each in samples],
        schema=schema,
        orient="row",
    )
    rows = work.source.every({FRAME_COLUMN, BOX_COLUMN}).select("annotation_id", FRAME_COLUMN, BOX_COLUMN)
    both = rows.drop_nulls().join(there, on="annotation_id")
    other_frame = normal(pl.col(FRAME_COLUMN)) != normal(pl.col("old_frame"))
    return both.filter((pl.col(BOX_COLUMN) != pl.col("old")) | other_frame)


def _operation(row: dict[str, Any]) -> UpdateOne:
    """Another crop for the sample, if it is still the one that was looked at."""
    metadata = {"_cls": "ImageMetadata"} | {name: row[name] for name in METADATA if row[name] is not None}
    seen = {"_id": ObjectId(row["sample_id"]), FRAME_BOX: row["old"], FRAME: row["old_frame"]}
    sets = {"filepath": row["path"], "metadata": metadata, FRAME: row[FRAME], FRAME_BOX: row[FRAME_BOX]}
    return UpdateOne(seen, {"$set": sets} | BUMP)
