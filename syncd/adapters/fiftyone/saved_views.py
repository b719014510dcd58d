"""Saved views that select labels by their ids, brought up to date in place; and addresses of saved workspaces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from bson import ObjectId, json_util
from pymongo.database import Database

from syncd.adapters.fiftyone.compat import CLASS, DATASET_KEY, DATASETS, SELECT_LABELS, STAMP
from syncd.adapters.fiftyone.errors import asking

Mongo = Database[dict[str, Any]]


def views_made_by(database: Mongo, dataset_id: str, maker: str) -> dict[str, list[str]]:
    """{name: stages} of a dataset's saved views whose description begins with ``maker``; stages are JSON text."""
    with asking("Reading from"):
        found = list(database["views"].find({DATASET_KEY: ObjectId(dataset_id)}))
    ours = (each for each in found if str(each.get("description") or "").startswith(maker))
    return {str(each["name"]): list(each.get("view_stages") or []) for each in ours}


def with_ids(stages: Sequence[str], label_ids: Sequence[str]) -> list[str] | None:
    """The stages with other labels selected; ``None`` where there is no stage that selects labels by id."""
    found = [json_util.loads(each) for each in stages]
    chosen = next((each for each in found if str(each.get(CLASS)).endswith(SELECT_LABELS)), None)
    if chosen is None:
        return None
    chosen["kwargs"] = [[name, list(label_ids) if name == "ids" else value] for name, value in chosen["kwargs"]]
    return [json_util.dumps(each) for each in found]


def save_stages(database: Mongo, dataset_id: str, stages: Mapping[str, Sequence[str]], maker: str) -> None:
    """Gives these views other stages, as far as they are still there and ``maker``'s."""
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    for name, wanted in stages.items():
        ours = {DATASET_KEY: ObjectId(dataset_id), "name": name, "description": {"$regex": f"^{maker}"}}
        with asking("Writing to"):
            database["views"].update_one(ours, {"$set": {"view_stages": list(wanted), STAMP: now}})


def address_workspace(database: Mongo, dataset_id: str, workspace: str) -> str:
    """Gives a dataset's saved workspace an address of its own, and tells it: what a link has behind ``workspace=``.

    FiftyOne looks a workspace up by its address alone, over all datasets: of two called ``review`` a link to one opens
    whichever was saved first.
    """
    one = {DATASET_KEY: ObjectId(dataset_id), "name": workspace}
    with asking("Reading from"):
        dataset = database[DATASETS].find_one({"_id": ObjectId(dataset_id)}, {"slug": 1}) or {}
    address = f"{workspace}-{dataset.get('slug') or dataset_id}"
    with asking("Writing to"):
        database["workspaces"].update_one(one, {"$set": {"slug": address}})
    return address
