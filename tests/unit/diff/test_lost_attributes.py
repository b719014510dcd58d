"""Attributes that a label lost together are given back; one that a person clears is an edit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from syncd.diff import diff
from syncd.diff.inputs import UNFILLED_SCHEMA
from syncd.model import Brakes, Direction, Plan, Review
from unit.diff.world import CLASSIFICATION, NOON, SECOND, B, D, F, Row, brief, changes, kinds, plan_of, quiet, world

ALL = {"note": "x", "count": 7, "depth": 1.5}
FIELDS = ("note", "count", "depth")


def one(*fields: str, label: dict[str, Any], **given: Any) -> Plan:
    """A plan for one annotation, all of whose attributes were agreed, and whose label holds ``label``."""
    home = {**ALL, **given.pop("home", {})}
    base = {**ALL, **given.pop("base", {})}
    return plan_of(
        *(fields or FIELDS), b=[B("a", **base)], f=[F(**{"name": "a", **label})], d=[D("a", **home)], **given
    )


def filled(*fields: str) -> list[tuple[Any, ...]]:
    return [("fo", "update", "a", name, None, ALL[name], "restored") for name in sorted(fields)]


def test_a_label_that_lost_its_id_gets_its_attributes_back_and_its_new_class_goes_home() -> None:
    found = one(label={"name": None, "label_id": "l-a", "sample": "s-a", "label": "krill"})
    assert changes(found) == [
        *filled(*FIELDS),
        ("fo", "update", "a", "annotation_id", None, "a", "id_restored"),
        ("db", "update", "a", "label", "copepod", "krill", "reviewed"),
    ]
    assert found.conflicts == ()


def test_what_was_lost_is_given_back_before_the_id_so_that_a_run_that_dies_between_leaves_the_evidence() -> None:
    found = one("depth", label={"name": None, "label_id": "l-a", "sample": "s-a"})
    assert [each.field for each in found.changes] == ["depth", "annotation_id"]


@pytest.mark.parametrize("label_type", [CLASSIFICATION, None])
def test_a_label_made_anew_under_its_id_gets_back_even_a_single_attribute(label_type: Any) -> None:
    kind = {} if label_type is None else {"label_type": label_type}
    found = one("depth", label={"label_id": "l-new", "label": "krill"}, **kind)
    assert changes(found) == [*filled("depth"), ("db", "update", "a", "label", "copepod", "krill", "reviewed")]


def test_of_a_label_made_anew_what_is_missing_is_given_back_and_what_differs_is_an_edit() -> None:
    found = one(label={"label_id": "l-new", "note": "y", "count": 7})
    assert changes(found) == [*filled("depth"), ("db", "update", "a", "note", "x", "y", "reviewed")]


def test_a_label_made_anew_with_the_same_attributes_is_nothing_but_known_by_its_new_place() -> None:
    found = one(label={"label_id": "l-new", **ALL})
    assert (found.changes, found.conflicts, found.baseline["label_id"].to_list()) == ((), (), ["l-new"])


def test_all_attributes_that_had_values_lost_at_once_are_given_back() -> None:
    assert changes(one(label={})) == filled(*FIELDS)
    assert changes(one(label={}, base={"count": None}, home={"count": None})) == filled("note", "depth")


@pytest.mark.parametrize("mode", ["immediate", "tagged"])
def test_a_single_attribute_that_a_person_clears_is_an_edit(mode: str) -> None:
    cleared = {name: value for name, value in ALL.items() if name != "depth"}
    several, alone = one(label=cleared, review=Review(mode=mode)), one("depth", label={}, review=Review(mode=mode))
    for found in (several, alone):
        if mode == "tagged":
            assert (found.changes, [each.field for each in found.waiting]) == ((), ["depth"])
        else:
            assert changes(found) == [("db", "update", "a", "depth", 1.5, None, "reviewed")]


def test_two_attributes_cleared_one_after_the_other_are_two_edits() -> None:
    first = one("note", "depth", label={"note": "x", "at": NOON})
    assert changes(first) == [("db", "update", "a", "depth", 1.5, None, "reviewed")]
    gone = {"depth": None}
    second = one("note", "depth", label={"at": NOON + SECOND}, base=gone, home=gone)
    assert changes(second) == [("db", "update", "a", "note", "x", None, "reviewed")]


def test_some_of_the_attributes_cleared_at_once_are_edits() -> None:
    found = one(label={"note": "x"})
    assert [(each.field, each.new, each.reason) for each in found.changes] == [
        ("count", None, "reviewed"),
        ("depth", None, "reviewed"),
    ]


def test_a_label_gets_what_the_database_holds_by_now() -> None:
    found = one(label={}, home={"depth": 9.0})
    assert changes(found) == [
        *filled("count", "note"),
        ("fo", "update", "a", "depth", None, 9.0, "changed_at_home"),
    ]


def test_what_the_database_has_cleared_too_stays_cleared() -> None:
    found = one(label={}, home={"depth": None})
    assert [brief(each) for each in found.changes if each.field == "depth"] == [
        ("-", "update", "a", "depth", 1.5, None, "converged")
    ]
    nothing = dict.fromkeys(FIELDS)
    assert quiet(one(label={}, base=nothing, home=nothing))


@pytest.mark.parametrize("way", [each.value for each in Direction])
def test_it_is_given_back_whichever_way_the_attribute_travels(way: str) -> None:
    assert changes(one(f"note={way}", f"depth={way}", label={})) == filled("note", "depth")


def test_what_is_given_back_is_nobodys_edit() -> None:
    found = plan_of(
        "note", "depth", b=[B("a", **ALL)], f=[F("a", actor="ann")], d=[D("a", actor="ben", at=NOON, **ALL)]
    )
    assert {(each.reason, each.actor, each.edited_at) for each in found.changes} == {("restored", None, None)}


def test_what_the_sides_disagree_about_is_given_back_as_it_was_agreed() -> None:
    one_way = one("note=to_database", "depth", label={}, home={"note": "y"})
    assert (changes(one_way), kinds(one_way)) == (filled("note", "depth"), [("wrong_direction", "a", "note")])
    assert one_way.conflicts[0].fiftyone == "x"
    broken = plan_of(
        "note", "depth", b=[B("a", **ALL)], f=[F("a")], d=[D("a", problems={"depth": "deep"}, note="x")]
    )  # fmt: skip
    assert (changes(broken), kinds(broken)) == (filled("note", "depth"), [("unsafe_value", "a", "depth")])


def test_a_value_that_cannot_be_read_is_not_lost() -> None:
    found = one("note", "depth", label={"problems": {"depth": "deep"}})
    assert (changes(found)[0][3:], kinds(found)) == (("note", "x", None, "reviewed"), [("unsafe_value", "a", "depth")])


def test_an_approval_of_a_label_that_lost_its_attributes_is_heard() -> None:
    found = one(
        "note", "verified", label={"tags": ["ok"]}, base={"verified": False}, home={"verified": False},
        review=Review(approve=("ok",), verified="verified"),
    )  # fmt: skip
    assert changes(found) == [
        *filled("note"),
        ("db", "update", "a", "verified", False, True, "approved"),
        ("fo", "update", "a", "verified", None, True, "approved"),
    ]


def test_what_a_run_that_died_was_about_to_give_back_is_given_back_by_the_next() -> None:
    inputs = world("note", "depth", b=[B("a", **ALL)], f=[F("a", note="x")], d=[D("a", **ALL)])
    assert changes(diff(inputs)) == [("db", "update", "a", "depth", 1.5, None, "reviewed")]
    left = pl.DataFrame([("a", "depth")], schema=UNFILLED_SCHEMA, orient="row")
    assert changes(diff(replace(inputs, history=replace(inputs.history, unfilled=left)))) == filled("depth")


def test_a_label_that_lost_its_attributes_goes_with_its_row() -> None:
    given = {"b": [B("a", **ALL)], "d": []}
    assert changes(plan_of(*FIELDS, f=[F("a")], **given)) == [("fo", "delete", "a", "removed_in_database")]
    assert kinds(plan_of(*FIELDS, f=[F("a", note="x", count=7)], **given)) == [("deleted_in_database", "a", None)]


def test_a_whole_dataset_that_another_tool_returned_is_filled_without_a_brake() -> None:
    names = [f"a{number}" for number in range(100)]
    returned: dict[str, list[Row]] = {
        "without attributes": [F(name) for name in names],
        "without ids": [F(None, label_id=f"l-{name}", sample=f"s-{name}") for name in names],
        "made anew": [F(name, label_id=f"new-{name}") for name in names],
    }
    rows: dict[str, Any] = {"b": [B(name, **ALL) for name in names], "d": [D(name, **ALL) for name in names]}
    for labels in returned.values():
        found = plan_of(*FIELDS, f=labels, brakes=Brakes(), **rows)
        assert found.held is None
        assert {each.reason for each in found.changes} <= {"restored", "id_restored"}
        assert sum(each.reason == "restored" for each in found.changes) == 300


def test_what_the_database_fills_in_for_the_first_time_was_not_lost() -> None:
    """Nobody ever agreed on a value of it, so that the label made anew lacks nothing."""
    new = one("count", "note", label={"label_id": "l-new", "note": "x"}, base={"count": None})
    assert changes(new) == [("fo", "update", "a", "count", None, 7, "changed_at_home")]
    unknown = plan_of(
        "count",
        b=[B("a", unknown=("count",))],
        f=[F("a", label_id="l-new")],
        d=[D("a", count=7)],
        first_sync="database",
    )
    assert changes(unknown) == [("fo", "update", "a", "count", None, 7, "first_sync")]
