"""Who FiftyOne itself says touched a sample last, where it knows: its temporal tags bear a user.

Open-source FiftyOne knows nobody otherwise; a sample's own ``last_modified_by`` is read with its labels.
"""

from __future__ import annotations

from typing import Any

import polars as pl
from bson import ObjectId
from pymongo.database import Database

from syncd.adapters.fiftyone.compat import STAMP

TAGS = "tags"
"""FiftyOne's collection of temporal tags, made when the first one is (fiftyone/core/tags.py, 1.22)."""


def with_users(database: Database[dict[str, Any]], dataset_id: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Fills the ``user`` of a snapshot's rows from the newest temporal tag of their sample."""
    if rows.is_empty() or not ObjectId.is_valid(dataset_id):
        return rows
    ours: dict[str, Any] = {"_dataset_id": ObjectId(dataset_id), "kind": "temporal"}
    if database[TAGS].find_one(ours, {"_id": 1}) is None:
        return rows
    by = {"$ifNull": ["$last_modified_by", "$created_by"]}
    newest = database[TAGS].aggregate(
        [
            {"$match": ours},
            {"$project": {"_sample_id": 1, "at": f"${STAMP}", "by": by}},
            {"$match": {"by": {"$type": "string"}}},
            {"$sort": {"at": 1, "_id": 1}},
            {"$group": {"_id": "$_sample_id", "by": {"$last": "$by"}}},
        ]
    )
    known = [(str(each["_id"]), each["by"]) for each in newest]
    users = pl.DataFrame(known, schema={"sample_id": pl.String(), "by": pl.String()}, orient="row")
    joined = rows.join(users, on="sample_id", how="left", maintain_order="left")
    return joined.with_columns(pl.coalesce("user", "by").alias("user")).drop("by")
