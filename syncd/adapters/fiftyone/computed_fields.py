"""What is computed of the vectors of samples or labels: read as columns beside the labels, written where it differs.

Computed values are nobody's edit and no mapped field: no reconcile compares them. A write moves the sample's stamp, as
every write of FiftyOne's own does, so that an open App window notices it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import polars as pl
import pyarrow as pa
from bson import ObjectId
from pymongo import UpdateOne
from pymongo.collection import Collection

from syncd.adapters.fiftyone.bulk_write import BATCH, Operation, send
from syncd.adapters.fiftyone.compat import BUMP
from syncd.adapters.fiftyone.errors import asking
from syncd.adapters.fiftyone.invalid_text import as_frame
from syncd.model import LabelType

Documents = Collection[dict[str, Any]]

READING, WRITING = "Reading from", "Writing to"


class Of(str, Enum):
    """What a vector shows."""

    SAMPLES = "samples"
    PATCHES = "patches"


@dataclass(frozen=True)
class Bearers:
    """Those whose vectors they are: samples by sample id, or the labels of a list field by label id."""

    label_field: str
    label_type: LabelType
    id_attribute: str
    of: Of

    @property
    def labels(self) -> str:
        """The path of the label, or of the list of labels."""
        name = self.label_type.list_name
        return f"{self.label_field}.{name}" if name else self.label_field

    @property
    def patches_field(self) -> str | None:
        """The field whose labels bear the vectors, as FiftyOne is told of it; ``None`` where samples do."""
        return self.label_field if self.of is Of.PATCHES else None

    def path(self, name: str) -> str:
        """Where a computed value of this name stands."""
        return f"{self.labels}.{name}" if self.of is Of.PATCHES else name


def read_bearers(
    samples: Documents, bearers: Bearers, computed: Mapping[str, pa.DataType] | None = None
) -> pl.DataFrame:
    """``key``, ``sample_id``, ``annotation_id``, ``label`` and the computed values of these names and types, of all.

    Of samples with a list of labels ``label`` is that of the only one; where there are several, it is null, as it is
    for what is no text.
    """
    from pymongoarrow.api import Schema, aggregate_arrow_all

    wanted = dict(computed or {})
    by_label = bearers.of is Of.PATCHES
    label, identity = _label_of(bearers, "label"), _label_of(bearers, bearers.id_attribute)
    project: dict[str, Any] = {
        "_id": 0,
        "key": f"${bearers.labels}._id" if by_label else "$_id",
        "sample_id": "$_id",
        "label": {"$cond": [{"$eq": [{"$type": label}, "string"]}, label, None]},
        "annotation_id": {"$convert": {"input": identity, "to": "string", "onError": None, "onNull": None}},
    }
    project |= {name: f"${bearers.path(name)}" for name in wanted}
    types: dict[str, Any] = {"key": ObjectId, "sample_id": ObjectId, "label": pa.string(), "annotation_id": pa.string()}
    stages = [{"$unwind": f"${bearers.labels}"}] if by_label else []
    with asking(READING):
        table = aggregate_arrow_all(
            samples, [*stages, {"$project": project}], schema=Schema(types | wanted), allow_invalid=True
        )
    return (
        as_frame(table)[0]
        .filter(pl.col("key").is_not_null())
        .with_columns(pl.col("key", "sample_id").ext.storage().bin.encode("hex"))
    )


def highest(
    samples: Documents, bearers: Bearers, score: str, suggestion: str, *, least: float, limit: int, offset: int = 0
) -> tuple[int, list[dict[str, Any]]]:
    """Labels by a computed score, the highest first: how many have ``least`` or more, and one page of them.

    Rows have ``sample_id``, ``label_id``, ``annotation_id``, ``label``, ``score`` and ``suggestion``, a computed value
    too. A label that equals its suggestion is left out.
    """
    enough = {"$match": {bearers.path(score): {"$gte": least}}}
    listed: list[dict[str, Any]] = [{"$unwind": f"${bearers.labels}"}, enough] if bearers.of is Of.PATCHES else []
    project: dict[str, Any] = {
        "_id": 0,
        "sample_id": {"$toString": "$_id"},
        "label_id": {"$toString": _label_of(bearers, "_id")},
        "annotation_id": {
            "$convert": {"input": _label_of(bearers, bearers.id_attribute), "to": "string", "onError": None}
        },
        "label": _label_of(bearers, "label"),
        "score": f"${bearers.path(score)}",
        "suggestion": f"${bearers.path(suggestion)}",
    }
    page: list[dict[str, Any]] = [
        {"$sort": {"score": -1, "sample_id": 1, "label_id": 1}},
        {"$skip": offset},
        {"$limit": limit},
    ]
    differs = {"$match": {"$expr": {"$ne": ["$label", "$suggestion"]}}}
    stages: list[dict[str, Any]] = [enough, *listed, {"$project": project}, differs]
    with asking(READING):
        (found,) = samples.aggregate(
            [*stages, {"$facet": {"rows": page, "total": [{"$count": "count"}]}}], allowDiskUse=True
        )
    return sum(each["count"] for each in found["total"]), list(found["rows"])


def _label_of(bearers: Bearers, name: str) -> Any:
    """What a label has under a name, as an expression; of several labels nothing."""
    value = f"${bearers.labels}.{name}"
    if bearers.of is Of.PATCHES or bearers.label_type.list_name is None:
        return value
    listed = {"$ifNull": [f"${bearers.labels}", []]}
    return {"$cond": [{"$eq": [{"$size": listed}, 1]}, {"$arrayElemAt": [value, 0]}, None]}


def write_computed(
    samples: Documents,
    bearers: Bearers,
    keys: Sequence[str],
    sample_ids: Sequence[str],
    values: Mapping[str, Sequence[Any]],
) -> None:
    """Sets the computed values of each of these bearers; ``None`` takes a value away.

    A bearer that is gone is passed over. ``values``: by name, one for each key.
    """
    names = list(values)
    columns = zip(*values.values(), strict=True)
    rows = (
        (key, sample, dict(zip(names, row, strict=True)))
        for key, sample, row in zip(keys, sample_ids, columns, strict=True)
    )
    with asking(WRITING):
        for batch in _batches(rows, BATCH):
            send(samples, [_operation(bearers, *row) for row in batch])


def _operation(bearers: Bearers, key: str, sample: str, values: Mapping[str, Any]) -> Operation:
    chosen: dict[str, Any] = {"_id": ObjectId(sample)}
    if bearers.of is Of.SAMPLES:
        return Operation(sample, UpdateOne(chosen, {"$set": dict(values)} | BUMP))
    label = ObjectId(key)
    root = f"{bearers.labels}.$[label]"
    # What is missing stays missing: a null would be a value of its own to FiftyOne's schema of labels.
    given = {f"{root}.{name}": value for name, value in values.items() if value is not None}
    absent = {f"{root}.{name}": "" for name, value in values.items() if value is None}
    update = BUMP | ({"$set": given} if given else {}) | ({"$unset": absent} if absent else {})
    chosen[f"{bearers.labels}._id"] = label
    return Operation(sample, UpdateOne(chosen, update, array_filters=[{"label._id": label}]))


def _batches(rows: Iterable[Any], size: int) -> Iterator[list[Any]]:
    batch: list[Any] = []
    for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
