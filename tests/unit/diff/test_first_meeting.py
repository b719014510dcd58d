"""Values that were never agreed on: annotations met for the first time, and attributes mapped later."""

from __future__ import annotations

from typing import Any

import pytest

from unit.diff.world import BOX, KINDS, LABEL, VALUES, B, D, F, agreed, changes, field, kinds, opened, plan_of

DIRECTIONS = ["both", "to_database", "to_fiftyone"]
POLICIES = ["quarantine", "database", "fiftyone"]


@pytest.mark.parametrize("name", list(KINDS))
@pytest.mark.parametrize("way", DIRECTIONS)
@pytest.mark.parametrize("policy", POLICIES)
def test_different_values_are_settled_by_first_sync_as_far_as_the_field_may_travel(
    name: str, way: str, policy: str
) -> None:
    mine, theirs, _ = VALUES[name]
    plan = plan_of(field(name, way), f=[F("a", **{name: mine})], d=[D("a", **{name: theirs})], first_sync=policy)
    if policy == "database" and way != "to_database":
        assert changes(plan) == [("fo", "update", "a", name, mine, theirs, "first_sync")]
    elif policy == "fiftyone" and way != "to_fiftyone":
        assert changes(plan) == [("db", "update", "a", name, theirs, mine, "first_sync")]
    else:
        assert changes(plan) == []
        assert kinds(plan) == [("no_baseline", "a", name)]
        assert plan.conflicts[0].base is None
    assert plan.counts.first_met == 1
    assert name not in agreed(plan)["a"], "nothing was agreed on"


@pytest.mark.parametrize("policy", POLICIES)
def test_what_agrees_is_recorded_whatever_else_differs(policy: str) -> None:
    plan = plan_of("note", f=[F("a", note="x")], d=[D("a", label="krill", note="x")], first_sync=policy)
    assert agreed(plan)["a"] == {"note": "x"}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("way", ["both", "to_fiftyone"])
def test_an_attribute_that_fiftyone_never_had_is_filled_from_the_database(policy: str, way: str) -> None:
    plan = plan_of(field("depth", way), f=[F("a")], d=[D("a", depth=4.5)], first_sync=policy)
    assert changes(plan) == [("fo", "update", "a", "depth", None, 4.5, "first_sync")]
    assert plan.conflicts == ()


@pytest.mark.parametrize("name", [LABEL, "depth"])
def test_what_fiftyone_lacks_never_erases_a_value_at_the_first_meeting(name: str) -> None:
    value = VALUES[name][1]
    way = "both" if name == LABEL else "to_database"
    plan = plan_of(field(name, way), f=[F("a", **{name: None})], d=[D("a", **{name: value})], first_sync="fiftyone")
    assert changes(plan) == []
    assert kinds(plan) == [("no_baseline", "a", name)]


def test_a_null_label_in_fiftyone_is_for_a_person() -> None:
    assert kinds(plan_of(f=[F("a", label=None)], d=[D("a")])) == [("no_baseline", "a", LABEL)]


def test_a_null_label_on_both_sides_is_agreed() -> None:
    assert agreed(plan_of(f=[F("a", label=None)], d=[D("a", label=None)])) == {"a": {LABEL: None}}


def mapped_later(fiftyone: Any, database: Any, **given: Any) -> Any:
    """``note`` was mapped after the annotation's baseline had been recorded."""
    return plan_of(
        given.pop("note", "note"),
        b=[B("a", unknown=("note",))],
        f=[F("a", note=fiftyone)],
        d=[D("a", note=database)],
        **given,
    )


def test_an_attribute_mapped_later_is_agreed_where_both_sides_have_it_alike() -> None:
    plan = mapped_later("x", "x")
    assert (plan.changes, plan.conflicts, plan.counts.first_met) == ((), (), 0)
    assert agreed(plan) == {"a": {LABEL: "copepod", "note": "x"}}


def test_an_attribute_mapped_later_that_is_null_on_both_sides_is_agreed_as_null() -> None:
    assert agreed(mapped_later(None, None)) == {"a": {LABEL: "copepod", "note": None}}


def test_an_attribute_mapped_later_is_filled_in_fiftyone() -> None:
    assert changes(mapped_later(None, "x")) == [("fo", "update", "a", "note", None, "x", "first_sync")]


@pytest.mark.parametrize("database", [None, "y"])
def test_an_attribute_mapped_later_is_no_edit_of_what_the_other_side_has(database: str | None) -> None:
    assert kinds(mapped_later("x", database)) == [("no_baseline", "a", "note")]


def test_a_difference_in_a_field_mapped_later_leaves_the_other_fields_alone() -> None:
    plan = plan_of("note", b=[B("a", unknown=("note",))], f=[F("a", label="krill", note="x")], d=[D("a", note="y")])
    assert changes(plan) == [("db", "update", "a", LABEL, "copepod", "krill", "reviewed")]
    assert kinds(plan) == [("no_baseline", "a", "note")]
    assert agreed(plan) == {"a": {LABEL: "copepod"}}


def test_the_baseline_remembers_which_label_bears_an_id_even_where_no_value_was_agreed() -> None:
    plan = plan_of(f=[F("a", label="krill")], d=[D("a")])
    assert agreed(plan) == {"a": {}}
    assert plan.baseline.select("annotation_id", "label_id", "sample_id").row(0) == ("a", "l-a", "s-a")


def test_an_annotation_that_was_never_agreed_on_is_not_deleted_without_asking() -> None:
    nothing = B("a", unknown=(LABEL,))
    gone = plan_of(b=[nothing], d=[D("a")], on_fiftyone_delete="delete")
    assert (changes(gone), kinds(gone)) == ([], [("deleted_in_fiftyone", "a", None)])
    gone = plan_of(b=[nothing], f=[F("a")])
    assert (changes(gone), kinds(gone)) == ([], [("deleted_in_database", "a", None)])


def test_an_open_first_meeting_follows_a_policy_that_is_given_later() -> None:
    rows: dict[str, Any] = {"f": [F("a", label="krill")], "d": [D("a")], "conflicts": [opened("a", "no_baseline")]}
    assert kinds(plan_of(**rows)) == [("no_baseline", "a", LABEL)]
    assert changes(plan_of(**rows, first_sync="database")) == [
        ("fo", "update", "a", LABEL, "krill", "copepod", "first_sync")
    ]


def test_a_box_is_not_a_reviewer_s_edit_at_the_first_meeting() -> None:
    mine, theirs, _ = VALUES[BOX]
    plan = plan_of(field(BOX, "to_fiftyone"), f=[F("a", box=mine)], d=[D("a", box=theirs)])
    assert kinds(plan) == [("no_baseline", "a", BOX)]
