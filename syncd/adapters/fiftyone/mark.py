"""syncd's mark on a dataset: how far the change log had come, kept where a restored database cannot take it back.

It stands in the dataset's own ``info``, under ``syncd``, beside what else is kept there; no sample is touched by it.
"""

from __future__ import annotations

from typing import Any

from bson import ObjectId
from pymongo.database import Database

from syncd.model import Mark


def marks_in(document: dict[str, Any]) -> dict[str, Mark]:
    """{binding: its mark} in a dataset's document. One that was copied with another dataset's ``info`` is none."""
    found = ((document.get("info") or {}).get("syncd") or {}).get("marks") or []
    own = [each for each in found if each.get("dataset") == str(document["_id"])]
    return {each["binding"]: Mark(each["first"], each["run"], int(each["seq"]), each["hash"]) for each in own}


def leave_mark(database: Database[dict[str, Any]], dataset_id: str, binding: str, mark: Mark) -> None:
    """Replaces the binding's mark. An ``info["syncd"]`` that is somebody else's is left as it is."""
    made = {
        "binding": binding,
        "dataset": dataset_id,
        "first": mark.first,
        "run": mark.run,
        "seq": mark.seq,
        "hash": mark.hash,
    }
    others = {
        "$filter": {
            "input": {"$ifNull": ["$info.syncd.marks", []]},
            "cond": {"$ne": ["$$this.binding", binding]},
        }
    }
    marks = {"marks": {"$concatArrays": [others, [{"$literal": made}]]}}
    ours = {"syncd": {"$mergeObjects": ["$info.syncd", marks]}}
    usable = {"$or": [{"info.syncd": None}, {"info.syncd": {"$type": "object"}}]}
    database["datasets"].update_one(
        {"_id": ObjectId(dataset_id), **usable}, [{"$set": {"info": {"$mergeObjects": ["$info", ours]}}}]
    )
