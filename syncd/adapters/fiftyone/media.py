"""Which files samples refer to, and the change to where these are now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
from bson import ObjectId
from pymongo import UpdateOne
from pymongo.collection import Collection
from pymongo.database import Database

from syncd.adapters.fiftyone.bulk_write import BATCH
from syncd.adapters.fiftyone.compat import BUMP, COLLECTION, DATASETS
from syncd.adapters.fiftyone.dataset import DatasetInfo
from syncd.adapters.fiftyone.errors import asking
from syncd.adapters.fiftyone.invalid_text import as_frame
from syncd.errors import MappingError

FILEPATH = "filepath"

Documents = Collection[dict[str, Any]]


def paths_under(database: Database[dict[str, Any]], folder: Path) -> frozenset[str]:
    """The file paths below ``folder``, as samples of any dataset spell them; one indexed read per dataset."""
    from pymongoarrow.api import Schema, find_arrow_all

    base = str(folder).rstrip("/")
    # "0" is the character after "/": all that begins with the folder and a slash.
    below = {FILEPATH: {"$gte": base + "/", "$lt": base + "0"}}
    found: set[str] = set()
    with asking("Reading from"):
        for collection in database[DATASETS].distinct(COLLECTION):
            table = find_arrow_all(database[collection], below, schema=Schema({FILEPATH: pa.string()}))
            found.update(as_frame(table)[0][FILEPATH].drop_nulls())
    return frozenset(found)


def sample_media(samples: Documents, uri: str, etag: str) -> pl.DataFrame:
    """Sample id, file path, and S3 URI and ETag from the sample fields of these names, of all samples of a dataset."""
    from pymongoarrow.api import Schema, find_arrow_all

    wanted = {"_id": ObjectId, FILEPATH: pa.string(), uri: pa.string(), etag: pa.string()}
    with asking("Reading from"):
        table = find_arrow_all(samples, {}, schema=Schema(wanted))
    return as_frame(table)[0].select(
        sample_id=pl.col("_id").ext.storage().bin.encode("hex"),
        path=FILEPATH,
        uri=uri,
        etag=etag,
    )


def media_of(samples: Documents, sample_ids: Iterable[str], uri: str) -> dict[str, tuple[str, str | None]]:
    """Of each of these samples, as far as they exist, its file path and what its field ``uri`` holds."""
    wanted = [ObjectId(each) for each in sample_ids if ObjectId.is_valid(each)]
    with asking("Reading from"):
        found = samples.find({"_id": {"$in": wanted}}, {FILEPATH: 1, uri: 1})
        return {str(each["_id"]): (str(each[FILEPATH]), each.get(uri)) for each in found if each.get(FILEPATH)}


def boxes_of(
    samples: Documents, info: DatasetInfo, sample_ids: Iterable[str]
) -> dict[tuple[str, str | None], list[float] | None]:
    """The boxes (left, top, width, height, relative) of all labels of the field in these samples."""
    wanted = [ObjectId(each) for each in sample_ids if ObjectId.is_valid(each)]
    listed = info.label_type.list_name
    path = f"{info.label_field}.{listed}" if listed else info.label_field
    found: dict[tuple[str, str | None], list[float] | None] = {}
    with asking("Reading from"):
        for sample in samples.find({"_id": {"$in": wanted}}, {f"{path}._id": 1, f"{path}.bounding_box": 1}):
            held = sample.get(info.label_field) or {}
            labels = (held.get(listed) if listed else [held]) or []
            for label in labels:
                if isinstance(label, dict) and label.get("_id") is not None:
                    found[str(sample["_id"]), str(label["_id"])] = _box(label.get("bounding_box"))
    return found


def _box(value: object) -> list[float] | None:
    if isinstance(value, list) and len(value) == 4 and all(isinstance(each, (int, float)) for each in value):
        return [float(each) for each in value]
    return None


def declare_text(fiftyone: Any, dataset_name: str, names: Sequence[str]) -> None:
    """Declares sample fields that hold text, as a raw write needs them.

    ``MappingError`` where one is there with another type.
    """
    dataset = fiftyone.load_dataset(dataset_name)
    for name in names:
        found = dataset.get_field(name)
        if found is None:
            dataset.add_sample_field(name, fiftyone.StringField)
        elif type(found) is not fiftyone.StringField:
            raise MappingError(
                f"The sample field {name!r} of {dataset_name!r} is declared as {type(found).__name__}, expected "
                "StringField.",
                remedy="Rename it: `dataset.rename_sample_field`.",
            )


def set_where_path_is(samples: Documents, frame: pl.DataFrame, fields: Mapping[str, str]) -> int:
    """Sets sample fields where a sample still has its ``path``; returns how many samples had.

    ``frame`` has ``sample_id`` and ``path``; ``fields`` says which column goes into which sample field. Every write
    moves the sample's ``last_modified_at``.
    """
    matched = 0
    for start in range(0, frame.height, BATCH):
        operations = [
            UpdateOne(
                {"_id": ObjectId(row["sample_id"]), FILEPATH: row["path"]},
                {"$set": {name: row[column] for name, column in fields.items()}} | BUMP,
            )
            for row in frame[start : start + BATCH].iter_rows(named=True)
        ]
        with asking("Writing to"):
            matched += samples.bulk_write(operations, ordered=False).matched_count
    return matched
