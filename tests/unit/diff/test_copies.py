"""An id on several labels: the original goes on being synced, each copy is a conflict of its own."""

from __future__ import annotations

from typing import Any

import pytest

from unit.diff.world import LABEL, B, D, F, changes, kinds, only, plan_of

EDIT = [("db", "update", "a", LABEL, "copepod", "krill", "reviewed")]


def copies(plan: Any) -> list[tuple[str, Any, Any, Any]]:
    return [(each.kind, each.annotation_id, each.label_id, each.sample_id) for each in plan.conflicts]


@pytest.mark.parametrize(
    "copy",
    [
        F("a", label_id="l-2", sample="s-a", label="salp"),
        F("a", label_id="l-2", sample="s-2", label="salp"),
        F("a", label_id="l-a", sample="s-2", label="salp"),
    ],
    ids=["in the same sample", "on another sample", "with its label id"],
)
def test_the_original_goes_on_being_synced_and_the_copy_is_a_conflict(copy: Any) -> None:
    plan = plan_of(b=[B("a")], f=[copy, F("a", label="krill")], d=[D("a")])
    assert changes(plan) == EDIT
    assert plan.changes[0].label_id == "l-a"
    assert plan.changes[0].sample_id == "s-a"
    (conflict,) = plan.conflicts
    assert (conflict.kind, conflict.annotation_id) == ("duplicate_id", "a")
    assert (conflict.label_id, conflict.sample_id) == (copy.columns["label_id"], copy.columns["sample_id"])
    assert isinstance(conflict.fiftyone, dict)
    assert conflict.fiftyone[LABEL] == "salp"


def test_each_copy_is_a_conflict_of_its_own() -> None:
    places = [("l-2", "s-a"), ("l-3", "s-a"), ("l-a", "s-2"), ("l-a", "s-3"), ("l-4", "s-4")]
    plan = plan_of(b=[B("a")], f=[F("a"), *(F("a", label_id=li, sample=s) for li, s in places)], d=[D("a")])
    assert {(label, sample) for _, _, label, sample in copies(plan)} == set(places)
    assert len({each.subject for each in plan.conflicts}) == len(places)


def test_without_an_original_all_are_conflicts_and_the_annotation_is_held() -> None:
    labels = [F("a", label_id="l-2", sample="s-a", label="krill"), F("a", label_id="l-3", sample="s-3", label="salp")]
    for policy in ("delete", "restore", "quarantine"):
        plan = plan_of(b=[B("a")], f=labels, d=[D("a", label="ctenophore")], on_fiftyone_delete=policy)
        assert changes(plan) == []
        assert copies(plan) == [("duplicate_id", "a", "l-2", "s-a"), ("duplicate_id", "a", "l-3", "s-3")]
        assert (plan.dropped, plan.baseline.height) == ((), 0)


@pytest.mark.parametrize("rows", [[], [D("a")]])
def test_an_id_that_was_never_met_is_not_taken_from_one_of_several_labels(rows: Any) -> None:
    plan = plan_of(f=[F("a", label_id="l-2"), F("a", label_id="l-3")], d=rows)
    assert changes(plan) == []
    assert [each[0] for each in copies(plan)] == ["duplicate_id", "duplicate_id"]


def test_a_carried_label_with_several_copies_loses_none_of_them() -> None:
    labels = [F(None, label_id="l-a", sample="s-2"), F(None, label_id="l-a", sample="s-3")]
    plan = plan_of(b=[B("a")], f=labels, d=[D("a")])
    assert changes(plan) == []
    assert copies(plan) == [("moved", "a", "l-a", "s-2"), ("moved", "a", "l-a", "s-3")]


def test_one_label_listed_twice_in_its_sample_cannot_be_addressed() -> None:
    plan = plan_of(b=[B("a")], f=[F("a", label="krill"), F("a", label="salp")], d=[D("a")])
    (conflict,) = plan.conflicts
    assert (changes(plan), conflict.kind, conflict.label_id) == ([], "duplicate_id", "l-a")


def test_one_label_id_twice_in_a_sample_under_two_ids_holds_both() -> None:
    labels = [F("a", label_id="l", sample="s"), F("b", label_id="l", sample="s")]
    plan = plan_of(f=labels, d=[D("a"), D("b")])
    assert changes(plan) == []
    assert {each[:2] for each in copies(plan)} == {("duplicate_id", "a"), ("duplicate_id", "b")}
    known = plan_of(b=[B("a", label_id="l", sample="s")], f=labels, d=[D("a"), D("b", label="x")])
    assert changes(known) == []
    assert {each[:2] for each in copies(known)} >= {("duplicate_id", "a")}


def test_one_label_id_twice_in_a_sample_without_ids_is_a_conflict() -> None:
    labels = [F(None, label_id="l", sample="s", label=each) for each in ("x", "y")]
    plan = plan_of(f=labels)
    assert copies(plan) == [("duplicate_id", None, "l", "s")]


def test_a_doubled_label_with_a_foreign_id_does_not_hold_the_original_of_that_id() -> None:
    doubled = [F("a", label_id="l", sample="s"), F("a", label_id="l", sample="s")]
    plan = plan_of(b=[B("a")], f=[F("a", label="krill"), *doubled], d=[D("a")])
    assert changes(plan) == EDIT
    assert copies(plan) == [("duplicate_id", "a", "l", "s")]


def test_the_same_label_id_on_two_samples_under_two_ids_is_two_labels() -> None:
    plan = plan_of(f=[F("a", label_id="l", sample="s"), F("b", label_id="l", sample="s2")], d=[D("a"), D("b")])
    assert (plan.changes, plan.conflicts, plan.baseline.height) == ((), (), 2)


def test_a_copy_whose_id_was_changed_to_that_of_a_renamed_label_is_not_lost_sight_of() -> None:
    # l-a was renamed to z; another, unknown label bears z as well.
    labels = [F("z", label_id="l-a", sample="s-a"), F("z", label_id="l-9", sample="s-9")]
    plan = plan_of(b=[B("a")], f=labels, d=[D("a"), D("z")])
    assert changes(plan) == []
    assert {(kind, label) for kind, _, label, _ in copies(plan)} == {("moved", "l-a"), ("duplicate_id", "l-9")}


@pytest.mark.parametrize("copies_of_it", [1, 2])
def test_rows_that_share_an_id_hold_it_however_many_labels_bear_it(copies_of_it: int) -> None:
    labels = [F("a"), F("a", label_id="l-2", sample="s-2")][:copies_of_it]
    plan = plan_of(b=[B("a")], f=labels, d=[D("a", label="krill"), D("a", label="salp")])
    assert changes(plan) == []
    assert len(kinds(plan)) == copies_of_it
    assert plan.scope.judged("a", None, None)


def test_a_label_in_doubt_is_named_beside_the_rows_that_share_its_id() -> None:
    plan = plan_of(b=[B("a")], f=[F("z", label_id="l-a", sample="s-a")], d=[D("a"), D("a")])
    assert changes(plan) == []
    assert {(each.kind, each.label_id) for each in plan.conflicts} == {("duplicate_id", None), ("moved", "l-a")}


def test_a_row_that_shares_its_id_says_how_many_do() -> None:
    conflict = only(plan_of(d=[D("a"), D("a"), D("a")]))
    assert conflict.database == "3 rows share this id"


def test_the_outcome_does_not_depend_on_which_copy_is_read_first() -> None:
    labels = [F("a", label_id=f"l-{n}", sample=f"s-{n % 2}", label=str(n)) for n in range(4)]
    plans = [plan_of(b=[B("a")], f=order, d=[D("a")]) for order in (labels, labels[::-1])]
    assert plans[0].conflicts == plans[1].conflicts
    assert len(plans[0].conflicts) == 4


def test_one_label_object_assigned_to_several_samples_is_a_new_label_on_each() -> None:
    # They share their label id, whether they are drawn in one go or one after the other.
    plan = plan_of(b=[B("a")], f=[F("a"), *(F(None, label_id="l-a", sample=f"s-{n}") for n in (1, 2))], d=[D("a")])
    assert [(each.reason, each.label_id, each.sample_id) for each in plan.changes] == [
        ("drawn_in_fiftyone", "l-a", "s-1"),
        ("drawn_in_fiftyone", "l-a", "s-2"),
    ]
    assert plan.conflicts == ()
