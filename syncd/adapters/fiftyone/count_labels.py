"""How often each label stands in a dataset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pymongo.database import Database

from syncd.adapters.fiftyone.dataset import DatasetInfo
from syncd.adapters.fiftyone.errors import asking


@dataclass(frozen=True)
class LabelCounts:
    """Labels by their text; ``no_text`` counts those that are a date or a number, which FiftyOne cannot load."""

    counts: dict[str, int]
    no_text: int = 0


def count_labels(database: Database[dict[str, Any]], info: DatasetInfo) -> LabelCounts:
    """Labels of the field, counted by the server; those without a label are left out."""
    listed = info.label_type.list_name
    path = f"{info.label_field}.{listed}" if listed else info.label_field
    label = f"${path}.label"
    text = {"$cond": [{"$eq": [{"$type": label}, "string"]}, label, None]}
    stages: list[dict[str, Any]] = [
        *([{"$unwind": f"${path}"}] if listed else []),
        {"$match": {f"{path}.label": {"$ne": None}}},
        {"$group": {"_id": text, "n": {"$sum": 1}}},
    ]
    with asking("Reading from"):
        found = {each["_id"]: int(each["n"]) for each in database[info.collection].aggregate(stages)}
    return LabelCounts({name: count for name, count in found.items() if name is not None}, found.get(None, 0))
