"""Conflicts last until somebody or something settles them, and hold back nothing but their own field."""

from __future__ import annotations

from datetime import timedelta

import pytest

from syncd.engine.mode import Pace
from syncd.errors import StalePlan
from worlds import LIST, NO_BRAKES, World, utc


def ids(world: World) -> list[str]:
    return [row.annotation_id for row in world.data.rows]


def disagree(world: World, annotation_id: str) -> int:
    """Both sides change the label; returns the conflict's id."""
    world.review(annotation_id, label="One")
    world.correct(annotation_id, label="Other")
    assert world.reconcile().exit_code == 3
    (conflict,) = world.conflicts()
    assert (conflict["kind"], conflict["field"]) == ("edit_edit", "label")
    assert (conflict["fiftyone"], conflict["database"]) == ("One", "Other")
    return int(conflict["id"])


def test_a_conflict_lasts_over_runs_and_keeps_both_values(world: World) -> None:
    one = ids(world)[0]
    opened = disagree(world, one)
    before = world.conflicts()
    for full in (True, False, True):
        result = world.reconcile(full=full)
        assert (result.opened, result.open_conflicts, result.exit_code) == (0, 1, 3)
        assert world.conflicts() == before
    assert before[0]["id"] == opened
    assert before[0]["base"] == world.data.rows[0].label
    assert (world.labels()[one]["label"], world.rows()[one]["label"]) == ("One", "Other")


def test_a_later_edit_updates_the_conflict_and_decides_nothing(world: World) -> None:
    one = ids(world)[0]
    opened = disagree(world, one)
    world.review(one, label="Third")
    assert world.reconcile().recorded == ()
    (conflict,) = world.conflicts()
    assert (conflict["id"], conflict["fiftyone"], conflict["database"]) == (opened, "Third", "Other")
    assert conflict["updated_at"] > conflict["opened_at"]
    world.review(one, label=world.data.rows[0].label)
    assert world.reconcile().recorded == (), "going back to the base is no decision either"
    assert world.conflicts()[0]["fiftyone"] == world.data.rows[0].label


def test_a_conflict_remembers_who_edited_each_side_and_when_whatever_else_moves(world: World) -> None:
    one = ids(world)[0]
    world.review(one, label="One", tags=["by:ada"])
    edited = world.sql("SELECT now() AS at")[0]["at"]
    world.correct(one, label="Other")
    assert world.reconcile().exit_code == 3
    (opened,) = world.conflicts()
    assert (opened["fiftyone_by"], opened["database_by"]) == ("ada", "curator")
    assert abs(opened["fiftyone_at"] - edited) < timedelta(minutes=1)
    (row,) = world.sql("SELECT updated_at AS at FROM annotation WHERE annotation_id = :id", id=one)
    assert abs(opened["database_at"] - row["at"]) < timedelta(milliseconds=1)

    world.correct(one, depth_m=3)
    world.reconcile()
    assert world.conflicts() == [opened], "neither syncd's own mark nor another field's edit is about it"

    world.review(one, label="Third", tags=["by:eve"])
    world.reconcile()
    (now,) = world.conflicts()
    assert (now["fiftyone_by"], now["database_by"]) == ("eve", "curator")
    assert (now["database_at"], now["fiftyone_at"] > opened["fiftyone_at"]) == (opened["database_at"], True)


@pytest.mark.parametrize("full", [False, True], ids=["incremental", "full"])
@pytest.mark.parametrize("who", ["reviewer", "curator"])
def test_a_conflict_closes_when_the_sides_agree(world: World, full: bool, who: str) -> None:
    one = ids(world)[0]
    opened = disagree(world, one)
    if who == "reviewer":
        world.review(one, label="Other")
    else:
        world.correct(one, label="One")
    world.reconcile(full=full)
    assert world.conflicts() == []
    (closed,) = world.conflicts("resolved")
    assert (closed["id"], closed["resolution"]) == (opened, "settled")
    assert closed["resolved_at"] >= closed["opened_at"]
    world.review(one, label="Again")
    assert world.reconcile().to_database == 1


def test_a_new_disagreement_is_a_new_conflict(world: World) -> None:
    one = ids(world)[0]
    first = disagree(world, one)
    world.correct(one, label="One")
    world.reconcile()
    world.review(one, label="One more")
    world.correct(one, label="Other more")
    world.reconcile()
    (second,) = world.conflicts()
    assert second["id"] > first
    assert second["base"] == "One"


def test_an_incremental_run_that_did_not_look_at_it_leaves_it_open(world: World) -> None:
    disagree(world, ids(world)[0])
    world.sql("UPDATE syncd.cursor SET swept_at = clock_timestamp()")
    world.age(timedelta(hours=1))
    world.review(ids(world)[5], label="Elsewhere")
    result = world.reconcile()
    assert (result.mode, result.to_database) == ("incremental", 1)
    assert len(world.conflicts()) == 1


def test_an_edit_too_young_to_be_judged_leaves_its_conflict_as_it_is(world: World) -> None:
    one = ids(world)[0]
    disagree(world, one)
    before = world.conflicts()
    world.review(one, label="Other")
    for full in (False, True):
        world.reconcile(full=full, pace=Pace(quiet_period=timedelta(seconds=60)))
        assert world.conflicts() == before
    world.reconcile()
    assert world.conflicts() == []


def test_a_conflict_holds_back_its_own_field_and_nothing_else(world: World) -> None:
    one = ids(world)[0]
    disagree(world, one)
    world.correct(one, depth_m=1.25)
    world.review(one, verified=True)
    world.review(ids(world)[1], label="Elsewhere")
    result = world.reconcile()
    assert (result.to_fiftyone, result.to_database) == (1, 2)
    assert world.labels()[one]["depth"] == 1.25
    assert world.rows()[one]["verified"] is True
    assert (world.labels()[one]["label"], world.rows()[one]["label"]) == ("One", "Other")


def test_a_moved_box_waits_for_a_person(world: World) -> None:
    one = ids(world)[0]
    world.review(one, bounding_box=[0.1, 0.1, 0.2, 0.2])
    world.reconcile()
    (conflict,) = world.conflicts()
    assert (conflict["kind"], conflict["fiftyone"]) == ("box_changed", [0.1, 0.1, 0.2, 0.2])
    assert world.rows()[one]["box"] == list(world.data.rows[0].box)


@pytest.mark.parametrize(("policy", "label"), [("database", "Other"), ("fiftyone", "One"), ("latest", "Other")])
def test_a_policy_given_later_settles_what_is_open(world: World, policy: str, label: str) -> None:
    one = ids(world)[0]
    disagree(world, one)
    config = world.config(policy={"on_conflict": policy})
    world.reconcile(config=config)
    assert world.conflicts() == []
    assert (world.labels()[one]["label"], world.rows()[one]["label"]) == (label, label)


# What comes back at what syncd replaced


def siblings(world: World) -> tuple[str, str]:
    """Two annotations of one image."""
    images = [row.image for row in world.data.rows]
    image = next(image for image in images if images.count(image) > 1)
    one, other = [row.annotation_id for row in world.data.rows if row.image == image][:2]
    return one, other


def corrected(world: World, label: str = "Corrected") -> tuple[str, str, str]:
    """An annotation that the database has corrected, its label before, and another one of its image."""
    one, other = siblings(world)
    was = world.labels()[one]["label"]
    world.correct(one, label=label)
    assert world.reconcile().to_fiftyone == 1
    return one, was, other


def test_a_value_that_an_idle_window_put_back_is_written_again_once_and_then_asked_about(world: World) -> None:
    one, was, other = corrected(world)
    world.review(one, label=was)
    world.review(other, label="Typed")
    again = world.reconcile()
    assert (again.to_fiftyone, again.to_database) == (1, 1)
    assert (world.labels()[one]["label"], world.rows()[one]["label"]) == ("Corrected", "Corrected")
    assert "stale_revert" in {entry["reason"] for entry in world.log()[-2:]}
    assert world.reconcile().recorded == ()
    world.review(one, label=was)
    world.review(other, label="Typed again")
    assert world.reconcile().to_database == 1
    for full in (False, True, False):
        assert world.reconcile(full=full).recorded == ()
        (conflict,) = world.conflicts()
        assert (conflict["kind"], conflict["database"]) == ("stale_revert", "Corrected")
    assert world.rows()[one]["label"] == "Corrected"


@pytest.mark.parametrize("full", [False, True])
def test_what_its_user_changed_may_have_been_seen_by_the_run_before(world: World, full: bool) -> None:
    one, was, other = corrected(world)
    world.review(other, label="Typed")
    assert world.reconcile(full=full).to_database == 1
    world.review(one, label=was)
    again = world.reconcile(full=full)
    assert (again.to_fiftyone, again.to_database) == (1, 0)
    assert world.rows()[one]["label"] == "Corrected"


def test_what_a_still_earlier_run_saw_is_no_evidence(world: World) -> None:
    one, was, other = corrected(world)
    world.review(other, label="Typed")
    assert world.reconcile().to_database == 1
    world.reconcile(quiet=True)
    world.review(one, label=was)
    assert world.reconcile().to_database == 1
    assert world.rows()[one]["label"] == was


@pytest.mark.parametrize("full", [False, True])
def test_a_value_that_a_reviewer_put_back_is_an_edit(world: World, full: bool) -> None:
    one, was, _ = corrected(world)
    world.review(one, label=was)
    done = world.reconcile(full=full)
    assert (done.to_fiftyone, done.to_database) == (0, 1)
    assert (world.labels()[one]["label"], world.rows()[one]["label"]) == (was, was)
    assert world.conflicts() == []


@pytest.mark.parametrize("full", [False, True])
def test_labels_that_a_reviewer_puts_back_one_after_the_other_in_one_image_are_edits(world: World, full: bool) -> None:
    one, other = siblings(world)
    was = {each: world.labels()[each]["label"] for each in (one, other)}
    for each in was:
        world.correct(each, label="Corrected")
    world.reconcile()
    for each, label in was.items():
        world.review(each, label=label)
        assert world.reconcile(full=full).to_database == 1
    assert {each: world.rows()[each]["label"] for each in was} == was
    assert world.conflicts() == []


@pytest.mark.parametrize("full", [False, True])
def test_old_values_that_one_call_sets_on_many_samples_are_asked_about(world: World, full: bool) -> None:
    """A notebook's, which read them before; it stamps also what it leaves as it was."""
    one, was, _ = corrected(world)
    world.review(one, label=was)
    world.samples.update_many({}, {"$set": {"last_modified_at": utc()}})
    assert world.reconcile(full=full).recorded == ()
    assert [(each["kind"], each["annotation_id"]) for each in world.conflicts()] == [("stale_revert", one)]
    assert (world.labels()[one]["label"], world.rows()[one]["label"]) == (was, "Corrected")


@pytest.mark.parametrize("full", [False, True])
def test_a_bulk_relabel_that_meets_a_corrected_label_is_an_edit(world: World, full: bool) -> None:
    one, was, _ = corrected(world)
    image = next(row.image for row in world.data.rows if row.annotation_id == one)
    others = [row.annotation_id for row in world.data.rows if row.image != image and row.label != was]
    at = utc()
    for each in (one, others[-1], others[-2]):
        world.review(each, label=was, stamp=at)
    assert world.reconcile(full=full).to_database == 3
    assert world.conflicts() == []


@pytest.mark.parametrize("world", [{"policy": {"on_stale_revert": "quarantine"}}], indirect=True)
def test_it_may_be_asked_about_at_once(world: World) -> None:
    one, was, other = corrected(world)
    world.review(one, label=was)
    world.review(other, label="Typed")
    assert world.reconcile().to_fiftyone == 0
    assert [(each["kind"], each["annotation_id"]) for each in world.conflicts()] == [("stale_revert", one)]


def test_the_old_value_typed_long_afterwards_is_an_edit(world: World) -> None:
    one, was, other = corrected(world)
    world.sql("UPDATE syncd.change SET applied_at = applied_at - interval '2 hours'")
    world.review(one, label=was)
    world.review(other, label="Typed")
    assert world.reconcile().to_database == 2
    assert world.rows()[one]["label"] == was


def test_another_value_typed_right_afterwards_is_an_edit(world: World) -> None:
    one, *_ = corrected(world)
    world.review(one, label="Another")
    assert world.reconcile().to_database == 1
    assert world.rows()[one]["label"] == "Another"


@pytest.mark.parametrize("world", [{"brakes": NO_BRAKES}], indirect=True)
def test_a_label_that_vanishes_right_after_its_insert_is_put_back_once(world: World) -> None:
    other = world.data.rows[0].annotation_id
    new = world.add_row(world.data.rows[0].image, "Added")
    world.reconcile()
    world.erase(new)
    world.review(other, label="Typed")
    assert world.reconcile().to_fiftyone == 1
    assert new in world.labels()
    world.erase(new)
    world.review(other, label="Typed again")
    assert world.reconcile().to_fiftyone == 0
    assert [each["kind"] for each in world.conflicts()] == ["stale_revert"]
    assert new in world.rows()


@pytest.mark.parametrize("world", [{"brakes": NO_BRAKES, "policy": {"on_fiftyone_delete": "delete"}}], indirect=True)
def test_a_label_that_a_reviewer_deletes_right_after_its_insert_is_deleted(world: World) -> None:
    new = world.add_row(world.data.rows[0].image, "Added")
    world.reconcile()
    world.erase(new)
    assert world.reconcile().to_database == 1
    assert new not in world.rows()


def test_a_label_that_comes_back_right_after_its_removal_is_removed_once(world: World) -> None:
    one, other = siblings(world)
    sample, _ = world.place(one)
    kept = next(each for each in world.raw_labels() if each["annotation_id"] == one)
    del kept["sample"]
    world.remove_row(one)
    world.reconcile()

    def comes_back(typed: str) -> None:
        world.samples.update_one({"_id": sample}, {"$push": {LIST: kept}})
        world.review(other, label=typed)

    comes_back("Typed")
    world.reconcile()
    assert one not in world.labels()
    comes_back("Typed again")
    assert world.reconcile().to_fiftyone == 0
    assert [each["kind"] for each in world.conflicts()] == ["stale_revert"]


# Saved plans


def digest(world: World) -> str:
    plan = world.reconcile(dry_run=True, full=True).plan
    assert plan is not None
    return plan.digest


@pytest.mark.parametrize("side", ["fiftyone", "database", "new", "conflict"])
def test_a_saved_plan_is_refused_once_a_side_has_moved(world: World, side: str) -> None:
    one, other = ids(world)[:2]
    world.review(one, label="Reviewed")
    expected = digest(world)
    if side == "fiftyone":
        world.review(one, label="Reviewed again")
    elif side == "database":
        world.correct(other, label="Corrected")
    elif side == "new":
        world.add_row(world.data.rows[0].image, "Added")
    else:
        world.review(other, bounding_box=[0.1, 0.1, 0.2, 0.2])
    before = world.labels(), world.rows(), world.log(), world.baseline(), world.cursors(), world.conflicts()
    with pytest.raises(StalePlan, match="syncd reconcile demo --dry-run"):
        world.reconcile(expected=expected, full=True)
    assert (world.labels(), world.rows(), world.log(), world.baseline(), world.cursors(), world.conflicts()) == before
    assert world.runs()[-1]["status"] == "failed"


def test_a_saved_plan_is_applied_while_nothing_has_moved(world: World) -> None:
    world.review(ids(world)[0], label="Reviewed")
    world.draw(world.data.rows[1].image, "Drawn")
    expected = digest(world)
    world.samples.update_many({}, {"$push": {"tags": "seen"}})
    assert world.reconcile(expected=expected, full=True).to_database == 2
    with pytest.raises(StalePlan):
        world.reconcile(expected=expected, full=True)
