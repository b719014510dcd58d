"""Which label is which annotation: ids that are lost, restored, moved, exchanged, replaced."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.model import Direction, Plan
from unit.diff.world import (
    CLASSIFICATION,
    CLASSIFICATIONS,
    LABEL,
    B,
    D,
    F,
    S,
    agreed,
    changes,
    kinds,
    mapping,
    only,
    plan_of,
    quiet,
)

WHERE = [1 / 8, 1 / 8, 1 / 4, 1 / 4]
NEARLY = [5 / 32, 1 / 8, 1 / 4, 1 / 4]
BESIDE = [5 / 8, 5 / 8, 1 / 4, 1 / 4]


def untouched(plan: Plan, *ids: str) -> bool:
    """Whether the plan writes nothing of these annotations and moves no baseline of theirs."""
    moved = set(plan.baseline["annotation_id"]) | set(plan.dropped)
    return not {each.annotation_id for each in plan.changes} & set(ids) and not moved & set(ids)


# an id that was lost


def test_a_known_label_that_lost_its_id_gets_it_back() -> None:
    plan = plan_of(b=[B("a")], f=[F(None, label_id="l-a", sample="s-a")], d=[D("a")])
    assert changes(plan) == [("fo", "update", "a", "annotation_id", None, "a", "id_restored")]
    (change,) = plan.changes
    assert (change.label_id, change.sample_id, plan.conflicts) == ("l-a", "s-a", ())


def test_a_label_that_lost_its_id_goes_on_being_synced() -> None:
    plan = plan_of(b=[B("a")], f=[F(None, label_id="l-a", sample="s-a", label="krill")], d=[D("a")])
    assert changes(plan) == [
        ("fo", "update", "a", "annotation_id", None, "a", "id_restored"),
        ("db", "update", "a", LABEL, "copepod", "krill", "reviewed"),
    ]


def test_an_id_is_not_restored_where_another_label_bears_it() -> None:
    # Restoring it would make a duplicate; which of the two is the annotation, only a person can say.
    lost, bearer = F(None, label_id="l-a", sample="s-a"), F("a", label_id="l-2", sample="s-a", label="krill")
    plan = plan_of(b=[B("a")], f=[lost, bearer], d=[D("a")])
    assert untouched(plan, "a")
    assert [(each.kind, each.annotation_id, each.label_id) for each in plan.conflicts] == [
        ("moved", "a", "l-a"),
        ("moved", "a", "l-2"),
    ]


def test_an_id_is_not_restored_to_a_row_that_shares_it_with_another() -> None:
    plan = plan_of(b=[B("a")], f=[F(None, label_id="l-a", sample="s-a")], d=[D("a"), D("a")])
    assert only(plan).kind == "duplicate_id"


# an id that was changed or moved


@pytest.mark.parametrize("rows", [[D("a")], [D("a"), D("z")], []])
def test_a_known_label_under_another_id_has_moved(rows: Any) -> None:
    plan = plan_of(b=[B("a")], f=[F("z", label_id="l-a", sample="s-a")], d=rows)
    conflict = only(plan)
    assert (conflict.kind, conflict.annotation_id, conflict.label_id) == ("moved", "a", "l-a")
    assert conflict.base == {"annotation_id": "a", "label_id": "l-a", "sample_id": "s-a"}
    assert isinstance(conflict.fiftyone, dict)
    assert conflict.fiftyone["annotation_id"] == "z"
    assert untouched(plan, "a", "z")


def test_labels_whose_ids_were_exchanged_have_both_moved() -> None:
    one, two = F("b", label_id="l-a", sample="s-a"), F("a", label_id="l-b", sample="s-b")
    plan = plan_of(b=[B("a"), B("b")], f=[one, two], d=[D("a"), D("b", label="krill")])
    assert changes(plan) == []
    assert kinds(plan) == [("moved", "a", None), ("moved", "b", None)]


def test_a_label_under_the_id_of_another_that_still_stands_takes_nothing_from_it() -> None:
    wrong, right = F("b", label_id="l-a", sample="s-a"), F("b", label="krill")
    plan = plan_of(b=[B("a"), B("b")], f=[wrong, right], d=[D("a"), D("b")])
    assert changes(plan) == [("db", "update", "b", LABEL, "copepod", "krill", "reviewed")]
    assert kinds(plan) == [("moved", "a", None)]


def test_an_id_that_now_sits_on_another_sample_has_moved() -> None:
    conflict = only(plan_of(b=[B("a")], f=[F("a", label_id="l-2", sample="s-2", label="krill")], d=[D("a")]))
    assert (conflict.kind, conflict.annotation_id, conflict.sample_id) == ("moved", "a", "s-2")
    assert conflict.subject == only(plan_of(b=[B("a")], d=[D("a")])).subject, "one question, whatever becomes of it"
    assert conflict.base == {"annotation_id": "a", "label_id": "l-a", "sample_id": "s-a"}


def test_a_label_that_was_carried_to_another_sample_has_moved() -> None:
    for name in ("a", None):
        conflict = only(plan_of(b=[B("a")], f=[F(name, label_id="l-a", sample="s-2")], d=[D("a")]))
        assert (conflict.kind, conflict.annotation_id, conflict.sample_id) == ("moved", "a", "s-2")


def test_a_label_that_was_carried_to_another_sample_under_another_id_has_moved() -> None:
    plan = plan_of(b=[B("a")], f=[F("z", label_id="l-a", sample="s-2")], d=[D("a"), D("z", label="krill")])
    assert (only(plan).kind, only(plan).annotation_id) == ("moved", "a")
    assert untouched(plan, "a", "z")


def test_the_same_id_on_a_new_label_of_the_same_sample_is_adopted() -> None:
    # Undo in the App, or a script that rebuilds labels but keeps their ids.
    plan = plan_of(b=[B("a")], f=[F("a", label_id="l-2", sample="s-a", label="krill")], d=[D("a")])
    assert changes(plan) == [("db", "update", "a", LABEL, "copepod", "krill", "reviewed")]
    assert plan.changes[0].label_id == "l-2"
    assert plan.baseline.select("label_id", "sample_id").row(0) == ("l-2", "s-a")
    assert plan.conflicts == ()


def test_an_adopted_label_moves_the_baseline_even_where_nothing_else_changed() -> None:
    plan = plan_of(b=[B("a")], f=[F("a", label_id="l-2", sample="s-a")], d=[D("a")])
    assert (plan.changes, plan.conflicts) == ((), ())
    assert agreed(plan) == {"a": {LABEL: "copepod"}}
    assert plan.baseline["label_id"].to_list() == ["l-2"]


def test_an_id_whose_own_label_stands_there_under_another_id_is_not_adopted() -> None:
    # l-a was renamed to z, and another label of the sample took its id.
    renamed, taker = F("z", label_id="l-a", sample="s-a"), F("a", label_id="l-2", sample="s-a", label="krill")
    plan = plan_of(b=[B("a")], f=[renamed, taker], d=[D("a")])
    assert untouched(plan, "a", "z")
    assert {(each.kind, each.annotation_id, each.label_id) for each in plan.conflicts} == {
        ("moved", "a", "l-a"),
        ("moved", "a", "l-2"),
    }


# a label that stands where a known one vanished


@pytest.mark.parametrize("label_type", [CLASSIFICATION, CLASSIFICATIONS])
@pytest.mark.parametrize("on_new", ["create", "quarantine", "ignore"])
def test_a_label_without_id_where_a_label_vanished_is_a_replacement(label_type: Any, on_new: str) -> None:
    drawn = F(None, label_id="l-9", sample="s-a", label="krill")
    conflict = only(
        plan_of(label_type=label_type, b=[B("a")], f=[drawn], d=[D("a")], on_new=on_new, on_fiftyone_delete="delete")
    )
    assert (conflict.kind, conflict.annotation_id, conflict.label_id) == ("replaced", "a", "l-9")
    assert conflict.base == {LABEL: "copepod"}
    assert isinstance(conflict.fiftyone, dict)
    assert conflict.fiftyone[LABEL] == "krill"


def redrawn(where: Any, box: Any = WHERE, **given: Any) -> Any:
    return plan_of(
        "box=to_fiftyone",
        b=[B("a", box=box)],
        f=[F(None, label_id="l-9", sample="s-a", box=where)],
        d=[D("a", box=box)],
        **given,
    )


def test_a_detection_without_id_that_overlaps_a_vanished_one_is_its_replacement() -> None:
    assert (only(redrawn(NEARLY)).kind, only(redrawn(NEARLY)).annotation_id) == ("replaced", "a")


@pytest.mark.parametrize(("where", "box"), [(BESIDE, WHERE), (WHERE, None), (None, WHERE), ([0.1, 0.1, 0, 0], WHERE)])
def test_a_detection_elsewhere_in_the_sample_is_a_drawn_label(where: Any, box: Any) -> None:
    plan = redrawn(where, box)
    assert changes(plan) == [("db", "insert", None, "drawn_in_fiftyone")]
    assert kinds(plan) == [("deleted_in_fiftyone", "a", None)]


def test_a_label_of_another_sample_replaces_nothing() -> None:
    plan = plan_of(label_type=CLASSIFICATION, b=[B("a")], f=[F(None, label_id="l-9", sample="s-2")], d=[D("a")])
    assert kinds(plan) == [("deleted_in_fiftyone", "a", None)]


def test_nothing_is_replaced_while_the_known_label_stands() -> None:
    drawn = F(None, label_id="l-9", sample="s-a", box=NEARLY)
    plan = plan_of("box", b=[B("a", box=WHERE)], f=[F("a", box=WHERE), drawn], d=[D("a", box=WHERE)])
    assert changes(plan) == [("db", "insert", None, "drawn_in_fiftyone")]


def test_of_several_candidates_the_one_that_overlaps_most_is_the_replacement() -> None:
    near = F(None, label_id="l-8", sample="s", box=NEARLY)
    same = F(None, label_id="l-9", sample="s", box=WHERE)
    plan = plan_of("box", b=[B("a", sample="s", box=WHERE)], f=[near, same], d=[D("a", box=WHERE)])
    assert [(each.kind, each.label_id) for each in plan.conflicts] == [("replaced", "l-9")]
    assert [each.label_id for each in plan.changes] == ["l-8"]


def test_a_replacement_is_found_by_sample_and_label_not_by_label_id_alone() -> None:
    here, there = F(None, label_id="l-9", sample="s-a"), F(None, label_id="l-9", sample="s-2")
    plan = plan_of(label_type=CLASSIFICATION, b=[B("a")], f=[here, there], d=[D("a")])
    assert kinds(plan) == [("replaced", "a", None)]
    assert [(each.direction, each.sample_id) for each in plan.changes] == [(Direction.TO_DATABASE, "s-2")]


# labels that nothing can address


def test_a_label_without_label_id_is_named_and_left_alone() -> None:
    plan = plan_of(f=[F(None, label_id="-", sample="s")])
    conflict = only(plan)
    assert (conflict.kind, conflict.annotation_id, conflict.label_id, conflict.sample_id) == (
        "unaddressable", None, None, "s",
    )  # fmt: skip


@pytest.mark.parametrize("policy", ["quarantine", "delete", "restore"])
def test_an_annotation_on_a_label_without_label_id_is_not_taken_for_deleted(policy: str) -> None:
    plan = plan_of(b=[B("a")], f=[F("a", label_id="-", sample="s-a")], d=[D("a")], on_fiftyone_delete=policy)
    assert (only(plan).kind, only(plan).annotation_id) == ("unaddressable", "a")


def test_a_label_without_any_id_where_a_label_vanished_may_be_that_label() -> None:
    # A notebook that held an old copy of the sample writes such a label by its list index.
    plan = plan_of(
        label_type=CLASSIFICATIONS, b=[B("a")], f=[F(None, label_id="-", sample="s-a")], d=[D("a")],
        on_fiftyone_delete="delete",
    )  # fmt: skip
    assert (only(plan).kind, only(plan).annotation_id) == ("replaced", "a")


def test_an_unaddressable_copy_does_not_hold_the_original() -> None:
    plan = plan_of(b=[B("a")], f=[F("a", label="krill"), F("a", label_id="-", sample="s-a")], d=[D("a")])
    assert [each[2:4] for each in changes(plan)] == [("a", LABEL)]
    assert kinds(plan) == [("unaddressable", "a", None)]


def test_labels_without_label_id_that_bear_one_id_are_told_apart_by_their_samples() -> None:
    labels = [F("a", label_id="-", sample=sample) for sample in ("s-a", "s-2")]
    plan = plan_of(b=[B("a")], f=labels, d=[D("a")])
    assert [(each.kind, each.sample_id) for each in plan.conflicts] == [
        ("unaddressable", "s-2"),
        ("unaddressable", "s-a"),
    ]


def test_an_unaddressable_bearer_of_an_id_keeps_another_label_from_adopting_it() -> None:
    plan = plan_of(
        b=[B("a")],
        f=[F("a", label_id="l-2", sample="s-a"), F("a", label_id="-", sample="s-a")],
        d=[D("a", label="krill")],
    )
    assert untouched(plan, "a")
    assert {each[:2] for each in kinds(plan)} == {("duplicate_id", "a"), ("unaddressable", "a")}


# a rebuilt dataset that a person has confirmed


def rebuilt(*labels: Any, **given: Any) -> Any:
    """Of the same images, whatever their samples are now."""
    images = {each.columns["annotation_id"]: each.columns["media"] for each in labels}
    rows = [D(name, media=images.get(name)) for name in ("a", "b")]
    return plan_of(b=[B("a"), B("b")], f=list(labels), d=rows, adopt=True, **given)


def test_a_rebuilt_dataset_is_adopted_by_its_annotation_ids() -> None:
    plan = rebuilt(F("a", label_id="n1", sample="t1"), F("b", label_id="n2", sample="t2", label="krill"))
    assert changes(plan) == [("db", "update", "b", LABEL, "copepod", "krill", "reviewed")]
    assert plan.conflicts == ()
    assert plan.baseline.select("annotation_id", "label_id", "sample_id").rows() == [
        ("a", "n1", "t1"),
        ("b", "n2", "t2"),
    ]


def test_a_rebuilt_dataset_may_have_kept_its_label_ids() -> None:
    plan = rebuilt(F("a", label_id="l-a", sample="t1"), F("b", label_id="l-b", sample="t2"))
    assert (plan.changes, plan.conflicts, plan.baseline["sample_id"].to_list()) == ((), (), ["t1", "t2"])


def test_duplicates_in_a_rebuilt_dataset_are_still_conflicts() -> None:
    plan = rebuilt(
        F("a", label_id="n1", sample="t1"), F("a", label_id="n2", sample="t2"), F("b", label_id="n3", sample="t3")
    )
    assert untouched(plan, "a")
    assert [(each.kind, each.label_id) for each in plan.conflicts] == [("duplicate_id", "n1"), ("duplicate_id", "n2")]


def test_baseline_labels_of_one_label_id_on_two_samples_are_kept_apart() -> None:
    # A cloned sample: label ids are no unique keys across samples.
    rows: dict[str, Any] = {
        "b": [B("a", label_id="l", sample="s1"), B("b", label_id="l", sample="s2")],
        "d": [D("a"), D("b")],
    }
    assert quiet(plan_of(**rows, f=[F("a", label_id="l", sample="s1"), F("b", label_id="l", sample="s2")]))
    lost = plan_of(**rows, f=[F(None, label_id="l", sample="s1"), F(None, label_id="l", sample="s2")])
    assert [(each.annotation_id, each.sample_id, each.reason) for each in lost.changes] == [
        ("a", "s1", "id_restored"),
        ("b", "s2", "id_restored"),
    ]
    removed = plan_of(**rows, f=[F("b", label_id="l", sample="s2")])
    assert kinds(removed) == [("deleted_in_fiftyone", "a", None)]


def test_first_meeting_takes_every_id_that_stands_on_one_label() -> None:
    plan = plan_of(mapped=mapping(), f=[F("a"), F("b", sample="s-a")], d=[D("a"), D("b")])
    assert set(agreed(plan)) == {"a", "b"}


def test_of_two_new_labels_in_the_place_of_one_that_vanished_the_nearer_one_replaces_it() -> None:
    box, near, nearer = [0.1, 0.1, 0.2, 0.2], [0.1, 0.1, 0.2, 0.21], [0.1, 0.1, 0.2, 0.202]
    drawn = [F(None, label_id=name, sample="s-a", box=at) for name, at in (("l-1", near), ("l-2", nearer))]
    plan = plan_of("box", b=[B("a", box=box)], f=drawn, d=[D("a", box=box)], samples=[S("s-a")])
    replaced = [(each.annotation_id, each.label_id) for each in plan.conflicts if each.kind == "replaced"]
    assert replaced == [("a", "l-2")]


def test_a_new_label_above_or_below_the_one_that_vanished_or_without_a_sound_box_does_not_replace_it() -> None:
    box, below = [0.1, 0.1, 0.2, 0.2], [0.1, 0.6, 0.2, 0.2]
    for at in (below, None, [0.1, 0.1, 0.2, float("nan")]):
        drawn = F(None, label_id="l-1", sample="s-a", box=at)
        plan = plan_of("box", b=[B("a", box=box)], f=[drawn], d=[D("a", box=box)], samples=[S("s-a")])
        assert "replaced" not in {each.kind for each in plan.conflicts}


def test_where_a_field_holds_no_boxes_one_new_label_replaces_one_that_vanished_and_the_others_none() -> None:
    drawn = [F(None, label_id=name, sample="s-a") for name in ("l-1", "l-2")]
    plan = plan_of(b=[B("a")], f=drawn, d=[D("a")], samples=[S("s-a")], label_type=CLASSIFICATIONS)
    replaced = [each.annotation_id for each in plan.conflicts if each.kind == "replaced"]
    assert replaced == ["a"]


def test_one_label_without_an_id_stands_in_the_place_of_one_new_row_only() -> None:
    drawn = F(None, label_id="l-1", sample="s-m", box=WHERE)
    rows = [D(name, media="m-m", box=WHERE) for name in ("a", "b")]
    plan = plan_of("box", f=[drawn], d=rows, samples=[S("s-m")])
    assert kinds(plan) == [("occupied", "a", None)]
    assert changes(plan) == [("fo", "insert", "b", "new_in_database")]
