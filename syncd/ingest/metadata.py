"""Computes metadata (width, height, channels, size, type) of samples that were in the dataset and have none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
from pymongo import UpdateOne

from syncd.adapters.fiftyone.adapter import READING, WRITING
from syncd.adapters.fiftyone.compat import BUMP, CLASS, IMAGE_METADATA
from syncd.adapters.fiftyone.errors import asking
from syncd.adapters.fiftyone.samples import METADATA
from syncd.ingest.context import Work

BATCH = 1_000


def fill_metadata(work: Work, located: pl.DataFrame, progress: Callable[[int, int], None], *, dry_run: bool) -> int:
    """Computes what is missing, of samples whose media are ``located`` (``key``, ``location``); returns of how many.

    A medium that cannot be read leaves its sample as it is: that it is gone, or broken, is said elsewhere.
    """
    if work.crops:
        return 0
    path = work.fiftyone.labels.media_path
    with asking(READING):
        found = list(work.fiftyone.samples.find({"metadata": None}, {path: 1}))
    bare = pl.DataFrame(
        {"id": range(len(found)), "key": [str(each.get(path)) for each in found]},
        schema={"id": pl.Int64(), "key": pl.String()},
    ).join(located, on="key")
    if dry_run or bare.is_empty():
        return bare.height
    done = 0
    for part in bare.iter_slices(BATCH):
        fetched = work.media.fetch(part.select("key", "location").unique("key"), lambda _: None)
        known = part.join(fetched.filter(pl.col("fault").is_null()), on="key")
        operations = [
            UpdateOne({"_id": found[row["id"]]["_id"], "metadata": None}, {"$set": {"metadata": _document(row)}} | BUMP)
            for row in known.iter_rows(named=True)
        ]
        if operations:
            with asking(WRITING):
                done += work.fiftyone.samples.bulk_write(operations, ordered=False).modified_count
        progress(done, bare.height)
    return done


def _document(row: dict[str, Any]) -> dict[str, Any]:
    return {CLASS: IMAGE_METADATA} | {name: row[name] for name in METADATA if row[name] is not None}
