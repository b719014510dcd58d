"""What was applied is taken back on both sides, exactly; what somebody has changed since is left alone and named."""

from __future__ import annotations

import pytest

from integration.engine.answers import both, ids, quiet, take_back
from worlds import NO_BRAKES, World

pytestmark = pytest.mark.parametrize("world", [{"brakes": NO_BRAKES}], indirect=True)


def state(world: World) -> tuple[object, object]:
    return world.labels(), world.rows()


def test_a_run_is_taken_back_on_both_sides(world: World) -> None:
    before = state(world)
    one, two, three = ids(world)[:3]
    world.review(one, label="Reviewed")
    world.correct(two, depth_m=12.5)
    world.correct(three, label="Corrected", depth_m=7)
    run = world.reconcile()
    assert state(world) != before

    done = take_back(world, run_id=run.run_id)

    assert state(world) == before
    assert done.left == ()
    assert {each["reason"] for each in world.log("applied")[-8:]} == {"undone"}
    undone = {each["undo_of"] for each in world.log("applied") if each["undo_of"] is not None}
    assert undone == {each["seq"] for each in world.log("applied") if each["run_id"] == run.run_id}
    quiet(world)
    assert state(world) == before


def test_undoing_an_undo_brings_the_changes_back(world: World) -> None:
    one = ids(world)[0]
    world.review(one, label="Reviewed")
    run = world.reconcile()
    after = state(world)
    first = take_back(world, run_id=run.run_id)
    assert first.result is not None

    again = take_back(world, run_id=first.result.run_id)

    assert state(world) == after
    assert again.left == ()
    assert world.log("applied")[-1]["undo_of"] in {
        each["seq"] for each in world.log("applied") if each["run_id"] == first.result.run_id
    }
    quiet(world)


@pytest.mark.parametrize("side", ["fiftyone", "database"])
def test_what_was_changed_again_is_left_alone_and_named(world: World, side: str) -> None:
    one, two = ids(world)[:2]
    world.review(one, label="Reviewed")
    world.review(two, label="Reviewed")
    run = world.reconcile()
    if side == "fiftyone":
        world.review(one, label="Newer")
    else:
        world.correct(one, label="Newer")

    done = take_back(world, run_id=run.run_id)

    (left,) = done.left
    assert (left.annotation_id, left.field) == (one, "label")
    assert "changed again since" in left.why
    assert both(world, two)[0]["label"] == both(world, two)[1]["label"] == world.data.rows[1].label
    assert "Newer" in {each["label"] for each in both(world, one)}


def test_several_changes_of_a_field_go_back_to_the_oldest_value(world: World) -> None:
    one = ids(world)[0]
    before = state(world)
    world.review(one, label="First")
    world.reconcile()
    world.correct(one, label="Second")
    world.reconcile()
    world.review(one, label="Third")
    world.reconcile()

    assert take_back(world, annotation_id=one).left == ()

    assert state(world) == before
    assert len([each for each in world.log() if each["reason"] == "undone"]) == 2
    quiet(world)


def test_an_inserted_annotation_goes_from_both_sides_and_comes_back_under_its_id(world: World) -> None:
    before = state(world)
    world.draw(world.data.rows[0].image, "Drawn")
    run = world.reconcile()
    (new,) = world.rows().keys() - before[1].keys()  # type: ignore[attr-defined]
    drawn = both(world, new)

    gone = take_back(world, run_id=run.run_id)

    assert gone.left == ()
    assert state(world) == before
    assert new not in world.baseline()
    quiet(world)
    assert gone.result is not None
    back = take_back(world, run_id=gone.result.run_id)
    assert back.left == ()
    assert both(world, new) == drawn
    quiet(world)
    assert new in world.baseline()


def test_a_row_added_at_home_goes_from_both_sides(world: World) -> None:
    before = state(world)
    world.add_row(world.data.rows[0].image, "Added")
    run = world.reconcile()
    assert take_back(world, run_id=run.run_id).left == ()
    assert state(world) == before
    quiet(world)


def test_a_deleted_annotation_comes_back_on_both_sides_under_its_id(world: World) -> None:
    one = ids(world)[0]
    before = state(world)
    world.remove_row(one)
    run = world.reconcile()
    assert both(world, one) == (None, None)

    done = take_back(world, run_id=run.run_id)

    assert done.left == ()
    assert state(world) == before
    assert one in world.baseline()
    quiet(world)


def test_an_actor_is_undone_and_nobody_else(world: World) -> None:
    one, two = ids(world)[:2]
    world.correct(one, label="Bad afternoon")
    world.sql("UPDATE annotation SET label = 'Good', updated_by = 'other' WHERE annotation_id = :id", id=two)
    world.reconcile()

    assert take_back(world, actor="curator").left == ()

    assert both(world, one)[1]["label"] == both(world, one)[0]["label"] == world.data.rows[0].label
    assert both(world, two)[0]["label"] == both(world, two)[1]["label"] == "Good"
    quiet(world)


def test_what_both_sides_had_done_by_themselves_is_not_undone(world: World) -> None:
    one = ids(world)[0]
    world.review(one, label="Same")
    world.correct(one, label="Same")
    run = world.reconcile()
    done = take_back(world, run_id=run.run_id)
    assert done.result is None
    assert "both sides had come to the same" in done.left[0].why


def test_a_dry_run_changes_nothing(world: World) -> None:
    one = ids(world)[0]
    world.review(one, label="Reviewed")
    run = world.reconcile()
    before = state(world), world.log(), world.runs()
    done = take_back(world, run_id=run.run_id, dry_run=True)
    assert len(done.plan.changes) == 2
    assert (state(world), world.log(), world.runs()) == before


def test_undoing_twice_finds_nothing_left(world: World) -> None:
    world.review(ids(world)[0], label="Reviewed")
    run = world.reconcile()
    take_back(world, run_id=run.run_id)
    again = take_back(world, run_id=run.run_id)
    assert again.result is None
    assert again.left[0].why == "is so already"
