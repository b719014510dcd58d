"""Lists of labels to append to, and the stamp that every write to a sample moves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne

from syncd.adapters.fiftyone.compat import BUMP
from syncd.adapters.fiftyone.mapping import LabelMapping
from syncd.adapters.fiftyone.send import Operation


def empty_lists(labels: LabelMapping, sample_ids: Iterable[str]) -> Iterator[Operation]:
    """Gives the samples that hold no list yet an empty one to append to; what else the field holds stays."""
    field, path = labels.label_field, labels.path
    container: dict[str, Any] = {"_cls": labels.label_type.value, str(labels.label_type.list_name): []}
    for sample in sorted(set(sample_ids)):
        chosen = {"_id": ObjectId(sample)}
        yield Operation(sample, UpdateOne(chosen | {field: None}, {"$set": {field: container}} | BUMP))
        no_list = chosen | {field: {"$type": "object"}, path: None}
        yield Operation(sample, UpdateOne(no_list, {"$set": {path: []}} | BUMP))
