"""Labels that come back from elsewhere without their attributes, on the real servers."""

from __future__ import annotations

from typing import Any

import pytest
from bson import ObjectId

from syncd.engine.direct_plan import DirectOptions
from syncd.engine.session import open_session
from syncd.engine.undo import undo
from syncd.engine.verify import verify
from syncd.model.run import RunMode
from worlds import BINDING, LIST, World, utc


def replace_label(world: World, annotation_id: str, label: dict[str, Any]) -> None:
    """Another tool, or a script, puts a label of its own in the place of one that is known."""
    sample, was = world.place(annotation_id)
    world.samples.update_one(
        {"_id": sample},
        {"$set": {f"{LIST}.$[it]": label, "last_modified_at": utc()}},
        array_filters=[{"it._id": was}],
    )


def remade(world: World, one: str, **known: Any) -> dict[str, Any]:
    """A label at the place of a known one, with a class, and what whoever made it ``known`` besides."""
    was = next(each for each in world.raw_labels() if each.get("annotation_id") == one)
    return {"_cls": "Detection", "label": "remade", "bounding_box": was["bounding_box"], "tags": []} | known


@pytest.mark.parametrize("full", [False, True], ids=["poll", "sweep"])
def test_labels_that_come_back_without_attributes_get_them_back_and_their_class_goes_home(
    world: World, full: bool
) -> None:
    nameless, anew, cleared = [name for name, row in world.rows().items() if row["depth"] is not None][:3]
    world.correct(cleared, verified=True)
    world.reconcile(full=True)
    before = world.rows()
    replace_label(world, nameless, remade(world, nameless, _id=world.place(nameless)[1]))
    replace_label(world, anew, remade(world, anew, _id=ObjectId(), annotation_id=anew))
    world.review(cleared, verified=None)
    world.reconcile(full=full)
    rows, labels = world.rows(), world.labels()
    for each in (nameless, anew):
        assert (rows[each]["label"], rows[each]["depth"]) == ("remade", before[each]["depth"])
        assert (labels[each]["label"], labels[each]["depth"]) == ("remade", before[each]["depth"])
    assert (rows[cleared]["verified"], rows[cleared]["depth"]) == (None, before[cleared]["depth"])
    given = {each["annotation_id"] for each in world.log("applied") if each["reason"] == "restored"}
    assert given == {nameless, anew}
    assert world.conflicts() == []
    with open_session(world.config(), BINDING) as session:
        assert verify(session, lambda _: None).exit_code == 0


def test_a_whole_dataset_without_ids_and_attributes_is_filled_and_that_is_not_taken_back(world: World) -> None:
    config = world.config(brakes={"min_rows": 10})
    world.reconcile(full=True, config=config)
    before = world.rows()
    world.samples.update_many(
        {},
        {
            "$unset": {f"{LIST}.$[].{name}": "" for name in ("annotation_id", "depth")},
            "$set": {"last_modified_at": utc()},
        },
    )
    assert world.reconcile(config=config).held is None
    assert world.rows() == before
    assert {name: each["depth"] for name, each in world.labels().items()} == {
        name: each["depth"] for name, each in before.items()
    }
    given = [each for each in world.log("applied") if each["reason"] == "restored"]
    with open_session(config, BINDING) as session:
        undone = undo(session, given, DirectOptions(RunMode.UNDO))
    assert (undone.result, len(undone.left)) == (None, len(given))
    assert world.rows() == before
