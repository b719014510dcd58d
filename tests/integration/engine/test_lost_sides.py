"""A side that is empty, gone, cut short or made anew: the binding is held, and nothing is taken for deleted."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from bson import ObjectId

from syncd.adapters.fiftyone.dataset import DatasetMissing
from syncd.engine import partitions
from syncd.engine.result import RunResult
from syncd.engine.steps import Step, observed
from trust import many
from worlds import LIST, World, at_step, utc


@pytest.fixture(autouse=True, params=["in parts", "in memory"][: many(1, 2)])
def read(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways in which everything is read: more than memory should hold, and whatever there is."""
    if request.param == "in parts":
        monkeypatch.setattr(partitions, "IN_MEMORY", 0)
        monkeypatch.setattr(partitions, "SIZE", 20)


def state(world: World) -> dict[str, Any]:
    return {
        "rows": world.rows(),
        "log": world.log(),
        "baseline": world.baseline(),
        "conflicts": world.conflicts(),
        "cursors": world.cursors(),
    }


def check_held(world: World, why: str, *, labels: bool = True) -> RunResult:
    """Runs of either kind are held, again and again, and nothing changes."""
    before = state(world), world.labels() if labels else None
    for options in ({}, {"full": True}, {"dry_run": True}):
        result = world.reconcile(**options)
        assert result.exit_code == 4
        assert why in str(result.held)
        assert (state(world), world.labels() if labels else None) == before
    assert [each["status"] for each in world.runs()[-2:]] == ["held", "held"]
    assert why in world.runs()[-1]["held"]
    return result


def test_an_empty_table_removes_no_label(world: World) -> None:
    world.sql("TRUNCATE annotation")
    check_held(world, "the database came back empty")


def test_a_truncated_table_removes_no_label(world: World) -> None:
    world.sql("DELETE FROM annotation WHERE annotation_id IN (SELECT annotation_id FROM annotation LIMIT 20)")
    check_held(world, "20 of 73 annotations are gone from the database")


def test_what_is_put_back_goes_on_as_if_nothing_had_happened(world: World) -> None:
    world.sql("CREATE TABLE kept AS SELECT * FROM annotation")
    world.sql("TRUNCATE annotation")
    check_held(world, "came back empty")
    world.sql("INSERT INTO annotation SELECT * FROM kept")
    result = world.reconcile()
    assert (result.held, result.recorded) == (None, ())
    assert world.disagreements() == {}


def test_a_person_may_release_the_brake(world: World) -> None:
    world.sql("TRUNCATE annotation")
    assert world.reconcile(force=True).to_fiftyone == 73
    assert world.labels() == {}
    assert world.reconcile().recorded == ()


@pytest.mark.parametrize("how", ["cleared", "emptied"])
def test_an_empty_dataset_deletes_no_row(world: World, fiftyone: ModuleType, how: str) -> None:
    if how == "cleared":
        fiftyone.load_dataset(world.dataset).clear()
    else:
        world.samples.delete_many({})
    check_held(world, "FiftyOne came back empty")


def test_a_label_field_that_was_cleared_deletes_no_row(world: World, fiftyone: ModuleType) -> None:
    fiftyone.load_dataset(world.dataset).clear_sample_field("ground_truth")
    check_held(world, "FiftyOne came back empty")


def test_a_dataset_that_lost_many_samples_deletes_no_row(world: World, fiftyone: ModuleType) -> None:
    dataset = fiftyone.load_dataset(world.dataset)
    dataset.delete_samples(dataset.take(20, seed=1).values("id"))
    check_held(world, "annotations are gone from FiftyOne")


def test_a_dropped_dataset_deletes_no_row_and_goes_on_when_it_is_back(world: World, fiftyone: ModuleType) -> None:
    dataset = fiftyone.load_dataset(world.dataset)
    dataset.name = f"{world.dataset}-away"
    check_held(world, "has no dataset", labels=False)
    dataset.name = world.dataset
    assert world.reconcile().recorded == ()
    assert world.disagreements() == {}


def test_a_dataset_dropped_in_the_middle_of_a_run_deletes_no_row(world: World, fiftyone: ModuleType) -> None:
    for row in world.data.rows[:3]:
        world.correct(row.annotation_id, label="Corrected")
    dataset = fiftyone.load_dataset(world.dataset)
    before = world.rows(), world.baseline()
    with observed(at_step(Step.INTENTS_COMMITTED, dataset.delete)):
        result = world.reconcile()
    assert re.search("has no dataset .* rename it back, restore it, or make it anew", str(result.held))
    assert (world.rows(), world.baseline()) == before


def test_a_dataset_that_never_was_is_a_fault_of_the_configuration(world: World) -> None:
    world.sql("TRUNCATE syncd.baseline")
    with pytest.raises(DatasetMissing, match="has no dataset 'nowhere'"):
        world.reconcile(config=world.config(dataset="nowhere"))


def clone_over(world: World, fiftyone: ModuleType) -> None:
    """The same labels under the same name, in another dataset."""
    dataset = fiftyone.load_dataset(world.dataset)
    dataset.clone(f"{world.dataset}-clone", persistent=True)
    dataset.delete()
    fiftyone.load_dataset(f"{world.dataset}-clone").name = world.dataset


def build_anew(world: World, fiftyone: ModuleType) -> None:
    """A dataset made again from the table by the lab's own script: new samples, new labels, the same annotation ids."""
    world.samples.drop()
    document = world.mongo["datasets"].find_one({"name": world.dataset})
    assert document is not None
    world.mongo["datasets"].delete_one({"_id": document["_id"]})
    own = ObjectId()
    world.mongo["datasets"].insert_one(document | {"_id": own, "sample_collection_name": f"samples.{own}"})
    by_image: dict[str, list[dict[str, Any]]] = {}
    for row in world.sql("SELECT * FROM annotation"):
        label = {
            "_id": ObjectId(),
            "_cls": "Detection",
            "annotation_id": str(row["annotation_id"]),
            "label": row["label"],
            "bounding_box": [row[name] for name in "xywh"],
            "verified": row["verified"],
            "depth": None if row["depth_m"] is None else float(row["depth_m"]),
        }
        by_image.setdefault(row["media_uri"], []).append({k: v for k, v in label.items() if v is not None})
    world.samples.insert_many(
        {
            "_id": ObjectId(),
            "filepath": image,
            "last_modified_at": utc(),
            "_dataset_id": own,
            "ground_truth": {"_cls": "Detections", "detections": labels},
        }
        for image, labels in by_image.items()
    )


@pytest.mark.parametrize("remake", [clone_over, build_anew])
def test_a_dataset_made_anew_waits_for_a_person_who_may_adopt_it(
    world: World, fiftyone: ModuleType, remake: Callable[[World, ModuleType], None]
) -> None:
    remake(world, fiftyone)
    rows = world.rows()
    check_held(world, "made anew under its name")
    adopted = world.reconcile(force=True)
    assert (adopted.held, adopted.opened, adopted.to_database, adopted.to_fiftyone) == (None, 0, 0, 0)
    assert world.rows() == rows
    assert world.disagreements() == {}
    one, other = (row.annotation_id for row in world.data.rows[:2])
    world.review(one, label="Reviewed")
    world.correct(other, label="Corrected")
    after = world.reconcile()
    assert (after.mode, after.to_database, after.to_fiftyone) == ("incremental", 1, 1)


def test_a_rebuilt_dataset_that_is_empty_so_far_waits_too(world: World, fiftyone: ModuleType) -> None:
    build_anew(world, fiftyone)
    world.samples.update_many({}, {"$set": {LIST: []}})
    check_held(world, "made anew under its name")


def test_a_dataset_reverted_to_older_labels_waits(world: World) -> None:
    for row in world.data.rows[:20]:
        world.review(row.annotation_id, label=f"Old {row.label}")
    check_held(world, "more than max_change_fraction")


def test_one_class_that_swallows_others_waits(world: World) -> None:
    for row in world.data.rows[:12]:
        world.review(row.annotation_id, label="Noise")
    check_held(world, "would become 'Noise'")
