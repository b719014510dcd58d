"""Why an annotation stands as it does: both sides, the rule of the diff, and why it is not synced."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from integration.engine.answers import ids
from integration.engine.test_resolve import disagree
from syncd import Binding, ConfigError, open_binding
from worlds import BINDING, World

KEYS = {
    "binding", "annotation_id", "fiftyone", "database", "baseline", "rule", "conflict", "waiting", "history",
    "not_synced",
}  # fmt: skip


BRAKED = {"brakes": {"min_rows": 1, "min_count": 1, "max_change_fraction": 0.01}}


@pytest.fixture
def b(world: World) -> Iterator[Binding]:
    with open_binding(BINDING, world.config()) as binding:
        yield binding


def why(b: Binding, annotation_id: str) -> dict[str, Any]:
    return b.why(annotation_id).as_json()


def test_an_annotation_in_agreement_has_its_values_thrice(world: World, b: Binding) -> None:
    one = ids(world)[0]
    found = why(b, one)
    assert set(found) >= KEYS
    label = world.rows()[one]["label"]
    assert [found[each]["label"] for each in ("fiftyone", "database", "baseline")] == [label] * 3
    assert found["fiftyone"]["label_id"] == str(world.place(one)[1])
    assert found["rule"]["name"] == "in_agreement"
    assert (found["conflict"], found["waiting"], found["history"], found["not_synced"]) == (None, None, [], None)
    assert all(found["last_read"].values())


@pytest.mark.parametrize("full", [False, True])
def test_the_rule_is_the_one_that_the_next_run_goes_by(world: World, b: Binding, full: bool) -> None:
    edited, corrected, alike, erased, removed = ids(world)[:5]
    world.review(edited, label="One")
    world.correct(corrected, label="Two")
    world.review(alike, label="Same")
    world.correct(alike, label="Same")
    world.erase(erased)
    world.remove_row(removed)
    told = {each: b.why(each).rule.name for each in (edited, corrected, alike, erased, removed)}
    plan = b.plan(full=full).plan
    assert plan is not None
    happened = {each.annotation_id: each.reason for each in plan.changes}
    happened |= {each.annotation_id: each.kind for each in plan.conflicts}
    assert told == {each: happened[each] for each in told}
    assert told[edited] == "reviewed"
    assert told[erased] == "deleted_in_fiftyone"


def test_it_changes_nothing(world: World, b: Binding) -> None:
    one = ids(world)[0]
    world.review(one, label="One")
    before = (world.rows(), world.labels(), world.runs(), world.cursors(), world.baseline())
    b.why(one)
    assert (world.rows(), world.labels(), world.runs(), world.cursors(), world.baseline()) == before


def test_an_open_conflict_is_told_with_both_values_and_the_history(world: World, b: Binding) -> None:
    one = ids(world)[0]
    world.review(one, label="First")
    b.reconcile()
    disagree(world, one)
    found = why(b, one)
    assert found["rule"]["name"] == found["conflict"]["kind"] == "edit_edit"
    assert (found["fiftyone"]["label"], found["database"]["label"], found["baseline"]["label"]) == (
        "One",
        "Other",
        "First",
    )
    assert [each["new"] for each in found["history"]] == ["First"]
    assert "a person must decide" in found["not_synced"]


@pytest.mark.parametrize("world", [{"review": {"mode": "tagged"}}], indirect=True)
def test_an_edit_that_waits_for_review_says_so(world: World, b: Binding) -> None:
    one = ids(world)[0]
    world.review(one, label="One")
    b.reconcile()
    found = why(b, one)
    assert found["rule"]["name"] == "awaiting_review"
    assert found["waiting"]["new"] == "One"
    assert found["not_synced"].startswith("waits for review")


def test_a_row_whose_sample_is_not_in_the_dataset_is_not_ingested(world: World, b: Binding) -> None:
    new = world.add_row("/nowhere/new.png", "One")
    found = why(b, new)
    assert (found["fiftyone"], found["baseline"]) == (None, None)
    assert found["database"]["label"] == "One"
    assert found["rule"]["name"] == "not_ingested"
    assert found["not_synced"].startswith("not ingested")
    image = world.samples.find_one()["filepath"]
    there = world.add_row(image, "One")
    assert b.why(there).rule.name == "new_in_database"
    assert b.why(there).not_synced is None


def test_an_id_that_the_database_never_had_is_named_and_one_that_nobody_knows_is_an_error(
    world: World, b: Binding
) -> None:
    one, two = ids(world)[:2]
    given, drawn = (f"6f1d0c1e-0000-4000-8000-00000000000{each}" for each in "01")
    world.draw(world.samples.find_one({"_id": world.place(two)[0]})["filepath"], "One", annotation_id=drawn)
    assert b.why(drawn).rule.name == "unknown_id"
    world.review(one, annotation_id=given)
    assert b.why(given).rule.name == b.why(one).rule.name == "moved"
    assert "a person must decide" in why(b, given)["not_synced"]
    with pytest.raises(ConfigError, match="Nobody knows an annotation 'nobody'") as caught:
        b.why("nobody")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "world", [{"brakes": {"min_rows": 1, "min_count": 1, "max_change_fraction": 0.01}}], indirect=True
)
def test_of_a_held_binding_it_says_that_nothing_is_written(world: World, b: Binding) -> None:
    one, two = ids(world)[:2]
    for each in (one, two):
        world.review(each, label="One")
    assert b.reconcile().held
    found = why(b, one)
    assert found["rule"]["name"] == "reviewed"
    assert found["not_synced"].startswith("held: ")
