"""Samples that leave the dataset and come back: no row goes with them, and no object gets a second one."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from integration.engine.answers import answer
from syncd.demo.lab import LABEL_FIELD
from syncd.diff.resolution.answer import Take
from syncd.model import Side
from worlds import NO_BRAKES, World

DELETES = {"brakes": NO_BRAKES, "policy": {"on_fiftyone_delete": "delete"}}
pytestmark = pytest.mark.parametrize("world", [DELETES], indirect=True)


class Sample:
    """A sample of the world with its labels' documents; it can be deleted and added again."""

    def __init__(self, fiftyone: ModuleType, world: World) -> None:
        self.fiftyone, self.world = fiftyone, world
        self.dataset = fiftyone.load_dataset(world.dataset)
        images = [row.image for row in world.data.rows]
        self.image = next(image for image in images if images.count(image) > 1)
        self.ids = {row.annotation_id for row in world.data.rows if row.image == self.image}
        self.labels = [each.to_dict() for each in self.dataset[str(self.image)][LABEL_FIELD].detections]

    def leave(self) -> None:
        self.dataset.delete_samples([self.dataset[str(self.image)].id])

    def come_back(self, *without: str, **values: Any) -> None:
        """Imported anew: other ids of FiftyOne's own, and the labels without these attributes (all: no labels)."""
        labels = [
            self.fiftyone.Detection(
                **{
                    name: value
                    for name, value in (each | values).items()
                    if name not in ("_id", "_cls", "tags", "attributes", *without)
                }
            )
            for each in self.labels
            if "all" not in without
        ]
        sample = self.fiftyone.Sample(filepath=str(self.image))
        sample[LABEL_FIELD] = self.fiftyone.Detections(detections=labels)
        self.dataset.add_samples([sample], progress=False)


@pytest.fixture
def sample(fiftyone: ModuleType, world: World) -> Sample:
    return Sample(fiftyone, world)


def settled(world: World) -> None:
    """Polls and complete runs find nothing more to do."""
    for full in (False, True, False):
        assert world.reconcile(full=full).recorded == ()


def test_no_row_goes_with_a_sample_and_its_labels_come_back_with_it(sample: Sample, world: World) -> None:
    rows, labels = world.rows(), world.labels()
    sample.leave()
    for full in (False, True, False):
        assert world.reconcile(full=full).recorded == ()
    assert (world.rows(), world.conflicts()) == (rows, [])
    one = min(sample.ids)
    world.correct(one, label="Corrected")
    assert world.reconcile().as_json()["not_ingested"] >= 1
    sample.come_back("all")
    world.reconcile(full=True)
    assert world.labels() == labels | {one: labels[one] | {"label": "Corrected"}}
    assert {each["reason"] for each in world.log("applied")} == {"restored"}
    settled(world)
    assert (world.disagreements(), world.conflicts()) == ({}, [])


@pytest.mark.parametrize("between", [True, False], ids=["after a run", "between two runs"])
def test_labels_that_come_back_under_their_ids_are_followed_with_their_edits(
    sample: Sample, world: World, between: bool
) -> None:
    rows = world.rows()
    sample.leave()
    if between:
        world.reconcile()
    sample.come_back(label="Typed elsewhere")
    world.reconcile()
    assert world.rows() == {
        name: row | {"label": "Typed elsewhere"} if name in sample.ids else row for name, row in rows.items()
    }
    settled(world)
    assert (world.disagreements(), world.conflicts()) == ({}, [])


@pytest.mark.parametrize("between", [True, False], ids=["after a run", "between two runs"])
@pytest.mark.parametrize("label", [None, "Typed elsewhere"])
def test_labels_imported_anew_without_their_ids_get_no_second_row(
    sample: Sample, world: World, between: bool, label: str | None
) -> None:
    rows = world.rows()
    sample.leave()
    if between:
        world.reconcile()
    sample.come_back("annotation_id", **({} if label is None else {"label": label}))
    for full in (False, True, False):
        assert world.reconcile(full=full).recorded == ()
        assert world.rows() == rows
        asked = {each["annotation_id"]: each["kind"] for each in world.conflicts()}
        assert asked == dict.fromkeys(sample.ids, "replaced")
    done = answer(world, Take(Side.FIFTYONE))
    assert {each.status for each in done.outcomes} == {"resolved"}
    assert sample.ids <= world.labels().keys()


def test_a_label_that_is_deleted_from_a_sample_that_stays_takes_its_row_with_it(sample: Sample, world: World) -> None:
    one = min(sample.ids)
    world.erase(one)
    assert world.reconcile().to_database == 1
    assert one not in world.rows()
