"""An App window that stays open while the database changes undoes no correction of it.

What such a window does is told under "An open App window" in docs/fiftyone-facts.md.
The server tells the window by a 412 that the sample has changed; the App then sends what the window still shows. This
cannot be told from a user's edit by its form. What syncd promises: the database keeps its correction, FiftyOne gets it
back once, and whoever undoes it again finds a conflict that names both values.
"""

from __future__ import annotations

import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image

import trust
from app_page import Annotating
from app_server import AppServer, new_label
from app_window import Window, open_window
from browser import browser
from daemons import until
from syncd.demo.lab import LABEL_FIELD
from trust import tried
from worlds import NO_BRAKES, World

BOX = [0.11, 0.12, 0.21, 0.22]
DELETES = {"brakes": NO_BRAKES, "policy": {"on_fiftyone_delete": "delete"}}


def shared(world: World) -> tuple[Any, list[str]]:
    """An image with several labels, and their annotation ids."""
    images = [row.image for row in world.data.rows]
    image = next(image for image in images if images.count(image) > 2)
    return image, [row.annotation_id for row in world.data.rows if row.image == image]


def settled(world: World) -> None:
    """syncd runs until there is nothing more to do; a complete run finds nothing either."""
    while (last := world.reconcile(full=True)).recorded:
        assert len(world.runs()) < 20, "it never comes to rest"
    assert last.held is None


def marks(world: World, annotation_id: str) -> list[str]:
    """syncd's own tags on a label."""
    (tags,) = [each["tags"] for each in world.raw_labels() if each.get("annotation_id") == annotation_id]
    return [each for each in tags if each.startswith("syncd")]


def refused_and_sent_again(window: Window) -> bool:
    """Whether the window's edit was refused and went through with the window's other old values."""
    return window.statuses[0] == 412 and window.statuses[-1] == 200


def test_an_edit_in_it_leaves_a_correction_of_another_label_standing(app: AppServer, world: World) -> None:
    _, (mine, theirs, *_) = shared(world)
    window = open_window(app, world, mine)
    old = world.labels()[theirs]["label"]
    world.correct(theirs, label="Corrected", depth_m=9.5)
    world.reconcile()
    for turn in ("first", "second"):
        window.change(mine, label=f"Typed {turn}")
        assert world.labels()[theirs]["label"] == old, "the replay puts the old value back, as the App does"
        assert refused_and_sent_again(window)
        settled(world)
        assert (world.rows()[theirs]["label"], world.rows()[theirs]["depth"]) == ("Corrected", 9.5)
        assert world.rows()[mine]["label"] == f"Typed {turn}"
        if turn == "first":
            assert world.conflicts() == []
            assert world.disagreements() == {}
    found = {each["field"]: each for each in world.conflicts()}
    assert {each["kind"] for each in found.values()} == {"stale_revert"}
    assert (found["label"]["fiftyone"], found["label"]["database"]) == (old, "Corrected")
    assert {each["annotation_id"] for each in found.values()} == {theirs}
    assert set(found) == {"label", "depth"}
    # The window takes away the mark too that says so to whoever looks at the label, since it never saw it.
    assert marks(world, theirs)
    window.change(mine, label="Typed third")
    assert not marks(world, theirs)
    settled(world)
    assert marks(world, theirs)
    tried("edits", 2)
    tried("cases")


@pytest.mark.skipif(not trust.FULL, reason="make trust")
def test_two_corrections_while_it_was_open_are_both_known_to_have_been_made(app: AppServer, world: World) -> None:
    _, (mine, theirs, *_) = shared(world)
    window = open_window(app, world, mine)
    for label in ("Corrected", "Corrected again"):
        world.correct(theirs, label=label)
        world.reconcile()
    window.change(mine, bounding_box=BOX)
    settled(world)
    assert world.labels()[theirs]["label"] == world.rows()[theirs]["label"] == "Corrected again"
    assert {(each["kind"], each["annotation_id"]) for each in world.conflicts()} == {("box_changed", mine)}
    tried("cases")


def test_a_box_dragged_in_it_takes_back_the_same_labels_correction_only_if_a_person_says_so(
    app: AppServer, world: World
) -> None:
    """A reviewer may have dragged the box and put the class back: it cannot be told."""
    _, (mine, *_) = shared(world)
    window = open_window(app, world, mine)
    old = world.labels()[mine]["label"]
    world.correct(mine, label="Corrected", x=0.3, y=0.3, w=0.3, h=0.3)
    world.reconcile()
    window.change(mine, bounding_box=BOX)
    assert refused_and_sent_again(window)
    settled(world)
    assert (world.labels()[mine]["label"], world.rows()[mine]["label"]) == (old, "Corrected")
    found = {each["field"]: (each["kind"], each["fiftyone"], each["database"]) for each in world.conflicts()}
    assert found == {"box": ("box_changed", BOX, [0.3] * 4), "label": ("stale_revert", old, "Corrected")}
    tried("cases")


@pytest.mark.parametrize("world", [DELETES], indirect=True)
def test_a_label_that_the_database_removed_and_it_adds_again_goes_again(app: AppServer, world: World) -> None:
    _, (mine, theirs, *_) = shared(world)
    window = open_window(app, world, mine)
    world.remove_row(theirs)
    world.reconcile()
    assert theirs not in world.labels()
    for turn in ("first", "second"):
        window.change(mine, label=f"Typed {turn}")
        assert theirs in world.labels(), "the replay adds it again, as the App does"
        settled(world)
        assert theirs not in world.rows()
        assert (theirs in world.labels()) == (turn == "second")
    (conflict,) = world.conflicts()
    assert (conflict["kind"], conflict["annotation_id"]) == ("stale_revert", theirs)
    assert world.rows()[mine]["label"] == "Typed second"
    tried("cases")


@pytest.mark.parametrize("world", [DELETES], indirect=True)
def test_an_edit_of_the_very_label_that_the_database_removed_is_not_lost_with_it(app: AppServer, world: World) -> None:
    _, (mine, *_) = shared(world)
    window = open_window(app, world, mine)
    world.remove_row(mine)
    world.reconcile()
    window.change(mine, label="Typed")
    settled(world)
    assert mine not in world.rows()
    (conflict,) = world.conflicts()
    assert (conflict["kind"], conflict["annotation_id"]) == ("stale_revert", mine)
    assert conflict["fiftyone"]["label"] == "Typed"
    assert world.labels()[mine]["label"] == "Typed"
    tried("edits")


@pytest.mark.parametrize("world", [DELETES], indirect=True)
def test_a_label_that_the_database_added_and_it_removes_comes_back(app: AppServer, world: World) -> None:
    image, (mine, *_) = shared(world)
    window = open_window(app, world, mine)
    added = world.add_row(image, "Added")
    world.reconcile()
    for turn in ("first", "second"):
        window.change(mine, label=f"Typed {turn}")
        assert added not in world.labels(), "the replay removes it, as the App does"
        settled(world)
        assert world.rows()[added]["label"] == "Added", "its row is never deleted for it"
        assert (added in world.labels()) == (turn == "first")
    (conflict,) = world.conflicts()
    assert (conflict["kind"], conflict["annotation_id"]) == ("stale_revert", added)
    tried("cases")


def test_a_label_drawn_in_it_keeps_the_id_that_it_got_meanwhile(app: AppServer, world: World) -> None:
    _, (mine, *_) = shared(world)
    window = open_window(app, world, mine)
    drawn = new_label("Default class")
    window.draw(drawn)
    world.reconcile()
    (born,) = [each for each in world.raw_labels() if str(each["_id"]) == drawn["_id"]["$oid"]]
    drawn["label"] = "Chosen class"
    window.change(mine, label="Typed")
    assert refused_and_sent_again(window)
    settled(world)
    assert world.rows()[born["annotation_id"]]["label"] == "Chosen class"
    assert world.rows()[mine]["label"] == "Typed"
    assert world.disagreements() == {}
    assert world.conflicts() == []
    tried("edits", 3)


def test_a_drawn_label_deleted_and_brought_back_without_its_id_is_the_same_annotation(
    app: AppServer, world: World
) -> None:
    """The window never learned the id that syncd gave the label: its undo adds the label without one."""
    _, (mine, *_) = shared(world)
    window = open_window(app, world, mine)
    drawn = new_label("Drawn")
    window.draw(drawn)
    world.reconcile()
    (born,) = [each["annotation_id"] for each in world.raw_labels() if str(each["_id"]) == drawn["_id"]["$oid"]]
    window.delete(drawn)
    settled(world)
    assert [(each["kind"], each["annotation_id"]) for each in world.conflicts()] == [("deleted_in_fiftyone", born)]
    window.draw(drawn)
    settled(world)
    assert world.labels()[born]["label"] == world.rows()[born]["label"] == "Drawn"
    assert (world.disagreements(), world.conflicts()) == ({}, [])
    assert len(world.rows()) == len(world.data.rows) + 1
    tried("edits", 3)


@pytest.mark.skipif(not trust.FULL, reason="make trust")
@pytest.mark.parametrize("world", [{"policy": {"on_stale_revert": "quarantine"}}], indirect=True)
def test_whoever_wants_to_be_asked_at_once_is(app: AppServer, world: World) -> None:
    _, (mine, theirs, *_) = shared(world)
    window = open_window(app, world, mine)
    world.correct(theirs, label="Corrected")
    world.reconcile()
    window.change(mine, label="Typed")
    settled(world)
    (conflict,) = world.conflicts()
    assert (conflict["kind"], conflict["annotation_id"]) == ("stale_revert", theirs)
    assert world.rows()[theirs]["label"] == "Corrected"
    tried("cases")


@pytest.mark.skipif(not trust.FULL, reason="make trust")
def test_the_real_app_in_a_browser_takes_back_no_correction(
    app: AppServer, world: World, fiftyone: ModuleType, tmp_path: Path
) -> None:
    """What the replays above rest on: the App's own page, open while the database is corrected, does send this."""
    image, (mine, theirs, *_) = shared(world)
    dataset = fiftyone.load_dataset(world.dataset)
    classes = sorted({each["label"] for each in world.labels().values()})
    dataset.update_label_schema(LABEL_FIELD, {"type": "detections", "component": "dropdown", "classes": classes})
    dataset.activate_label_schemas([LABEL_FIELD])
    old, home = world.labels()[theirs]["label"], world.rows()[mine]["box"]
    with Image.open(image) as picture, browser(tmp_path / "profile") as page:
        window = Annotating(page, app, world.dataset, world.place(mine)[0], picture.size)
        window.choose(world.labels()[mine]["label"])
        world.correct(theirs, label="Corrected")
        assert world.reconcile().to_fiftyone == 1
        for turn in range(2):
            # The App sends what it has when it sees fit: at times only with the next drag.
            until(lambda: dragged(window, world, mine, theirs, old), lambda: str(world.labels()), 180)
            settled(world)
            assert world.rows()[theirs]["label"] == "Corrected"
            kinds = {(each["kind"], each["annotation_id"]) for each in world.conflicts()}
            asked = {("stale_revert", theirs)} if turn else set()
            assert kinds == {("box_changed", mine)} | asked
            assert world.labels()[theirs]["label"] == (old if turn else "Corrected")
    assert world.rows()[mine]["box"] == home
    tried("edits", 3)


def dragged(window: Annotating, world: World, mine: str, theirs: str, old: str) -> bool:
    """Drags the box of one label; whether the other one's old value has come with it."""
    window.drag(world.labels()[mine]["box"], (24, 16))
    end = time.monotonic() + 10
    while world.labels()[theirs]["label"] != old and time.monotonic() < end:
        time.sleep(0.1)
    return bool(world.labels()[theirs]["label"] == old)
