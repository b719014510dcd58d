"""The actor of an edit, where neither an attribute nor a tag names one: FiftyOne's own user, if it knows one."""

from __future__ import annotations

import os
from datetime import datetime, timezone

import fiftyone as fo
from bson import ObjectId

import servers
from ingest_lab import IngestLab


def edit_first(lab: IngestLab, label: str) -> str:
    """Relabels the first sample's label; returns the sample's id."""
    sample = lab.loaded().first()
    sample["ground_truth"].detections[0].label = label
    sample.save()
    return str(sample.id)


def actors(lab: IngestLab) -> list[str | None]:
    return [row["actor"] for row in lab.sql("SELECT actor FROM syncd.change WHERE reason = 'reviewed' ORDER BY seq")]


def test_the_user_of_a_samples_newest_temporal_tag_is_the_actor(lab: IngestLab) -> None:
    lab.fill(3)
    lab.ingest()
    sample, dataset_id = lab.loaded().first(), str(lab.documents()[0]["_dataset_id"])
    # As FiftyOne's own ``temporal_tags.add`` stores them; that needs a package which FiftyOne does not bring along.
    with servers.mongo_client(lab.mongo_uri) as client:
        client[os.environ["FIFTYONE_DATABASE_NAME"]]["tags"].insert_many(
            {
                "_dataset_id": ObjectId(dataset_id),
                "_sample_id": ObjectId(sample.id),
                "kind": "temporal",
                "index_type": 1,
                "start": start,
                "end": start + 1,
                "tag": "seen",
                "last_modified_by": user,
                "last_modified_at": datetime(2026, 1, 1 + start, tzinfo=timezone.utc),
            }
            for start, user in enumerate(("ann", "ben"))
        )
    edit_first(lab, "Krill")
    assert lab.reconcile().to_database == 1
    assert actors(lab) == ["ben"]
    assert lab.sql("SELECT updated_by FROM annotation WHERE label = 'Krill'") == [{"updated_by": "ben"}]


def test_the_user_that_a_sample_itself_names_is_the_actor(lab: IngestLab) -> None:
    lab.fill(3)
    lab.ingest()
    lab.loaded().add_sample_field("last_modified_by", fo.StringField)
    sample = lab.loaded().first()
    sample["last_modified_by"] = "carl"
    sample.save()
    edit_first(lab, "Krill")
    assert lab.reconcile().to_database == 1
    assert actors(lab) == ["carl"]


def test_without_any_of_them_it_was_somebody_in_fiftyone(lab: IngestLab) -> None:
    lab.fill(1)
    lab.ingest()
    edit_first(lab, "Krill")
    lab.reconcile()
    assert actors(lab) == ["fiftyone"]
