"""Fields of samples that a table fills: what differs is written, where nobody has changed it since it was looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
import pyarrow as pa
from bson import ObjectId
from pymongo import UpdateOne

from syncd.adapters.fiftyone.adapter import FiftyOneAdapter
from syncd.adapters.fiftyone.compat import BUMP
from syncd.adapters.fiftyone.errors import asking
from syncd.adapters.fiftyone.invalid_text import as_frame
from syncd.adapters.fiftyone.mapping import stored_kind
from syncd.adapters.fiftyone.pipeline import ARROW
from syncd.adapters.fiftyone.values import encode
from syncd.model import Kind, dtype
from syncd.model.canonical import canonical

BATCH = 5_000


def write_sample_values(adapter: FiftyOneAdapter, values: pl.DataFrame, kinds: Mapping[str, Kind]) -> int:
    """Brings samples to these values (``media`` and a column for each field); returns how many samples changed."""
    from pymongoarrow.api import Schema, find_arrow_all

    path, stored = adapter.labels.media_path, {name: stored_kind(kind) for name, kind in kinds.items()}
    shape = {"_id": ObjectId, path: pa.string()} | {name: ARROW[kind] for name, kind in stored.items()}
    with asking("Reading from"):
        table = find_arrow_all(adapter.samples, {}, schema=Schema(shape), allow_invalid=True)
    there = as_frame(table)[0].rename({path: "media"})
    there = there.with_columns(pl.col("_id").ext.storage().bin.encode("hex"))
    wanted = values.with_columns(
        canonical(kind, stored[name], pl.col(name)).cast(dtype(stored[name])).alias(name)
        for name, kind in kinds.items()
    )
    joined = there.join(wanted, on="media", suffix=".new")
    differing = joined.filter(pl.any_horizontal(_differs(name, stored[name]) for name in kinds))
    done = 0
    for part in differing.iter_slices(BATCH):
        operations = [_update(row, stored) for row in part.iter_rows(named=True)]
        with asking("Writing to"):
            done += adapter.samples.bulk_write(operations, ordered=False).modified_count
    return done


def _differs(name: str, stored: Kind) -> pl.Expr:
    old, new = pl.col(name), pl.col(f"{name}.new")
    if stored in (Kind.DATE, Kind.TIMESTAMP):
        old, new = old.cast(pl.Datetime("ms")), new.cast(pl.Datetime("ms"))
    return old.ne_missing(new)


def _update(row: dict[str, Any], stored: Mapping[str, Kind]) -> UpdateOne:
    changed = {name: row[f"{name}.new"] for name in stored if row[name] != row[f"{name}.new"]}
    new = {name: encode(stored[name], stored[name], value) for name, value in changed.items()}
    unchanged = {name: row[name] for name in changed}
    return UpdateOne({"_id": ObjectId(row["_id"])} | unchanged, {"$set": new} | BUMP)
