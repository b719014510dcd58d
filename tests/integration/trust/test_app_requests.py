"""The requests that the App sends, sent to FiftyOne's own server while syncd works.

Whoever was first is kept: an edit of the App that was acknowledged is not overwritten, and one that came after syncd's
write is refused by the server (412), so that the App has to look again.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from app_server import Answer, AppServer, new_label, stamp_of
from syncd.demo.lab import LABEL_FIELD
from syncd.engine.steps import Step, observed
from trust import tried
from worlds import World, at_step

LIST = f"/{LABEL_FIELD}/detections"


class Sheet:
    """A sample with several labels, and the App that edits it: ``ids`` are the annotations in the list's order."""

    def __init__(self, app: AppServer, world: World) -> None:
        self.app, self.world = app, world
        images = [row.image for row in world.data.rows]
        self.image = next(image for image in images if images.count(image) > 2)
        self.ids = [row.annotation_id for row in world.data.rows if row.image == self.image]

    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = self.world.samples.find_one({"filepath": str(self.image)})
        return found

    def send(self, *operations: dict[str, Any], seen: dict[str, Any] | None = None) -> Answer:
        """A request from a window that shows the sample as it is, or as it was ``seen``."""
        sample = seen or self.document()
        return self.app.patch(sample["_dataset_id"], sample["_id"], operations, stamp_of(sample))

    def class_of(self, number: int, label: str) -> dict[str, Any]:
        return {"op": "replace", "path": f"{LIST}/{number}/label", "value": label}

    def conflicts(self) -> set[tuple[str, str]]:
        return {(each["kind"], each["annotation_id"]) for each in self.world.conflicts()}


@pytest.fixture
def sheet(app: AppServer, world: World) -> Sheet:
    return Sheet(app, world)


def test_an_edit_that_comes_after_syncds_write_is_refused_and_overwrites_nothing(sheet: Sheet, world: World) -> None:
    seen = sheet.document()
    world.correct(sheet.ids[1], label="Corrected")
    world.reconcile()
    answer = sheet.send(sheet.class_of(0, "Typed"), seen=seen)
    assert answer.status == 412
    there = [each["label"] for each in answer.body[LABEL_FIELD]["detections"]]
    assert (there[0], there[1]) == (world.rows()[sheet.ids[0]]["label"], "Corrected")
    label = seen[LABEL_FIELD]["detections"][0]["_id"]
    operation = [{"op": "replace", "path": "/label", "value": "Typed"}]
    field = f"{LABEL_FIELD}.detections"
    again = sheet.app.patch_label(seen["_dataset_id"], seen["_id"], field, label, operation, stamp_of(seen))
    assert again.status == 412
    assert world.until_quiet()[0].recorded == ()
    assert world.disagreements() == {}
    tried("cases", 2)


@pytest.mark.parametrize("step", [Step.PLANNED, Step.INTENTS_COMMITTED])
def test_an_edit_that_was_taken_before_syncds_write_is_kept(sheet: Sheet, world: World, step: Step) -> None:
    one, other, third, *_ = sheet.ids
    world.correct(one, label="Corrected")
    world.correct(other, label="Corrected")
    taken: list[Answer] = []

    def type_in_the_app() -> None:
        taken.append(sheet.send(sheet.class_of(0, "Typed"), sheet.class_of(2, "Typed too")))

    with observed(at_step(step, type_in_the_app)):
        result = world.reconcile()
    assert [each.status for each in taken] == [200]
    assert (result.to_fiftyone, result.superseded) == (1, 1)
    assert world.labels()[one]["label"] == "Typed"
    world.until_quiet()
    (conflict,) = world.conflicts()
    assert (conflict["fiftyone"], conflict["database"]) == ("Typed", "Corrected")
    assert world.labels()[other]["label"] == world.rows()[other]["label"] == "Corrected"
    assert world.rows()[third]["label"] == "Typed too"
    tried("edits", 4)


def test_each_kind_of_edit_in_the_app_goes_home_or_becomes_a_question(sheet: Sheet, world: World) -> None:
    labelled, boxed, deleted, *_ = sheet.ids
    before = world.rows()
    answer = sheet.send(sheet.class_of(0, "Typed"))
    drag = [
        {"op": "replace", "path": f"{LIST}/1/bounding_box/{at}", "value": value} for at, value in ((1, 0.31), (0, 0.41))
    ]
    assert answer.status == sheet.send(*drag).status == 200
    gone = sheet.document()[LABEL_FIELD]["detections"][2]
    assert sheet.send({"op": "remove", "path": f"{LIST}/2"}).status == 200
    world.until_quiet()
    assert world.rows()[labelled]["label"] == "Typed"
    assert sheet.conflicts() == {("box_changed", boxed), ("deleted_in_fiftyone", deleted)}
    assert world.rows()[boxed] == before[boxed]
    assert world.rows()[deleted] == before[deleted]
    # Undo in the App: the same label again, at the end of the list.
    undone = gone | {"_id": {"$oid": str(gone["_id"])}}
    assert sheet.send({"op": "add", "path": f"{LIST}/-", "value": undone}).status == 200
    world.until_quiet()
    assert sheet.conflicts() == {("box_changed", boxed)}
    assert set(world.disagreements()) == {boxed}
    tried("edits", 4)


def test_a_label_drawn_in_the_app_gets_a_row_and_its_id_and_then_its_class(sheet: Sheet, world: World) -> None:
    label = new_label("Default class")
    drawn = sheet.send({"op": "add", "path": f"{LIST}/-", "value": label})
    seen = sheet.document()
    assert drawn.status == 200
    world.reconcile()
    number = len(sheet.ids)
    assert sheet.send(sheet.class_of(number, "Chosen"), seen=seen).status == 412, "its id was written meanwhile"
    assert sheet.send(sheet.class_of(number, "Chosen")).status == 200
    world.until_quiet()
    (born,) = [each for each in world.raw_labels() if str(each["_id"]) == label["_id"]["$oid"]]
    assert world.rows()[born["annotation_id"]]["label"] == "Chosen"
    assert world.disagreements() == {}
    tried("edits", 2)


def test_a_tag_set_in_the_app_is_seen_on_its_label_alone(sheet: Sheet, world: World) -> None:
    sample = sheet.document()
    label = sample[LABEL_FIELD]["detections"][1]["_id"]
    chosen = sheet.ids[1]
    before = {each: row["verified"] for each, row in world.rows().items()}
    assert sheet.app.tag(world.dataset, LABEL_FIELD, [(sample["_id"], label)], "ok").status == 200
    world.until_quiet()
    assert {each: row["verified"] for each, row in world.rows().items()} == before | {chosen: True}
    assert world.labels()[chosen]["verified"] is True
    tried("edits")


def test_ids_that_the_app_lets_anybody_change_are_never_followed(sheet: Sheet, world: World) -> None:
    """The server checks nothing: an id can be taken from a label, changed, and given to a second one."""
    renamed, dropped, copied, *_ = sheet.ids
    before = world.rows()
    copy = new_label("Copied", annotation_id=copied)
    answer = sheet.send(
        {"op": "replace", "path": f"{LIST}/0/annotation_id", "value": "somebody's own"},
        {"op": "replace", "path": f"{LIST}/0/label", "value": "Typed"},
        {"op": "remove", "path": f"{LIST}/1/annotation_id"},
        {"op": "add", "path": f"{LIST}/-", "value": copy},
    )
    assert answer.status == 200
    world.until_quiet()
    assert sheet.conflicts() == {("moved", renamed), ("duplicate_id", copied)}
    assert world.labels()[dropped]["label"] == before[dropped]["label"], "its id is back"
    assert world.rows() == before
    # The original of a copied id goes on being synced.
    world.correct(copied, label="Corrected")
    world.until_quiet()
    original = next(each for each in world.raw_labels() if each["label"] == "Corrected")
    assert original["annotation_id"] == copied
    assert str(original["_id"]) != copy["_id"]["$oid"]
    tried("cases", 3)


def test_a_class_that_the_server_turns_into_a_date_does_not_come_home(sheet: Sheet, world: World) -> None:
    poisoned, other, *_ = sheet.ids
    before = world.rows()[poisoned]
    assert sheet.send(sheet.class_of(0, "20240101")).status == 200
    assert isinstance(sheet.document()[LABEL_FIELD]["detections"][0]["label"], datetime)
    world.correct(other, label="Corrected")
    world.until_quiet()
    assert sheet.conflicts() == {("unsafe_value", poisoned)}
    assert world.rows()[poisoned] == before
    assert world.labels()[other]["label"] == "Corrected"
    tried("cases")
