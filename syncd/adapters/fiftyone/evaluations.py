"""FiftyOne's evaluations of predictions: which there are, and the note that the App shows beside each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from bson import ObjectId
from pymongo.database import Database

from syncd.adapters.fiftyone.compat import DATASET_KEY, EVALUATION_NOTES
from syncd.adapters.fiftyone.errors import asking

Mongo = Database[dict[str, Any]]


@dataclass(frozen=True)
class StoredEvaluation:
    """An evaluation of predictions against a label field; ``made_at`` is UTC, ``note`` what the App shows beside it."""

    id: str
    key: str
    predictions: str
    made_at: datetime
    note: str | None


def stored_evaluations(database: Mongo, dataset_id: str, label_field: str) -> list[StoredEvaluation]:
    """The evaluations against a label field of a dataset, by key."""
    wanted = {DATASET_KEY: ObjectId(dataset_id), "config.gt_field": label_field}
    with asking("Reading from"):
        found = list(database["runs"].find(wanted, {"key": 1, "timestamp": 1, "config.pred_field": 1}))
        kept = database["execution_store"].find_one(_notes(dataset_id)) if found else None
    notes: Mapping[str, Any] = (kept or {}).get("value") or {}
    rows = [
        StoredEvaluation(
            id=str(each["_id"]),
            key=str(each["key"]),
            predictions=str(each["config"].get("pred_field")),
            made_at=each["timestamp"].replace(tzinfo=timezone.utc),
            note=notes.get(str(each["_id"])),
        )
        for each in found
        if isinstance(each.get("timestamp"), datetime)
    ]
    return sorted(rows, key=lambda each: each.key)


def leave_note(database: Mongo, dataset_id: str, evaluation_id: str, note: str) -> None:
    """Has the App show a note beside an evaluation; one that stands there is replaced."""
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    made = {"created_at": now, "expires_at": None, "policy": "persist"}
    with asking("Writing to"):
        database["execution_store"].update_one(
            _notes(dataset_id),
            {"$set": {f"value.{evaluation_id}": note, "updated_at": now}, "$setOnInsert": made},
            upsert=True,
        )


def _notes(dataset_id: str) -> dict[str, Any]:
    return {"store_name": EVALUATION_NOTES, "key": "notes", "dataset_id": ObjectId(dataset_id)}
