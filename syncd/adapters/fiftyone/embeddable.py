"""What can have a vector: samples with their files, or labels with their boxes, read as columns."""

from __future__ import annotations

from typing import Any

import polars as pl
import pyarrow as pa
from bson import ObjectId
from pymongo.collection import Collection

from syncd.adapters.fiftyone.compat import root_dataset_of, shows_patches
from syncd.adapters.fiftyone.computed_fields import Bearers, Of
from syncd.adapters.fiftyone.errors import asking
from syncd.adapters.fiftyone.invalid_text import as_frame
from syncd.errors import ConfigError, MappingError

CHUNK = 10_000
"""Ids per ``$in``: well below MongoDB's 16 MB for one command."""

COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "key": pl.String,
    "sample_id": pl.String,
    "media": pl.String,
    "box": pl.List(pl.Float64),
}


def read_embeddable(
    samples: Collection[dict[str, Any]],
    bearers: Bearers,
    *,
    tag: str | None = None,
    sample_ids: list[str] | None = None,
    label_ids: list[str] | None = None,
) -> pl.DataFrame:
    """``key``, ``sample_id``, ``media`` (where the file is) and ``box`` (relative; null for samples) of all that match.

    ``tag``: of the sample, or of the label. ``sample_ids``, ``label_ids``: these alone; all where they are ``None``.
    """
    chosen = label_ids if label_ids is not None else sample_ids
    path = f"{bearers.labels}._id" if label_ids is not None else "_id"
    if chosen is None:
        return _read(samples, bearers, {}, tag)
    parts = [chosen[start : start + CHUNK] for start in range(0, len(chosen), CHUNK)]
    frames = [_read(samples, bearers, {path: {"$in": [ObjectId(each) for each in part]}}, tag) for part in parts]
    return pl.concat([pl.DataFrame(schema=COLUMNS), *frames]).unique("key", maintain_order=True)


def _read(
    samples: Collection[dict[str, Any]], bearers: Bearers, match: dict[str, Any], tag: str | None
) -> pl.DataFrame:
    from pymongoarrow.api import Schema, aggregate_arrow_all

    stages: list[dict[str, Any]] = [{"$match": match}] if match else []
    label = f"${bearers.labels}"
    tags = [{"tags": tag}]
    project: dict[str, Any] = {"_id": 0, "key": "$_id", "sample_id": "$_id", "media": "$filepath"}
    if bearers.of is Of.PATCHES:
        box = f"{label}.bounding_box"
        # Of another type it is no box; the embedder says so of the label.
        project |= {"key": f"{label}._id", "box": {"$cond": [{"$isArray": box}, box, []]}}
        stages.append({"$unwind": label})
        # Of a sample that has a chosen label only that one is meant.
        stages += [{"$match": match}] if match and "_id" not in match else []
        tags.append({f"{bearers.labels}.tags": tag})
    if tag is not None:
        stages.append({"$match": {"$or": tags}})
    kinds: dict[str, Any] = {"key": ObjectId, "sample_id": ObjectId, "media": pa.string()}
    kinds["box"] = pa.list_(pa.float64())
    with asking("Reading from"):
        table = aggregate_arrow_all(samples, [*stages, {"$project": project}], schema=Schema(kinds), allow_invalid=True)
    return (
        as_frame(table)[0]
        .filter(pl.col("key").is_not_null())
        .with_columns(pl.col("key", "sample_id").ext.storage().bin.encode("hex"))
        .select(*COLUMNS)
    )


def chosen_by(view: Any, dataset: Any, bearers: Bearers) -> tuple[list[str] | None, list[str] | None]:
    """The sample ids, or the label ids, that a view shows; ``view`` may be the name of a saved one.

    ``ConfigError`` where there is no such view; ``MappingError`` where it is of another dataset.
    """
    if isinstance(view, str):
        there = dataset.list_saved_views()
        if view not in there:
            raise ConfigError(
                f"{dataset.name!r} has no saved view {view!r}.",
                remedy=f"It has {', '.join(map(repr, there))}." if there else "Save one in the App first.",
            )
        view = dataset.load_saved_view(view)
    if root_dataset_of(view).name != dataset.name:
        raise MappingError(
            f"The view is of {root_dataset_of(view).name!r}, and the binding of {dataset.name!r}.",
            remedy="Give a view of the binding's dataset.",
        )
    if bearers.of is Of.SAMPLES:
        # Of patches or frames, a view's own ids are not those of samples.
        ids = view.values("sample_id" if shows_patches(view) else "id")
        return list(dict.fromkeys(ids)), None
    labels = view.values(f"{bearers.labels}.id", unwind=True)
    return None, [each for each in labels if each is not None]
