"""Edits made by hand in the App are logged under their author, and what a window re-sends is no edit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app_server import stamp_of
from app_window import open_window
from served_app import ServedApp
from syncd.demo.lab import LABEL_FIELD
from worlds import World

ADA, BEN = {"X-Forwarded-User": "ada"}, {"X-Forwarded-User": "ben"}


@pytest.fixture(scope="module")
def images(shared_world: World) -> list[list[str]]:
    """The annotation ids of each image that has several."""
    by_image: dict[Any, list[str]] = {}
    for row in shared_world.data.rows:
        by_image.setdefault(row.image, []).append(row.annotation_id)
    return [ids for ids in by_image.values() if len(ids) > 1]


def settled(world: World) -> None:
    while (last := world.reconcile(full=True)).recorded:
        assert len(world.runs()) < 100, "it never comes to rest"
    assert last.held is None


def actors(world: World, annotation_id: str) -> dict[str | None, str | None]:
    """Who edited an annotation's fields in FiftyOne, by the log."""
    logged = [each for each in world.log("applied") if each["annotation_id"] == annotation_id]
    return {each["field"]: each["actor"] for each in logged if each["direction"] == "to_database"}


def test_an_edit_by_hand_is_logged_under_its_author(
    app: ServedApp, shared_world: World, images: list[list[str]]
) -> None:
    world, (first, second, third) = shared_world, next(each for each in images if len(each) > 2)[:3]
    open_window(replace(app, headers=ADA), world, first).change(first, label="Typed by Ada")
    open_window(replace(app, headers=BEN), world, second).change(second, label="Typed by Ben")
    world.review(third, label="Typed in a notebook")
    settled(world)
    assert actors(world, first) == {"label": "ada"}
    assert actors(world, second) == {"label": "ben"}
    assert actors(world, third) == {"label": "fiftyone"}
    assert world.rows()[first]["label"] == "Typed by Ada"
    row = world.sql("SELECT updated_by FROM annotation WHERE annotation_id = :id", id=first)
    assert row == [{"updated_by": "ada"}]


def test_what_was_changed_again_by_other_means_is_not_theirs(
    app: ServedApp, shared_world: World, images: list[list[str]]
) -> None:
    world, name = shared_world, images[1][0]
    open_window(replace(app, headers=ADA), world, name).change(name, label="Typed by Ada")
    world.review(name, label="Typed in a notebook")
    settled(world)
    assert actors(world, name) == {"label": "fiftyone"}


def test_an_edit_of_one_label_by_its_id_names_its_author(
    app: ServedApp, shared_world: World, images: list[list[str]]
) -> None:
    world, name = shared_world, images[2][0]
    sample, label = world.place(name)
    dataset = world.mongo["datasets"].find_one({"name": world.dataset})
    document = world.samples.find_one({"_id": sample})
    assert dataset is not None
    change = [{"op": "replace", "path": "/label", "value": "Patched"}]
    path = f"{LABEL_FIELD}.detections"
    answer = replace(app, headers=BEN).patch_label(dataset["_id"], sample, path, label, change, stamp_of(document))
    assert answer.status == 200, answer
    settled(world)
    assert actors(world, name) == {"label": "ben"}


def test_what_a_refused_edit_meant_is_remembered_for_nobody(
    app: ServedApp, shared_world: World, images: list[list[str]]
) -> None:
    world, name = shared_world, images[3][0]
    sample, _ = world.place(name)
    dataset = world.mongo["datasets"].find_one({"name": world.dataset})
    assert dataset is not None
    before = world.sql("SELECT count(*) FROM syncd.app_edit")
    change = [{"op": "replace", "path": f"/{LABEL_FIELD}/detections/0/label", "value": "Refused"}]
    answer = replace(app, headers=ADA).patch(dataset["_id"], sample, change, '"2001-01-01T00:00:00.000"')
    assert answer.status == 412
    assert world.sql("SELECT count(*) FROM syncd.app_edit") == before


def test_in_a_stale_window_each_correction_stands_and_each_own_edit_goes_through(
    app: ServedApp, shared_world: World, images: list[list[str]]
) -> None:
    """Without the layer the second time becomes a conflict, because it might have been meant."""
    world, (mine, theirs) = shared_world, images[4][:2]
    window = open_window(replace(app, headers=ADA), world, mine)
    old = world.labels()[theirs]["label"]
    world.correct(theirs, label="Corrected", depth_m=9.5)
    world.reconcile()
    for turn in ("first", "second", "third"):
        window.change(mine, label=f"Typed {turn}")
        assert world.labels()[theirs]["label"] == old, "the replay puts the old value back, as the App does"
        assert window.statuses[0] == 412
        settled(world)
        assert (world.labels()[theirs]["label"], world.labels()[theirs]["depth"]) == ("Corrected", 9.5)
        assert (world.rows()[theirs]["label"], world.rows()[theirs]["depth"]) == ("Corrected", 9.5)
        assert world.rows()[mine]["label"] == f"Typed {turn}"
        assert [each for each in world.conflicts() if each["annotation_id"] in (mine, theirs)] == []
    assert actors(world, mine) == {"label": "ada"}
    assert actors(world, theirs) == {}


def test_a_person_who_puts_the_old_value_back_is_taken_at_their_word(
    app: ServedApp, shared_world: World, images: list[list[str]]
) -> None:
    """Also beside another edit in the same sample, which would look like a window's doing."""
    world, (mine, theirs) = shared_world, images[5][:2]
    old = world.labels()[theirs]["label"]
    world.correct(theirs, label="Corrected")
    world.reconcile()
    window = open_window(replace(app, headers=BEN), world, mine)
    window.change(theirs, label=old)
    window.change(mine, label="Typed beside it")
    settled(world)
    assert world.rows()[theirs]["label"] == old
    assert actors(world, theirs) == {"label": "ben"}
    assert [each for each in world.conflicts() if each["annotation_id"] == theirs] == []
