"""What a window that was open while syncd wrote puts back: written again once, and then asked about.

It is known for that by another label of the same list that its user changed; :mod:`unit.diff.test_reverts` tells it
from an edit.
"""

from __future__ import annotations

from typing import Any

import pytest

from syncd.diff.findings import ASKED
from syncd.model import Review, Vocabulary
from syncd.model.vocabulary import Term
from unit.diff.world import (
    CLASSIFICATIONS,
    KINDS,
    LABEL,
    VALUES,
    B,
    D,
    F,
    S,
    agreed,
    changes,
    field,
    hand,
    kinds,
    mapping,
    only,
    opened,
    plan_of,
    quiet,
    written,
)

ONE = mapping(label_type=CLASSIFICATIONS)
WINDOW = [hand("s-a")]


def reverted(name: str, *, reason: str = "changed_at_home", **given: Any) -> Any:
    """syncd replaced the first value by the second; FiftyOne is back at the first."""
    old, new, _ = VALUES[name]
    return plan_of(
        given.pop("field", name),
        b=[B("a", **{name: new})],
        f=[F("a", **{name: given.pop("fiftyone", old)})],
        d=[D("a", **{name: given.pop("database", new)})],
        lately=[written("a", on=name, old=old, reason=reason), *given.pop("lately", [])],
        by_hand=WINDOW,
        **given,
    )


@pytest.mark.parametrize("name", list(KINDS))
def test_a_value_that_returns_to_what_syncd_replaced_is_replaced_once_more(name: str) -> None:
    old, new, _ = VALUES[name]
    assert changes(reverted(name)) == [("fo", "update", "a", name, old, new, "stale_revert")]


@pytest.mark.parametrize("name", list(KINDS))
def test_a_value_that_returns_a_second_time_is_a_conflict(name: str) -> None:
    plan = reverted(name, reason="stale_revert")
    assert (changes(plan), kinds(plan)) == ([], [("stale_revert", "a", name)])


def test_on_stale_revert_quarantine_asks_at_once() -> None:
    assert only(reverted(LABEL, on_stale_revert="quarantine")).kind == "stale_revert"


@pytest.mark.parametrize("name", list(KINDS))
def test_any_other_value_is_a_normal_edit(name: str) -> None:
    _, new, other = VALUES[name]
    plan = reverted(name, fiftyone=other)
    assert changes(plan) == [("db", "update", "a", name, new, other, "reviewed")]


def test_a_null_that_returns_is_recognised() -> None:
    plan = plan_of(
        "note",
        b=[B("a", note="x")],
        f=[F("a")],
        d=[D("a", note="x")],
        lately=[written("a", on="note", old=None)],
        by_hand=WINDOW,
    )
    assert changes(plan) == [("fo", "update", "a", "note", None, "x", "stale_revert")]


def test_what_is_written_again_is_what_the_database_holds_by_now() -> None:
    plan = reverted(LABEL, database="salp")
    assert changes(plan) == [("fo", "update", "a", LABEL, "copepod", "salp", "stale_revert")]


def test_a_stale_value_that_the_database_took_up_as_well_has_converged() -> None:
    plan = reverted(LABEL, database="copepod")
    assert [each[-1] for each in changes(plan)] == ["converged"]
    assert agreed(plan)["a"] == {LABEL: "copepod"}


def test_an_old_write_of_another_field_or_annotation_means_nothing() -> None:
    edit = [("db", "update", "a", LABEL, "krill", "copepod", "reviewed")]
    rows: dict[str, Any] = {"b": [B("a", label="krill")], "f": [F("a")], "d": [D("a", label="krill")]}
    rows |= {"by_hand": WINDOW}
    assert changes(plan_of("note", **rows, lately=[written("a", on="note", old="copepod")])) == edit
    assert changes(plan_of(**rows, lately=[written("b", old="copepod")])) == edit
    assert changes(plan_of(**rows, lately=[written("a", "insert")])) == edit


def test_what_syncd_wrote_and_nobody_touched_is_no_revert() -> None:
    assert quiet(plan_of(b=[B("a")], f=[F("a")], d=[D("a")], lately=[written("a", old="copepod")]))


def test_a_stale_value_within_tolerance_is_recognised() -> None:
    plan = reverted("depth", lately=[written("a", on="depth", old=5.0)], fiftyone=5.0 * (1 + 1e-12))
    assert [each[-1] for each in changes(plan)] == ["stale_revert"]


def test_one_reapplied_field_does_not_use_up_the_others() -> None:
    plan = plan_of(
        "note",
        b=[B("a", label="krill", note="new")],
        f=[F("a", label="copepod", note="old")],
        d=[D("a", label="krill", note="new")],
        lately=[written("a", old="copepod", reason="stale_revert"), written("a", on="note", old="old")],
        by_hand=WINDOW,
    )
    assert changes(plan) == [("fo", "update", "a", "note", "old", "new", "stale_revert")]
    assert kinds(plan) == [("stale_revert", "a", LABEL)]


def test_a_field_that_no_longer_travels_to_fiftyone_is_not_written_there() -> None:
    plan = reverted("note", field=field("note", "to_database"))
    assert (changes(plan), kinds(plan)) == ([], [("stale_revert", "a", "note")])


def test_an_unsafe_value_is_not_written_again() -> None:
    plan = reverted(LABEL, database="20240101")
    assert (changes(plan), kinds(plan)) == ([], [("unsafe_value", "a", LABEL)])


# a label that disappears right after syncd inserted it


def vanished(reason: str = "new_in_database", row: Any = None, mapped: Any = ONE, **given: Any) -> Any:
    return plan_of(
        mapped=mapped,
        b=[B("a")],
        d=[row or D("a")],
        lately=[written("a", "insert", reason=reason)],
        by_hand=WINDOW,
        **given,
    )


def test_a_label_that_disappears_right_after_its_insertion_is_inserted_once_more() -> None:
    plan = vanished()
    assert changes(plan) == [("fo", "insert", "a", "stale_revert")]
    assert plan.changes[0].sample_id == "s-a"


def test_a_label_that_disappears_twice_is_a_conflict() -> None:
    assert only(vanished("stale_revert")).kind == "stale_revert"
    assert only(vanished(on_stale_revert="quarantine")).kind == "stale_revert"


@pytest.mark.parametrize("policy", ["delete", "restore"])
def test_its_row_is_never_deleted_for_it(policy: str) -> None:
    assert only(vanished("stale_revert", on_fiftyone_delete=policy)).kind == "stale_revert"
    assert changes(vanished(on_fiftyone_delete=policy)) == [("fo", "insert", "a", "stale_revert")]


def test_the_conflict_about_it_stays_after_the_window_has_passed() -> None:
    plan = plan_of(b=[B("a")], d=[D("a")], conflicts=[opened("a", "stale_revert", None)], on_fiftyone_delete="delete")
    assert only(plan).kind == "stale_revert"


def test_the_conflict_about_it_closes_when_the_label_is_back() -> None:
    plan = plan_of(b=[B("a")], f=[F("a")], d=[D("a")], conflicts=[opened("a", "stale_revert", None)])
    assert (plan.changes, plan.conflicts) == ((), ())
    assert plan.scope.judged("a", "l-a", None)


def test_it_is_not_inserted_with_a_value_that_breaks_the_dataset() -> None:
    assert only(vanished(row=D("a", label="2024-01-01"))).kind == "unsafe_value"
    assert only(vanished(row=D("a", label=None, problems={LABEL: "?"}))).kind == "unsafe_value"
    assert only(vanished(row=D("a"), mapped=mapping("box"))).kind == "unsafe_value"


# a label that comes back after syncd removed it


def back(reason: str = "removed_in_database", was: Any = None, **given: Any) -> Any:
    removed = written("a", "delete", old=was or {LABEL: "copepod"}, reason=reason)
    return plan_of(f=[F("a")], lately=[removed], by_hand=WINDOW, **given)


def test_a_label_that_comes_back_is_removed_once_more() -> None:
    plan = back()
    assert changes(plan) == [("fo", "delete", "a", "stale_revert")]
    assert plan.changes[0].old == {LABEL: "copepod"}


def test_a_label_that_comes_back_twice_is_a_conflict() -> None:
    assert only(back("stale_revert")).kind == "stale_revert"
    assert only(back(on_stale_revert="quarantine")).kind == "stale_revert"


def test_a_label_that_comes_back_with_an_edit_is_left_to_a_person() -> None:
    plan = back(was={LABEL: "krill"})
    assert (changes(plan), kinds(plan)) == ([], [("stale_revert", "a", None)])


def test_a_label_that_comes_back_as_an_earlier_removal_left_it_is_removed_once_more() -> None:
    lately = [written("a", "delete", old={LABEL: label}) for label in ("copepod", "krill")]
    assert changes(plan_of(f=[F("a")], lately=lately, by_hand=WINDOW)) == [("fo", "delete", "a", "stale_revert")]


def test_the_conflict_about_its_return_stays_after_the_window_has_passed() -> None:
    plan = plan_of(f=[F("a")], conflicts=[opened("a", "stale_revert", None)])
    assert only(plan).kind == "stale_revert"


def test_its_return_is_an_ordinary_first_meeting_where_the_row_is_back_too() -> None:
    plan = plan_of(
        f=[F("a")], d=[D("a")], lately=[written("a", "delete")], conflicts=[opened("a", "stale_revert", None)]
    )
    assert (plan.changes, plan.conflicts) == ((), ())
    assert agreed(plan) == {"a": {LABEL: "copepod"}}


def test_a_return_with_a_value_that_cannot_be_logged_is_left_to_a_person() -> None:
    plan = plan_of("depth", f=[F("a", depth=float("nan"))], lately=[written("a", "delete")], by_hand=WINDOW)
    assert only(plan).kind == "stale_revert"
    unread = plan_of("depth", f=[F("a", problems={"depth": "deep"})], lately=[written("a", "delete")], by_hand=WINDOW)
    assert only(unread).kind == "stale_revert"


def test_a_partial_read_removes_nothing_again() -> None:
    plan = back(complete=False)
    assert [each for each in plan.changes if each.action.value == "delete"] == []
    assert plan.hints


def test_a_label_drawn_anew_after_its_like_was_removed_is_a_new_label() -> None:
    plan = plan_of(f=[F(None, label_id="l9", sample="s-a")], lately=[written("a", "delete")], samples=[S("s-a")])
    assert changes(plan) == [("db", "insert", None, "drawn_in_fiftyone")]


def test_a_label_that_comes_back_with_a_tag_that_asks_for_something_is_left_to_a_person() -> None:
    removed = written("a", "delete", old={LABEL: "copepod"}, reason="removed_in_database")
    words = Vocabulary((Term("copepod"), Term("krill")))
    given: dict[str, Any] = {"lately": [removed], "by_hand": WINDOW, "vocabulary": words, "review": Review()}
    conflict = only(plan_of(f=[F("a", tags=["krill"])], **given))
    assert conflict.kind == "stale_revert"
    assert isinstance(conflict.fiftyone, dict) and conflict.fiftyone[ASKED] == ["krill"]
    assert changes(plan_of(f=[F("a")], **given)) == [("fo", "delete", "a", "stale_revert")]


# what is remembered of one annotation says nothing of another


def test_a_label_about_which_a_person_was_asked_holds_no_other_back() -> None:
    told = [opened("a", "stale_revert", None)]
    gone = plan_of(b=[B("a"), B("z")], d=[D("a"), D("z")], conflicts=told, on_fiftyone_delete="delete")
    assert changes(gone) == [("db", "delete", "z", "deleted_in_fiftyone")]
    assert kinds(gone) == [("stale_revert", "a", None)]
    strange = plan_of(f=[F("a"), F("z")], conflicts=told)
    assert sorted(kinds(strange)) == [("stale_revert", "a", None), ("unknown_id", "z", None)]


def test_a_value_that_was_written_again_or_refused_holds_no_other_back() -> None:
    edits: dict[str, Any] = {
        "b": [B("a"), B("z")],
        "f": [F("a", label="krill"), F("z", label="krill")],
        "d": [D("a"), D("z")],
    }
    refused = plan_of(**edits, conflicts=[opened("a", "refused_by_database", LABEL, "krill")])
    assert changes(refused) == [("db", "update", "z", LABEL, "copepod", "krill", "reviewed")]
    assert kinds(refused) == [("refused_by_database", "a", LABEL)]
    again = plan_of(**edits, lately=[written("a", old="krill", reason="stale_revert")], by_hand=WINDOW)
    assert changes(again) == [("db", "update", "z", LABEL, "copepod", "krill", "reviewed")]
    assert kinds(again) == [("stale_revert", "a", LABEL)]
