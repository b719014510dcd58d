"""Rows that the database keeps and does not show: hidden is neither there nor deleted."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.diff import diff
from unit.diff.applier import State, applied
from unit.diff.world import (
    CLASSIFICATION,
    LABEL,
    NOON,
    B,
    D,
    F,
    S,
    changes,
    hand,
    kinds,
    mapping,
    only,
    opened,
    plan_of,
    quiet,
    written,
)

BOTH_READS = pytest.mark.parametrize("complete", [True, False])


def hidden(*fields: Any, **given: Any) -> Any:
    """A plan of a world in which the row of ``a`` is hidden and another annotation is in agreement."""
    for side, make in (("b", B), ("f", F), ("d", D)):
        given[side] = [*given.get(side, []), make("z")]
    return plan_of(*fields, hidden=("a",), **given)


@BOTH_READS
def test_a_hidden_row_removes_no_label_and_is_a_conflict(complete: bool) -> None:
    conflict = only(plan := hidden(b=[B("a")], f=[F("a")], complete=complete))
    assert (conflict.kind, conflict.annotation_id, conflict.field) == ("hidden", "a", None)
    assert conflict.database is None
    assert conflict.fiftyone == {LABEL: "copepod", "annotation_id": "a", "label_id": "l-a", "sample_id": "s-a"}
    assert plan.dropped == ()
    assert plan.hints == ()


@BOTH_READS
def test_where_policy_says_so_the_label_of_a_hidden_row_is_removed(complete: bool) -> None:
    plan = hidden(b=[B("a")], f=[F("a")], on_hidden="remove", complete=complete)
    assert changes(plan) == [("fo", "delete", "a", "hidden_in_database")]
    assert kinds(plan) == []


@BOTH_READS
def test_a_label_that_was_edited_is_a_conflict_whatever_the_policy(complete: bool) -> None:
    plan = hidden(b=[B("a")], f=[F("a", label="krill", at=NOON, actor="ada")], on_hidden="remove", complete=complete)
    conflict = only(plan)
    assert conflict.kind == "hidden"
    assert (conflict.in_fiftyone.by, conflict.in_fiftyone.at) == ("ada", NOON)


def test_the_policy_for_deletions_is_not_that_for_hidden_rows() -> None:
    assert kinds(hidden(b=[B("a")], f=[F("a")], on_database_delete="remove")) == [("hidden", "a", None)]
    gone = plan_of(b=[B("a"), B("z")], f=[F("a"), F("z")], d=[D("z")], on_database_delete="remove")
    assert changes(gone) == [("fo", "delete", "a", "removed_in_database")]


def test_what_has_no_label_and_a_hidden_row_is_forgotten_and_logged() -> None:
    plan = hidden(b=[B("a")])
    assert changes(plan) == [("-", "delete", "a", "gone_and_hidden")]
    assert plan.dropped == ("a",)


def test_only_a_complete_reading_says_that_a_hidden_row_has_no_label() -> None:
    plan = hidden(b=[B("a")], complete=False)
    assert changes(plan) == []
    assert plan.hints != ()


@BOTH_READS
def test_a_label_that_was_never_agreed_on_with_its_hidden_row_bears_no_unknown_id(complete: bool) -> None:
    assert only(hidden(f=[F("a")], complete=complete)).kind == "hidden"
    assert only(hidden(f=[F("a")], complete=complete, on_hidden="remove")).kind == "hidden"
    assert only(hidden(f=[F("b")], complete=complete)).kind == "unknown_id"


def test_a_label_that_syncd_removed_for_its_hidden_row_and_that_came_back_is_taken_off_again() -> None:
    lately = [written("a", "delete", old={LABEL: "copepod"})]
    given: dict[str, Any] = {"f": [F("a")], "lately": lately, "by_hand": [hand("s-a")]}
    assert changes(hidden(**given)) == [("fo", "delete", "a", "stale_revert")]


@BOTH_READS
def test_a_hidden_row_is_asked_about_once(complete: bool) -> None:
    told = [opened("a", "hidden", None)]
    plan = hidden(b=[B("a")], f=[F("a")], conflicts=told, complete=complete)
    assert kinds(plan) == [("hidden", "a", None)]
    assert plan.scope.judged("a", "l-a")


def test_whoever_was_told_that_a_row_is_hidden_does_not_know_that_it_was_deleted() -> None:
    given: dict[str, Any] = {"b": [B("a"), B("z")], "f": [F("a"), F("z")], "d": [D("z")]}
    told = [opened("a", "hidden", None)]
    assert plan_of(**given, conflicts=told, complete=False).hints != ()
    assert changes(plan_of(**given, conflicts=told)) == [("fo", "delete", "a", "removed_in_database")]


def test_conflicts_about_a_field_of_a_hidden_annotation_stay_as_they_are() -> None:
    plan = hidden(b=[B("a")], f=[F("a", label="krill")], conflicts=[opened("a", "edit_edit")])
    assert not plan.scope.judged("a", "l-a", LABEL)


def test_a_row_that_shows_again_closes_the_conflict_and_goes_on_being_synced() -> None:
    state = State(mapping(), [B("a"), B("z")], [F("a"), F("z")], [D("a"), D("z")], [], hidden={"a"})
    state = applied(state, diff(state.inputs()))
    assert [each["kind"] for each in state.conflicts] == ["hidden"]
    state.hidden.clear()
    state.d[0].values[LABEL] = "krill"
    plan = diff(state.inputs())
    assert changes(plan) == [("fo", "update", "a", LABEL, "copepod", "krill", "changed_at_home")]
    state = applied(state, plan)
    assert state.conflicts == []
    assert quiet(diff(state.inputs()))


def test_a_removed_label_is_inserted_anew_when_its_row_shows_again() -> None:
    given = {"on_hidden": "remove"}
    mapped = mapping(label_type=CLASSIFICATION)
    state = State(mapped, [B("a"), B("z")], [F("a"), F("z")], [D("a"), D("z")], [S("s-a")], given=given)
    state.hidden = {"a"}
    state = applied(state, diff(state.inputs()))
    assert quiet(diff(state.inputs()))
    state.hidden.clear()
    assert changes(diff(state.inputs())) == [("fo", "insert", "a", "new_in_database")]


def many(count: int, **given: Any) -> Any:
    names = [f"a{number:03}" for number in range(200)]
    gone = set(names[:count])
    rows = [D(name) for name in names if name not in gone]
    labels = [F(name) for name in names]
    return plan_of(b=[B(name) for name in names], f=labels, d=rows, hidden=tuple(gone), **given)


def test_a_view_that_hides_too_many_rows_holds_the_binding() -> None:
    assert many(40).held is None
    held = str(many(41).held)
    assert "41 annotations would become conflicts (41 hidden), where 200 are known" in held


def test_labels_that_are_removed_for_hidden_rows_count_as_deletions() -> None:
    assert many(9, on_hidden="remove").held is None
    assert "10 of 200 annotations are gone from the database" in str(many(10, on_hidden="remove").held)
