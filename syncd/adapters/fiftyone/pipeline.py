"""The aggregation that turns samples into one flat row per label, on the server.

``odd`` is null, or, of a label with a value of an unexpected type (a label that became a date, text for a number), the
types of its values: they cannot be loaded by FiftyOne itself and must be neither lost nor taken for missing
("Values that break a dataset" in docs/fiftyone-facts.md).
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from bson import ObjectId

from syncd.adapters.fiftyone.compat import STAMP
from syncd.adapters.fiftyone.mapping import LabelMapping, key
from syncd.model import Kind

ALLOWED: dict[Kind, list[str]] = {
    Kind.TEXT: ["string"],
    Kind.INTEGER: ["int", "long"],
    Kind.FLOAT: ["double", "int", "long"],
    Kind.BOOLEAN: ["bool"],
    Kind.DATE: ["date"],
    Kind.TIMESTAMP: ["date"],
    Kind.BOX: ["array"],
}
"""BSON types in which each stored kind may stand; null and missing are always allowed."""

ARROW: dict[Kind, pa.DataType] = {
    Kind.TEXT: pa.string(),
    Kind.INTEGER: pa.int64(),
    Kind.FLOAT: pa.float64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.DATE: pa.timestamp("ms"),
    Kind.TIMESTAMP: pa.timestamp("ms"),
    Kind.BOX: pa.list_(pa.float64()),
}

ID_TYPES = ["string", "int", "long", "objectId"]
NOTHING = ["null", "missing", "undefined"]


def labels(mapping: LabelMapping, match: dict[str, Any]) -> list[dict[str, Any]]:
    """One row per label of the samples that match."""
    label = f"${mapping.path}"
    stages: list[dict[str, Any]] = [{"$match": match}] if match else []
    if mapping.is_list:
        stages.append({"$unwind": {"path": label, "includeArrayIndex": "position"}})
    else:
        stages.append({"$match": {mapping.path: {"$nin": [None]}}})
    identifier = f"{label}.{mapping.id_attribute}"
    project: dict[str, Any] = {
        "_id": 0,
        "sample_id": "$_id",
        "position": 1,
        "label_id": f"{label}._id",
        "annotation_id": {"$convert": {"input": identifier, "to": "string", "onError": None, "onNull": None}},
        "media": {"$convert": {"input": f"${mapping.media_path}", "to": "string", "onError": None, "onNull": None}},
        "edited_at": f"${STAMP}",
        "odd": odd(mapping),
        "tags": f"{label}.tags",
        "sample_tags": "$tags",
        "user": {"$cond": [{"$eq": [{"$type": "$last_modified_by"}, "string"]}, "$last_modified_by", None]},
    }
    if mapping.frame_key is not None:
        frame = f"${mapping.frame_key}"
        project["frame"] = {"$convert": {"input": frame, "to": "string", "onError": None, "onNull": None}}
    if mapping.actor_attribute is not None:
        project["actor"] = f"{label}.{mapping.actor_attribute}"
    project |= {raw_column(name): f"{label}.{key(name)}" for name in mapping.kinds}
    return [*stages, {"$project": project}]


def allowed(mapping: LabelMapping) -> list[list[str]]:
    """The types in which the id, and then each mapped value, may stand; in the order of ``odd``."""
    return [ID_TYPES + NOTHING] + [ALLOWED[kind] + NOTHING for kind in mapping.kinds.values()]


def odd(mapping: LabelMapping) -> dict[str, Any]:
    """The types of the id and of each mapped value, where any of them is not as expected; else null."""
    label = f"${mapping.path}"
    types = [{"$type": f"{label}.{name}"} for name in (mapping.id_attribute, *map(key, mapping.kinds))]
    wrong = [{"$not": [{"$in": [found, known]}]} for found, known in zip(types, allowed(mapping), strict=True)]
    return {"$cond": [{"$or": wrong}, types, None]}


def columns(mapping: LabelMapping) -> dict[str, Any]:
    """The Arrow types of the rows of :func:`labels`."""
    types: dict[str, Any] = {
        "sample_id": ObjectId,
        "position": pa.int64(),
        "label_id": ObjectId,
        "annotation_id": pa.string(),
        "media": pa.string(),
        "edited_at": pa.timestamp("ms"),
        "odd": pa.list_(pa.string()),
        "tags": pa.list_(pa.string()),
        "sample_tags": pa.list_(pa.string()),
        "user": pa.string(),
    }
    if mapping.frame_key is not None:
        types["frame"] = pa.string()
    if mapping.actor_attribute is not None:
        types["actor"] = pa.string()
    return types | {raw_column(name): ARROW[kind] for name, kind in mapping.kinds.items()}


def raw_column(name: str) -> str:
    """Name of a field's raw column in the rows of :func:`labels`."""
    return "raw_" + name
