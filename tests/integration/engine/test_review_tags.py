"""Review tags on the real servers: what a reviewer says by a tag arrives, and the tag is answered."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from syncd.engine.result import RunResult
from syncd.engine.session import open_session
from syncd.engine.steps import Step, observed
from syncd.engine.verify import verify
from worlds import BINDING, LIST, World, at_step, utc

VOCABULARY = {"vocabulary": {"table": "public.taxon", "column": "name", "parent": "parent_name"}}
TAGGED = {"review": {"mode": "tagged"}}


class Died(Exception):
    """The run ends here."""


def ids(world: World) -> list[str]:
    return [row.annotation_id for row in world.data.rows]


def label_of(world: World, annotation_id: str) -> str:
    return next(row.label for row in world.data.rows if row.annotation_id == annotation_id)


def other_term(world: World, annotation_id: str, nth: int = 0) -> str:
    """A term that is not the annotation's label."""
    now = world.rows()[annotation_id]["label"]
    terms = [row["name"] for row in world.sql("SELECT name FROM taxon ORDER BY name")]
    return [each for each in terms if each != now][nth]


def tags(world: World, annotation_id: str) -> list[str]:
    _, label = world.place(annotation_id)
    return next(each.get("tags") or [] for each in world.raw_labels() if each["_id"] == label)


def sample_tags(world: World, annotation_id: str) -> list[str]:
    sample, _ = world.place(annotation_id)
    return list(world.samples.find_one({"_id": sample})["tags"])


def tag_sample(world: World, annotation_id: str, *names: str) -> None:
    sample, _ = world.place(annotation_id)
    world.samples.update_one(
        {"_id": sample}, {"$push": {"tags": {"$each": list(names)}}, "$set": {"last_modified_at": utc()}}
    )


def alone(world: World) -> str:
    """An annotation that is its sample's only label."""
    found = [each["sample"] for each in world.raw_labels()]
    return next(str(each["annotation_id"]) for each in world.raw_labels() if found.count(each["sample"]) == 1)


def waiting(world: World) -> list[dict[str, Any]]:
    return world.sql("SELECT * FROM syncd.waiting ORDER BY id")


def settled(world: World, **options: Any) -> RunResult:
    """A run that finds the review's configuration known, so that it may read incrementally."""
    return world.reconcile(**options)


@pytest.mark.parametrize("world", [VOCABULARY], indirect=True)
def test_a_class_tag_relabels_on_both_sides_and_goes(world: World) -> None:
    settled(world)
    one = ids(world)[0]
    term = other_term(world, one)
    world.review(one, tags=[term, "mine"])
    result = world.reconcile()
    assert (result.mode, result.to_database, result.to_fiftyone, result.superseded) == ("incremental", 1, 1, 0)
    assert world.rows()[one]["label"] == world.labels()[one]["label"] == term
    assert {each["reason"] for each in world.log("applied")} == {"class_tag"}
    assert tags(world, one) == ["mine"]
    assert world.baseline()[one]["label"] == term
    for full in (False, True):
        again = world.reconcile(full=full)
        assert (again.recorded, again.opened) == ((), 0)
    assert world.disagreements() == {}


@pytest.mark.parametrize("world", [VOCABULARY], indirect=True)
@pytest.mark.parametrize("full", [False, True])
def test_a_tag_that_a_dead_run_left_behind_is_taken_off_and_asks_for_nothing(world: World, full: bool) -> None:
    one = ids(world)[0]
    term = other_term(world, one)
    world.review(one, tags=[term, "ok"])

    def die() -> None:
        raise Died

    with observed(at_step(Step.COMMITTED, die)), pytest.raises(Died):
        world.reconcile()
    assert tags(world, one) == [term, "ok"]
    assert world.rows()[one]["label"] == world.labels()[one]["label"] == term
    assert world.reconcile(full=full).recorded == ()
    assert tags(world, one) == []


@pytest.mark.parametrize("world", [VOCABULARY], indirect=True)
def test_a_tag_is_kept_where_its_change_was_overtaken(world: World) -> None:
    one = ids(world)[0]
    terms = [other_term(world, one), other_term(world, one, 1)]
    world.review(one, tags=[terms[0]])
    with observed(at_step(Step.FIFTYONE_WRITTEN, lambda: world.correct(one, label=terms[1]))):
        result = world.reconcile()
    assert result.superseded == 1
    assert terms[0] in tags(world, one)
    assert world.rows()[one]["label"] == terms[1]
    assert world.reconcile().open_conflicts == 1


@pytest.mark.parametrize("world", [VOCABULARY], indirect=True)
def test_a_class_tag_of_a_sample_with_one_label_relabels_it(world: World) -> None:
    one = alone(world)
    term = other_term(world, one)
    tag_sample(world, one, term)
    world.reconcile()
    assert world.rows()[one]["label"] == world.labels()[one]["label"] == term
    assert term not in sample_tags(world, one)


@pytest.mark.parametrize("world", [VOCABULARY], indirect=True)
def test_two_class_tags_are_a_conflict_that_a_reviewer_sees_and_settles(world: World) -> None:
    one = ids(world)[0]
    terms = [other_term(world, one), other_term(world, one, 1)]
    world.review(one, tags=terms)
    assert world.reconcile().exit_code == 3
    (conflict,) = world.conflicts()
    assert (conflict["kind"], conflict["suggestions"]) == ("ambiguous_tags", sorted(terms))
    assert tags(world, one) == [*terms, "syncd:conflict"]
    world.review(one, tags=[terms[0], "syncd:conflict"])
    assert world.reconcile().to_database == 1
    assert (world.conflicts(), tags(world, one)) == ([], [])


@pytest.mark.parametrize("world", [VOCABULARY | {"review": {"after": "keep"}}], indirect=True)
def test_a_kept_tag_does_nothing_twice(world: World) -> None:
    one = ids(world)[0]
    term, later = other_term(world, one), other_term(world, one, 1)
    world.review(one, tags=[term, "ok"])
    world.reconcile()
    assert tags(world, one) == [term, "ok"]
    assert world.labels()[one]["verified"] is True
    world.correct(one, label=later, verified=False)
    assert world.reconcile().to_fiftyone == 2
    for full in (False, True):
        assert world.reconcile(full=full).recorded == ()
    assert (world.rows()[one]["label"], world.rows()[one]["verified"]) == (later, False)
    world.review(one, tags=["ok"])
    world.reconcile()
    world.review(one, tags=[term, "ok"])
    world.reconcile()
    assert world.rows()[one]["label"] == term, "taken off and put back, it is heard again"


@pytest.mark.parametrize("world", [{"review": {"after": {"replace": "done"}}}], indirect=True)
def test_a_tag_may_be_replaced(world: World) -> None:
    one = ids(world)[0]
    world.review(one, tags=["reviewed"])
    world.reconcile()
    assert world.rows()[one]["verified"] is world.labels()[one]["verified"] is True
    assert tags(world, one) == ["done"]


@pytest.mark.parametrize("world", [TAGGED], indirect=True)
@pytest.mark.parametrize("on_sample", [False, True])
def test_an_edit_waits_until_its_tag_appears_though_nothing_else_changes(world: World, on_sample: bool) -> None:
    settled(world)
    one = ids(world)[0]
    world.review(one, label="One")
    result = world.reconcile()
    assert (result.recorded, result.exit_code, result.as_json()["awaiting_review"]) == ((), 0, 1)
    (row,) = waiting(world)
    assert (row["annotation_id"], row["field"], row["new"]) == (one, "label", "One")
    world.age(timedelta(hours=2))
    world.sql("UPDATE syncd.cursor SET position = position - interval '1 hour'")
    idle = world.reconcile()
    assert (idle.recorded, idle.as_json()["awaiting_review"]) == ((), 1)
    if on_sample:
        tag_sample(world, one, "ok")
    else:
        world.review(one, tags=["ok"])
    assert world.reconcile().to_database >= 1
    assert world.rows()[one]["label"] == "One"
    assert waiting(world) == []
    assert "ok" not in [*tags(world, one), *sample_tags(world, one)]


@pytest.mark.parametrize("world", [TAGGED], indirect=True)
def test_what_waits_goes_through_when_nothing_has_to_wait_any_more(world: World) -> None:
    one = ids(world)[0]
    world.review(one, label="One")
    world.reconcile()
    result = world.reconcile(config=world.config(review={"mode": "immediate"}))
    assert (result.mode, result.to_database) == ("full", 1)
    assert waiting(world) == []


@pytest.mark.parametrize("world", [TAGGED], indirect=True)
def test_an_edit_that_is_taken_back_waits_no_more(world: World) -> None:
    one = ids(world)[0]
    world.review(one, label="One")
    world.reconcile()
    world.review(one, label=label_of(world, one))
    world.reconcile()
    assert waiting(world) == []


@pytest.mark.parametrize("world", [TAGGED], indirect=True)
def test_a_drawn_label_waits_and_is_verified_in_the_end(world: World) -> None:
    label_id = world.draw(world.data.rows[0].image, "New")
    assert world.reconcile().as_json()["awaiting_review"] == 1
    sample = world.samples.find_one({f"{LIST}._id": label_id})
    world.samples.update_one(
        {"_id": sample["_id"]},
        {"$push": {f"{LIST}.$[it].tags": "ok"}, "$set": {"last_modified_at": utc()}},
        array_filters=[{"it._id": label_id}],
    )
    world.until_quiet()
    (row,) = [each for each in world.rows().values() if each["label"] == "New"]
    assert row["verified"] is True
    label = next(each for each in world.raw_labels() if each["_id"] == label_id)
    assert (label["verified"], label["tags"], world.disagreements()) == (True, [], {})


def test_an_error_tag_is_listed_until_it_is_taken_off(world: World) -> None:
    one = ids(world)[0]
    world.review(one, tags=["bad", "by:anna"])
    result = world.reconcile()
    assert (result.to_database, result.to_fiftyone, result.exit_code, result.as_json()["flagged"]) == (0, 0, 0, 1)
    (entry,) = world.log()
    assert (entry["direction"], entry["reason"], entry["new"], entry["actor"]) == (None, "flagged", "bad", "anna")
    assert world.reconcile(full=True).recorded == ()
    (row,) = waiting(world)
    assert (row["kind"], row["annotation_id"], row["actor"]) == ("error", one, "anna")
    assert tags(world, one) == ["bad", "by:anna"]
    world.review(one, tags=["by:anna"])
    world.reconcile()
    assert waiting(world) == []


@pytest.mark.parametrize("world", [{"review": {"error_column": "is_wrong"}}], indirect=True)
def test_an_error_tag_sets_its_column_and_a_cleared_column_stays_so(world: World) -> None:
    world.sql("ALTER TABLE annotation ADD is_wrong boolean DEFAULT false")
    one, two = ids(world)[:2]
    world.review(one, tags=["bad"])
    assert world.reconcile().to_database == 1
    found = world.sql("SELECT annotation_id::text FROM annotation WHERE is_wrong")
    assert [row["annotation_id"] for row in found] == [one]
    assert (tags(world, one), len(waiting(world))) == (["bad"], 1)
    world.sql("UPDATE annotation SET is_wrong = false")
    for full in (False, True):
        assert world.reconcile(full=full).recorded == ()
    world.review(two, label="Other")
    world.remove_row(ids(world)[3])
    world.until_quiet()
    assert world.disagreements() == {}


@pytest.mark.parametrize("world", [{"review": {"error_column": "is_wrong"}}], indirect=True)
def test_an_error_tag_that_a_sweep_finds_sets_its_column(world: World) -> None:
    world.sql("ALTER TABLE annotation ADD is_wrong boolean DEFAULT false")
    world.until_quiet()
    world.review(ids(world)[0], tags=["bad"])
    assert world.reconcile(full=True).to_database == 1


DELETING = {"policy": {"on_fiftyone_delete": "delete"}, "review": {"error_column": "is_wrong"}}


@pytest.mark.parametrize("world", [DELETING], indirect=True)
def test_a_row_with_a_flag_can_be_deleted_and_inserted(world: World) -> None:
    world.sql("ALTER TABLE annotation ADD is_wrong boolean DEFAULT false")
    world.erase(ids(world)[0])
    world.draw(world.data.rows[0].image, "New")
    world.until_quiet()
    assert ids(world)[0] not in world.rows()
    assert world.disagreements() == {}


def test_marks_appear_and_disappear_and_are_no_edits(world: World) -> None:
    one = ids(world)[0]
    world.review(one, label="One")
    world.correct(one, label="Other")
    world.reconcile()
    assert tags(world, one) == ["syncd:conflict"]
    before = world.log()
    assert world.reconcile(full=True).recorded == ()
    world.review(one, label="Other")
    world.reconcile()
    assert tags(world, one) == []
    assert [each for each in world.log() if each not in before and each["direction"]] == []


@pytest.mark.parametrize(
    "world", [{"brakes": {"min_rows": 1, "min_count": 1, "max_change_fraction": 0.001}}], indirect=True
)
def test_labels_that_a_brake_holds_are_marked_until_it_lets_go(world: World) -> None:
    some = ids(world)[:3]
    for each in some:
        world.review(each, label=f"New {each[:4]}")
    assert world.reconcile().exit_code == 4
    assert [tags(world, each) for each in some] == [["syncd:held"]] * 3
    assert world.reconcile(force=True).to_database == 3
    assert [tags(world, each) for each in some] == [[]] * 3


def test_tags_that_are_no_list_of_text_do_not_break_reading_or_writing(world: World) -> None:
    one, two, three = ids(world)[:3]
    for each, odd in ((one, "ok"), (two, [1, None, "ok"]), (three, {"a": 1})):
        world.review(each, label="Odd", tags=odd)
    tag_sample(world, one, "ok")
    world.until_quiet()
    assert {world.rows()[each]["label"] for each in (one, two, three)} == {"Odd"}
    assert world.rows()[two]["verified"] is True


def test_who_edited_it_stands_in_the_log(world: World) -> None:
    one = ids(world)[0]
    world.review(one, label="One", tags=["by:anna"])
    world.reconcile()
    (entry,) = world.log("applied")
    assert entry["actor"] == "anna"
    (row,) = world.sql("SELECT updated_by FROM annotation WHERE annotation_id = :id", id=one)
    assert row["updated_by"] == "anna"


@pytest.mark.parametrize("world", [{"actor_attribute": "editor"}], indirect=True)
def test_the_labels_own_attribute_says_first_who_edited_it(world: World) -> None:
    one, two = ids(world)[:2]
    world.review(one, label="One", editor="ben", tags=["by:anna"])
    world.review(two, label="Two", editor=5)
    world.reconcile()
    assert {each["annotation_id"]: each["actor"] for each in world.log("applied")} == {one: "ben", two: "fiftyone"}


@pytest.mark.parametrize("world", [TAGGED], indirect=True)
def test_verify_explains_an_edit_that_waits_for_approval(world: World) -> None:
    annotation_id = ids(world)[0]
    world.review(annotation_id, label=other_term(world, annotation_id))
    world.reconcile()
    with open_session(world.config(), BINDING) as session:
        verdict = verify(session, lambda _: None)
    assert [(each.annotation_id, each.awaiting_review) for each in verdict.differences] == [(annotation_id, True)]
    assert (verdict.unexplained, verdict.exit_code) == ((), 3)


def test_a_run_for_one_tag_takes_the_edits_that_bear_it_and_leaves_the_others_to_the_next(world: World) -> None:
    one, two, three = ids(world)[:3]
    for each in (one, two):
        world.review(each, label=other_term(world, each))
    sample, label = world.place(one)
    world.samples.update_one(
        {"_id": sample}, {"$push": {f"{LIST}.$[it].tags": "batch"}}, array_filters=[{"it._id": label}]
    )
    world.correct(three, label=other_term(world, three))
    result = world.reconcile(tag="batch")
    assert (result.to_database, result.to_fiftyone, waiting(world)) == (1, 1, [])
    assert [each for each in (one, two) if world.rows()[each]["label"] == world.labels()[each]["label"]] == [one]
    assert "batch" not in tags(world, one)
    assert world.reconcile().to_database == 1
    assert world.disagreements() == {}
