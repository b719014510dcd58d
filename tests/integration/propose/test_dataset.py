"""What a dataset that is there already tells of itself."""

from __future__ import annotations

import os
from types import ModuleType

import pytest

import servers
from lab_schemas import make, section
from syncd.model import LabelType
from syncd.propose import Facts, facts_at, propose
from syncd.propose.dataset import read_dataset

TABLE = """
CREATE TABLE annotation (objid bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, image_uri text, label text);
INSERT INTO annotation (image_uri, label) SELECT 's3://lab/' || n || '.png', 'Copepoda' FROM generate_series(1, 5) AS n;
"""


@pytest.fixture
def facts(database_url: str, mongo_uri: str, fiftyone: ModuleType) -> Facts:
    """A table, and a dataset of the same images with labels of its own making."""
    make(database_url, TABLE)
    found = facts_at(database_url, "annotation")
    dataset = fiftyone.Dataset("reviewed", persistent=True)
    label = fiftyone.Detection(label="Copepoda", bounding_box=[0, 0, 1, 1], objid="1")
    dataset.add_samples(
        [
            fiftyone.Sample(
                filepath=f"/cache/{number}.png",
                uri=f"s3://lab/{number}.png",
                plankton=fiftyone.Detections(detections=[label.copy()]),
                quality=fiftyone.Classification(label="good"),
            )
            for number in range(1, 4)
        ],
        dynamic=True,
    )
    with servers.mongo_client(mongo_uri) as client:
        database = client[os.environ["FIFTYONE_DATABASE_NAME"]]
        assert read_dataset(database, "another", found) is None
        told = read_dataset(database, "reviewed", found)
    assert told is not None
    return Facts(found.dialect, found.table, found.others, found.matches, told)


def test_its_fields_are_proposed_rather_than_new_ones(facts: Facts) -> None:
    assert facts.dataset is not None
    types = {each.name: each.type for each in facts.dataset.label_fields}
    assert types == {"plankton": LabelType.DETECTIONS, "quality": LabelType.CLASSIFICATION}
    proposal = propose(facts, "reviewed")
    assert proposal.binding["label_field"] == "plankton"
    assert proposal.binding["annotation_id"] == "objid"
    assert proposal.binding["sample_key"] == "uri"
    assert section(proposal, "columns")["media"] == "image_uri"
    doubts = {each.path: each.doubt for each in proposal.choices}
    assert "quality could be meant" in doubts[("label_field",)]


def test_a_dataset_of_other_images_is_said_to_be_one(facts: Facts) -> None:
    assert facts.dataset is not None
    other = Facts(facts.dialect, facts.table, dataset=type(facts.dataset)("reviewed", facts.dataset.label_fields))
    notes = propose(other, "reviewed").notes
    assert any("No field of the samples of reviewed holds" in each for each in notes)
