"""Notebooks that save what they loaded long ago, copies that carry ids with them, and bulk calls that commit late.

FiftyOne's SDK saves a loaded sample by list position and a whole list where it grew; clones and merges
duplicate or drop annotation ids; a bulk call stamps its samples with the time at which it began ("Stamps and
commits" in docs/fiftyone-facts.md).
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import trust
from integration.engine.answers import take_back
from syncd.demo.lab import LABEL_FIELD
from trust import tried
from worlds import LIST, NO_BRAKES, World, utc

ASKS = {"brakes": NO_BRAKES}


class Notebook:
    """An image with several labels, as a notebook loaded it: ``ids`` are its annotations in the list's order."""

    def __init__(self, fiftyone: ModuleType, world: World) -> None:
        images = [row.image for row in world.data.rows]
        self.fiftyone, self.world = fiftyone, world
        self.image: Path = next(image for image in images if images.count(image) > 2)
        self.ids = [row.annotation_id for row in world.data.rows if row.image == self.image]
        self.dataset = fiftyone.load_dataset(world.dataset)
        self.sample = self.dataset[str(self.image)]
        self.labels: list[Any] = self.sample[LABEL_FIELD].detections

    def view(self) -> Any:
        return self.dataset.select([self.sample.id])


@pytest.fixture
def notebook(fiftyone: ModuleType, world: World) -> Notebook:
    return Notebook(fiftyone, world)


def settled(world: World) -> None:
    """syncd runs until there is nothing more to do; a complete run finds nothing either."""
    while (last := world.reconcile(full=True)).recorded:
        assert len(world.runs()) < 20, "it never comes to rest"
    assert last.held is None


def kinds(world: World) -> set[tuple[str, str]]:
    return {(each["kind"], each["annotation_id"]) for each in world.conflicts()}


# What was loaded before syncd wrote


def test_a_stale_samples_edit_of_one_label_leaves_the_others_corrections(notebook: Notebook, world: World) -> None:
    mine, theirs, *_ = notebook.ids
    world.correct(theirs, label="Corrected")
    world.correct(mine, depth_m=9.5)
    world.reconcile()
    notebook.labels[0].label = "Typed"
    notebook.sample.save()
    settled(world)
    assert (world.rows()[mine]["label"], world.rows()[mine]["depth"]) == ("Typed", 9.5)
    assert world.rows()[theirs]["label"] == "Corrected"
    assert (world.disagreements(), world.conflicts()) == ({}, [])
    tried("edits", 3)


@pytest.mark.parametrize("world", [ASKS], indirect=True)
def test_a_list_that_a_stale_notebook_rewrote_takes_back_no_correction(notebook: Notebook, world: World) -> None:
    theirs, gone, *_ = notebook.ids
    old = world.labels()[theirs]["label"]
    world.correct(theirs, label="Corrected")
    added = world.add_row(notebook.image, "Added")
    world.reconcile()
    box = [0.2, 0.2, 0.1, 0.1]
    notebook.labels.append(notebook.fiftyone.Detection(label="Drawn", bounding_box=box))
    notebook.labels.pop(1)
    notebook.sample.save()
    assert world.labels()[theirs]["label"] == old, "the whole list was written, as the notebook had it"
    assert added not in world.labels()
    settled(world)
    assert world.labels()[theirs]["label"] == world.rows()[theirs]["label"] == "Corrected"
    assert world.labels()[added]["label"] == world.rows()[added]["label"] == "Added"
    assert [each["box"] for each in world.rows().values() if each["label"] == "Drawn"] == [box]
    assert kinds(world) == {("deleted_in_fiftyone", gone)}
    assert gone in world.rows()
    tried("edits", 4)


@pytest.mark.skipif(not trust.FULL, reason="make trust")
def test_values_read_before_and_set_after_a_correction_do_not_take_it_back(notebook: Notebook, world: World) -> None:
    mine, theirs, *_ = notebook.ids
    view = notebook.view()
    (labels,) = view.values(f"{LIST}.label")
    world.correct(theirs, label="Corrected")
    world.reconcile()
    for turn in ("first", "second"):
        view.set_values(f"{LIST}.label", [[f"Typed {turn}", *labels[1:]]], progress=False)
        settled(world)
        assert world.rows()[theirs]["label"] == "Corrected"
        assert world.rows()[mine]["label"] == f"Typed {turn}"
    assert kinds(world) == {("stale_revert", theirs)}
    tried("edits", 3)


def test_a_patches_view_saved_without_an_edit_changes_nothing_unasked(notebook: Notebook, world: World) -> None:
    theirs = notebook.ids[0]
    old = world.labels()[theirs]
    patches = notebook.view().to_patches(LABEL_FIELD)
    list(patches)
    world.correct(theirs, label="Corrected", depth_m=9.5)
    world.reconcile()
    for each in patches:
        each.save()
    patches.save()
    settled(world)
    assert (world.rows()[theirs]["label"], world.rows()[theirs]["depth"]) == ("Corrected", 9.5)
    assert {(each["kind"], each["field"]) for each in world.conflicts()} == {
        ("stale_revert", "label"),
        ("stale_revert", "depth"),
    }
    assert (world.labels()[theirs]["label"], world.labels()[theirs]["depth"]) == (old["label"], old["depth"])
    tried("cases")


# What was loaded before syncd removed a label


def test_an_edit_that_fiftyone_puts_on_the_next_label_is_logged_as_that_labels_and_can_be_taken_back(
    notebook: Notebook, world: World
) -> None:
    """Where a promise ends: FiftyOne saves by list position, so that syncd sees a sound edit of another label."""
    removed, meant, hit = notebook.ids[:3]
    before = world.rows()
    world.remove_row(removed)
    world.reconcile()
    notebook.labels[1].label = "Typed"
    notebook.sample.save()
    settled(world)
    assert world.rows()[meant] == before[meant]
    assert (world.labels()[hit]["label"], world.rows()[hit]["label"]) == ("Typed", "Typed")
    entry = world.log("applied")[-1]
    assert (entry["annotation_id"], entry["old"], entry["new"]) == (hit, before[hit]["label"], "Typed")
    take_back(world, seq=entry["seq"])
    settled(world)
    assert world.rows() == {each: row for each, row in before.items() if each != removed}
    assert world.disagreements() == {}
    tried("cases")


@pytest.mark.parametrize("world", [{"policy": {"on_database_delete": "quarantine"}}], indirect=True)
def test_where_syncd_removes_no_label_unasked_no_stale_edit_lands_on_another(notebook: Notebook, world: World) -> None:
    removed, meant, hit = notebook.ids[:3]
    before = world.rows()
    world.remove_row(removed)
    world.reconcile()
    notebook.labels[1].label = "Typed"
    notebook.sample.save()
    settled(world)
    assert kinds(world) == {("deleted_in_database", removed)}
    assert (world.rows()[meant]["label"], world.rows()[hit]) == ("Typed", before[hit])
    tried("edits")


def test_an_edit_beyond_the_end_of_a_list_that_became_shorter_makes_no_annotation(
    notebook: Notebook, world: World
) -> None:
    rows = world.rows()
    world.remove_row(notebook.ids[0])
    world.reconcile()
    last = len(notebook.ids) - 1
    notebook.labels[last].label = "Typed"
    notebook.sample.save()
    headless = world.raw_labels()
    assert {"label": "Typed"}.items() <= next(each for each in headless if "_id" not in each).items()
    settled(world)
    assert world.rows() == {each: row for each, row in rows.items() if each != notebook.ids[0]}
    (conflict,) = world.conflicts()
    assert conflict["kind"] == "unaddressable"
    assert conflict["fiftyone"]["label"] == "Typed"
    tried("edits")


# Copies that carry ids with them


def test_a_clone_of_the_dataset_and_of_the_field_concern_nobody(notebook: Notebook, world: World) -> None:
    mine = notebook.ids[0]
    copy = notebook.dataset.clone()
    notebook.dataset.clone_sample_field(LABEL_FIELD, "copied")
    for one in (copy, notebook.dataset):
        sample = one[str(notebook.image)]
        sample["copied" if one is notebook.dataset else LABEL_FIELD].detections[0].label = "Typed in a copy"
        sample.save()
    world.correct(mine, label="Corrected")
    settled(world)
    assert world.labels()[mine]["label"] == world.rows()[mine]["label"] == "Corrected"
    assert (world.disagreements(), world.conflicts()) == ({}, [])
    assert "Typed in a copy" not in {row["label"] for row in world.rows().values()}
    tried("cases", 2)


def test_copies_under_known_ids_are_named_and_the_originals_go_on(notebook: Notebook, world: World) -> None:
    """By a copied label in the same list, and by a merge of samples whose labels were copied."""
    copied, merged, *_ = notebook.ids
    rows = world.rows()
    own = notebook.labels[0].copy()
    own.label = "A copy"
    notebook.labels.append(own)
    notebook.sample.save()
    other = notebook.fiftyone.Sample(filepath=str(notebook.image))
    twin = notebook.labels[1].copy()
    twin.label = "A twin"
    other[LABEL_FIELD] = notebook.fiftyone.Detections(detections=[twin])
    notebook.dataset.merge_samples([other], progress=False)
    settled(world)
    assert kinds(world) == {("duplicate_id", copied), ("duplicate_id", merged)}
    assert {each["fiftyone"]["label"] for each in world.conflicts()} == {"A copy", "A twin"}
    assert world.rows() == rows
    for each in (copied, merged):
        world.correct(each, label=f"Corrected {each}")
    settled(world)
    places = {row.annotation_id: str(row.annotation_id) for row in world.data.rows}
    found = {each["label"]: each["annotation_id"] for each in world.raw_labels() if "Corrected" in each["label"]}
    assert found == {f"Corrected {each}": places[each] for each in (copied, merged)}
    assert {"A copy", "A twin"} <= {each["label"] for each in world.raw_labels()}
    tried("cases", 2)


@pytest.mark.parametrize("world", [ASKS], indirect=True)
def test_samples_copied_into_the_dataset_are_named_and_the_originals_go_on(notebook: Notebook, world: World) -> None:
    mine = notebook.ids[0]
    rows = world.rows()
    copies = notebook.view().clone()
    for each in copies:
        each[LABEL_FIELD].detections[0].label = "A copy"
        each.save()
    notebook.dataset.add_collection(copies, new_ids=True)
    notebook.sample.reload()
    notebook.sample[LABEL_FIELD].detections[0].label = "Typed"
    notebook.sample.save()
    settled(world)
    assert kinds(world) == {("duplicate_id", each) for each in notebook.ids}
    assert world.rows() == rows | {mine: rows[mine] | {"label": "Typed"}}
    tried("cases")


def test_a_merge_that_drops_the_ids_makes_no_second_row_of_an_annotation(notebook: Notebook, world: World) -> None:
    """Labels without ids replace those that have them: who is who is for a person to say."""
    rows = world.rows()
    notebook.labels[:] = [
        notebook.fiftyone.Detection(label=each.label, bounding_box=each.bounding_box) for each in notebook.labels
    ]
    notebook.sample.save()
    settled(world)
    assert world.rows() == rows
    assert {each for _, each in kinds(world)} == set(notebook.ids)
    assert {kind for kind, _ in kinds(world)} == {"replaced"}
    tried("cases")


# Bulk calls that commit late


def commit(world: World, ids: list[str], label: str, stamp: Any) -> None:
    for each in ids:
        world.review(each, label=label, stamp=stamp)


@pytest.mark.parametrize("world", [ASKS], indirect=True)
def test_a_bulk_call_that_commits_twenty_seconds_after_its_stamp_is_seen_whole(world: World) -> None:
    """Its writes become visible one after the other, under one stamp, while syncd polls and others go on editing."""
    ids = [row.annotation_id for row in world.data.rows][:40]
    began = utc() - timedelta(seconds=20)
    for start in range(0, 40, 8):
        world.review(ids[-1 - start // 8], depth=None)
        commit(world, ids[start : start + 8], "Relabelled", began)
        assert world.reconcile().mode == "incremental"
    assert {world.rows()[each]["label"] for each in ids} == {"Relabelled"}
    tried("edits", len(ids))


def test_a_second_write_under_the_same_stamp_is_seen_and_a_stamp_that_goes_back_hides_nothing(world: World) -> None:
    one = world.data.rows[0].annotation_id
    began = utc() - timedelta(seconds=20)
    for label, stamp in (
        ("First", began),
        ("Second", began),
        ("Third", utc()),
        ("Fourth", began - timedelta(seconds=30)),
    ):
        commit(world, [one], label, stamp)
        assert world.reconcile().mode == "incremental"
        assert world.rows()[one]["label"] == label
    tried("edits", 4)


def test_a_stamp_from_before_the_overlap_is_found_by_the_sweep(world: World) -> None:
    one = world.data.rows[0].annotation_id
    # In a long run of tests the world may have been made longer ago than the stamp says.
    world.reconcile()
    commit(world, [one], "Typed", utc() - timedelta(minutes=30))
    world.reconcile()
    assert world.rows()[one]["label"] != "Typed"
    world.reconcile(full=True)
    assert world.rows()[one]["label"] == "Typed"
    tried("edits")
