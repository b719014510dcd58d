"""Annotations that not everybody has, under every policy."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.diff import Young
from syncd.model import SAMPLE_FIELD, Direction, Field, Holds, Kind
from unit.diff.world import (
    BOX,
    CLASSIFICATION,
    CLASSIFICATIONS,
    DETECTIONS,
    NOON,
    SECOND,
    B,
    D,
    F,
    S,
    agreed,
    changes,
    field,
    kinds,
    mapping,
    only,
    opened,
    plan_of,
    quiet,
)

WHERE = [1 / 8, 1 / 8, 1 / 4, 1 / 4]
BESIDE = [5 / 8, 5 / 8, 1 / 4, 1 / 4]
LABEL_AND_BOX = mapping("box=to_fiftyone")


def test_what_nobody_has_needs_nothing() -> None:
    assert quiet(plan_of())


# – – ✓


def test_a_new_row_is_inserted_where_its_sample_is_in_the_dataset() -> None:
    row = D("a", label="krill", box=WHERE, at=NOON, actor="ann")
    plan = plan_of(mapped=LABEL_AND_BOX, d=[row], samples=[S("s-a")])
    assert changes(plan) == [("fo", "insert", "a", "new_in_database")]
    (change,) = plan.changes
    assert change.new == {"label": "krill", "box": WHERE}
    assert (change.old, change.sample_id, change.label_id, change.media) == (None, "s-a", None, "m-a")
    assert (change.actor, change.edited_at) == ("ann", NOON)
    assert plan.conflicts == ()
    assert plan.counts.not_ingested == 0
    assert plan.baseline.is_empty(), "only what was read back becomes the baseline"


def test_a_new_row_without_its_sample_is_counted_as_not_ingested() -> None:
    plan = plan_of(mapped=LABEL_AND_BOX, d=[D("a", box=WHERE), D("b", box=WHERE)], samples=[S("s-b")])
    assert changes(plan) == [("fo", "insert", "b", "new_in_database")]
    assert plan.counts.not_ingested == 1


def test_a_new_row_without_media_is_counted_as_not_ingested() -> None:
    row = D("a", box=WHERE)
    row.columns["media"] = None
    plan = plan_of(mapped=LABEL_AND_BOX, d=[row], samples=[S("s-a")])
    assert (changes(plan), kinds(plan), plan.counts.not_ingested) == ([], [], 1)


def test_a_new_row_whose_media_stands_on_two_samples_is_a_conflict() -> None:
    plan = plan_of(mapped=LABEL_AND_BOX, d=[D("a", box=WHERE)], samples=[S("s-a"), S("s-2", media="m-a")])
    assert only(plan).kind == "ambiguous_media"
    assert only(plan).database == {"label": "copepod", "box": WHERE}


@pytest.mark.parametrize("box", [None, WHERE])
def test_a_detection_is_never_inserted_without_a_box(box: list[float] | None) -> None:
    mapped = LABEL_AND_BOX if box is None else mapping()
    conflict = only(plan_of(mapped=mapped, d=[D("a", box=box)], samples=[S("s-a")]))
    assert (conflict.kind, conflict.field) == ("unsafe_value", "box")


def test_a_single_label_field_takes_one_label() -> None:
    taken = plan_of(label_type=CLASSIFICATION, d=[D("a")], samples=[S("s-a", occupied=True)])
    assert only(taken).kind == "occupied"
    rows, samples = [D("a", media="m"), D("b", media="m")], [S("s", media="m")]
    twice = plan_of(label_type=CLASSIFICATION, d=rows, samples=samples)
    assert changes(twice) == [("fo", "insert", "a", "new_in_database")]
    assert kinds(twice) == [("occupied", "b", None)]
    several = plan_of(label_type=CLASSIFICATIONS, d=rows, samples=samples)
    assert [each[2] for each in changes(several)] == ["a", "b"]


# – ✓ no id


def drawn(**given: Any) -> Any:
    return plan_of("note", f=[F(None, label_id="l1", sample="s-1", label="krill", note="x", at=NOON)], **given)


def test_a_drawn_label_is_inserted_in_the_database_and_gets_its_id_on_applying() -> None:
    plan = drawn()
    assert changes(plan) == [("db", "insert", None, "drawn_in_fiftyone")]
    (change,) = plan.changes
    assert change.new == {"label": "krill", "note": "x"}
    assert (change.label_id, change.sample_id, change.media, change.edited_at) == ("l1", "s-1", "m-1", NOON)
    assert plan.conflicts == ()


def test_on_new_quarantine_asks_about_a_drawn_label() -> None:
    conflict = only(drawn(on_new="quarantine"))
    assert (conflict.kind, conflict.annotation_id, conflict.label_id) == ("new_label", None, "l1")
    assert isinstance(conflict.fiftyone, dict)
    assert conflict.fiftyone["label"] == "krill"


def test_on_new_ignore_only_counts_a_drawn_label() -> None:
    plan = drawn(on_new="ignore")
    assert (plan.changes, plan.conflicts, plan.counts.ignored) == ((), (), 1)


def test_a_drawn_label_waits_for_a_person_where_rows_cannot_be_inserted() -> None:
    plan = plan_of(mapped=mapping(can_insert=False), f=[F(None, label_id="l1")])
    assert only(plan).kind == "new_label"


def test_two_drawn_labels_of_one_label_id_on_two_samples_are_two_labels() -> None:
    plan = plan_of(f=[F(None, label_id="l", sample="s1"), F(None, label_id="l", sample="s2")])
    assert [(each.label_id, each.sample_id) for each in plan.changes] == [("l", "s1"), ("l", "s2")]
    asked = plan_of(f=[F(None, label_id="l", sample="s1"), F(None, label_id="l", sample="s2")], on_new="quarantine")
    assert [each.sample_id for each in asked.conflicts] == ["s1", "s2"]


def test_a_drawn_label_without_a_value_that_the_column_needs_is_refused() -> None:
    needed = Field("label", Kind.TEXT, Direction.BOTH, Holds(Kind.TEXT), Holds(Kind.TEXT, nullable=False))
    conflict = only(plan_of(needed, f=[F(None, label_id="l1", label=None)]))
    assert (conflict.kind, conflict.label_id) == ("unsafe_value", "l1")


def test_a_missing_attribute_of_a_drawn_label_is_left_to_the_column_s_default() -> None:
    plan = plan_of(field("note", nullable=False), f=[F(None, label_id="l1")])
    assert changes(plan) == [("db", "insert", None, "drawn_in_fiftyone")]


@pytest.mark.parametrize("label_type", [CLASSIFICATION, DETECTIONS, CLASSIFICATIONS])
def test_a_drawn_label_where_a_new_row_belongs_is_not_made_a_second_row(label_type: Any) -> None:
    # Labels whose ids were never written, or stand in another attribute than the configured one.
    mapped = LABEL_AND_BOX if label_type is DETECTIONS else mapping(label_type=label_type)
    label = F(None, label_id="l1", sample="s-a", box=WHERE)
    conflict = only(plan_of(mapped=mapped, f=[label], d=[D("a", box=WHERE)], samples=[S("s-a", occupied=True)]))
    assert (conflict.kind, conflict.annotation_id, conflict.label_id) == ("occupied", "a", "l1")
    assert isinstance(conflict.fiftyone, dict) and isinstance(conflict.database, dict)
    assert conflict.fiftyone["label"] == conflict.database["label"] == "copepod"


def test_an_unmapped_box_says_nothing_about_where_a_drawn_label_stands() -> None:
    label, row = F(None, label_id="l1", sample="s-a", label="krill"), D("a", label="salp")
    plan = plan_of(f=[label], d=[row], samples=[S("s-a")])
    assert changes(plan) == [("db", "insert", None, "drawn_in_fiftyone")]
    assert kinds(plan) == [("unsafe_value", "a", "box")]


def test_a_drawn_label_and_a_new_row_in_different_places_both_go_through() -> None:
    label = F(None, label_id="l1", sample="s-a", box=WHERE)
    plan = plan_of(mapped=LABEL_AND_BOX, f=[label], d=[D("a", box=BESIDE)], samples=[S("s-a")])
    assert changes(plan) == [("fo", "insert", "a", "new_in_database"), ("db", "insert", None, "drawn_in_fiftyone")]


def test_a_drawn_label_on_a_sample_without_media_gets_no_row_that_nothing_ties_to_it() -> None:
    label = F(None, label_id="l1")
    label.columns["media"] = None
    conflict = only(plan_of(f=[label]))
    assert (conflict.kind, conflict.label_id) == ("unsafe_value", "l1")
    assert conflict.suggestions == ("media: the sample has no value that could tie a row to it",)


# – ✓ id –


def test_an_id_that_the_database_never_had_is_a_conflict() -> None:
    conflict = only(plan_of(f=[F("a", label="krill")]))
    assert (conflict.kind, conflict.annotation_id, conflict.field) == ("unknown_id", "a", None)
    assert (conflict.sample_id, conflict.label_id, conflict.base, conflict.database) == ("s-a", "l-a", None, None)


def test_an_unknown_id_with_values_that_no_json_holds_is_still_only_a_conflict() -> None:
    assert only(plan_of("depth", f=[F("a", depth=float("inf"))])).kind == "unknown_id"


# ✓ – ✓

REMOVED = {"b": [B("a", note="x")], "d": [D("a", note="x", actor="ann", at=NOON)]}


def test_a_label_removed_in_fiftyone_is_a_conflict() -> None:
    plan = plan_of("note", **REMOVED)
    conflict = only(plan)
    assert (conflict.kind, conflict.sample_id, conflict.label_id) == ("deleted_in_fiftyone", "s-a", "l-a")
    assert conflict.base == conflict.database == {"label": "copepod", "note": "x"}
    assert conflict.fiftyone is None
    assert plan.dropped == ()


def test_on_fiftyone_delete_restore_puts_the_label_back_as_the_database_has_it() -> None:
    plan = plan_of("note", **REMOVED, mapped=mapping("note", label_type=CLASSIFICATION), on_fiftyone_delete="restore")
    assert changes(plan) == [("fo", "insert", "a", "restored")]
    assert plan.changes[0].new == {"label": "copepod", "note": "x"}
    assert plan.changes[0].sample_id == "s-a"


def test_on_fiftyone_delete_delete_removes_the_row() -> None:
    plan = plan_of("note", **REMOVED, on_fiftyone_delete="delete")
    assert changes(plan) == [("db", "delete", "a", "deleted_in_fiftyone")]
    assert plan.changes[0].old == {"label": "copepod", "note": "x"}


@pytest.mark.parametrize("policy", ["quarantine", "restore", "delete"])
@pytest.mark.parametrize(
    "row", [D("a", note="changed"), D("a", note="x", label="krill"), D("a", problems={"note": "?"})]
)
def test_a_removed_label_whose_row_changed_too_is_always_a_conflict(policy: str, row: Any) -> None:
    plan = plan_of("note", b=REMOVED["b"], d=[row], on_fiftyone_delete=policy)
    assert only(plan).kind == "deleted_in_fiftyone"


@pytest.mark.parametrize("policy", ["quarantine", "restore", "delete"])
def test_a_removed_label_whose_row_names_another_image_by_now_is_always_a_conflict(policy: str) -> None:
    row = D("a", note="x", media="m-other", actor="ann", at=NOON)
    conflict = only(plan_of("note", b=REMOVED["b"], d=[row], on_fiftyone_delete=policy))
    assert (conflict.kind, conflict.suggestions) == ("deleted_in_fiftyone", ("the row names another image by now",))
    assert conflict.in_database.by == "ann"


@pytest.mark.parametrize("row", [D("a", note="x", media="-"), D("a", note="x", media="m-a")])
@pytest.mark.parametrize("known", ["-", None])
def test_an_image_that_a_side_does_not_name_keeps_no_row(row: Any, known: str | None) -> None:
    plan = plan_of("note", b=[B("a", note="x", image=known)], d=[row], on_fiftyone_delete="delete")
    assert changes(plan) == [("db", "delete", "a", "deleted_in_fiftyone")]


def test_a_removed_label_is_never_restored_with_a_value_that_breaks_the_dataset() -> None:
    # Both sides may have agreed on such a value long before syncd first met them.
    plan = plan_of(
        mapped=mapping(label_type=CLASSIFICATION),
        b=[B("a", label="20240101")],
        d=[D("a", label="20240101")],
        on_fiftyone_delete="restore",
    )
    assert (only(plan).kind, only(plan).annotation_id) == ("unsafe_value", "a")


def test_a_removed_label_is_not_restored_into_a_slot_that_another_label_took() -> None:
    plan = plan_of(
        mapped=mapping(label_type=CLASSIFICATION),
        b=[B("a", sample="s")],
        f=[F("b", sample="s")],
        d=[D("a"), D("b")],
        on_fiftyone_delete="restore",
    )
    assert changes(plan) == []
    assert kinds(plan) == [("occupied", "a", None)]


# ✓ ✓ –


def test_a_row_removed_in_the_database_takes_its_label_along() -> None:
    plan = plan_of("note", b=[B("a", note="x")], f=[F("a", note="x")])
    assert changes(plan) == [("fo", "delete", "a", "removed_in_database")]
    (change,) = plan.changes
    assert (change.old, change.label_id, change.sample_id) == ({"label": "copepod", "note": "x"}, "l-a", "s-a")


def test_on_database_delete_quarantine_asks() -> None:
    conflict = only(plan_of(b=[B("a")], f=[F("a")], on_database_delete="quarantine"))
    assert (conflict.kind, conflict.base, conflict.database) == ("deleted_in_database", {"label": "copepod"}, None)


@pytest.mark.parametrize("policy", ["remove", "quarantine"])
@pytest.mark.parametrize("label", [F("a", label="krill"), F("a", note="new"), F("a", problems={"label": "2024"})])
def test_a_label_that_was_edited_is_never_removed_for_its_missing_row(policy: str, label: Any) -> None:
    plan = plan_of("note", b=[B("a")], f=[label], on_database_delete=policy)
    assert only(plan).kind == "deleted_in_database"


# ✓ – –


def test_what_is_gone_from_both_sides_is_forgotten_and_logged() -> None:
    plan = plan_of("note", b=[B("a", note="x")])
    assert changes(plan) == [("-", "delete", "a", "gone_from_both")]
    assert plan.changes[0].old == {"label": "copepod", "note": "x"}
    assert (plan.dropped, plan.conflicts) == (("a",), ())


@pytest.mark.parametrize("policy", ["restore", "delete", "quarantine"])
def test_a_rebuilt_dataset_that_lacks_labels_never_deletes_their_rows(policy: str) -> None:
    # Whoever confirms a rebuilt dataset accepts its labels; nobody removed the others.
    plan = plan_of(**{**REMOVED, "mapped": mapping("note")}, on_fiftyone_delete=policy, adopt=True)
    assert [each for each in plan.changes if each.direction is Direction.TO_DATABASE] == []


# first meeting of what is known nowhere


def test_an_annotation_that_both_have_alike_is_recorded_at_the_first_meeting() -> None:
    plan = plan_of("note", f=[F("a", note="x")], d=[D("a", note="x")])
    assert (plan.changes, plan.conflicts, plan.counts.first_met) == ((), (), 1)
    assert agreed(plan) == {"a": {"label": "copepod", "note": "x"}}
    assert plan.baseline.select("label_id", "sample_id").row(0) == ("l-a", "s-a")


def test_equal_annotations_need_nothing_at_any_later_meeting() -> None:
    assert quiet(plan_of(*[BOX, "note"], b=[B("a", note="x")], f=[F("a", note="x")], d=[D("a", note="x")]))


def test_a_row_that_shares_its_id_with_another_holds_the_annotation() -> None:
    plan = plan_of(b=[B("a")], f=[F("a", label="krill")], d=[D("a"), D("a", label="salp")])
    assert (only(plan).kind, only(plan).annotation_id) == ("duplicate_id", "a")


def test_a_row_without_an_id_is_noted_and_left_out() -> None:
    plan = plan_of(b=[B("a")], f=[F("a")], d=[D("a"), D(None), D(None)])
    assert (plan.changes, plan.conflicts) == ((), ())
    assert plan.notes == ("2 rows of the database have no id and were left out",)


def test_a_deletion_that_is_in_conflict_stays_so_while_nothing_moves() -> None:
    again = plan_of("note", **REMOVED, conflicts=[opened("a", "deleted_in_fiftyone", None)])
    assert only(again).kind == "deleted_in_fiftyone"


# A row that is replaced by another where a field holds one label


REPLACED_ROW: dict[str, Any] = {
    "label_type": CLASSIFICATION,
    "b": [B("a")],
    "f": [F("a")],
    "d": [D("new", media="m-a", label="krill")],
    "samples": [S("s-a", occupied=True)],
}


def test_a_row_that_replaces_another_takes_the_place_of_its_label_and_nobody_is_asked() -> None:
    plan = plan_of(**REPLACED_ROW)
    assert changes(plan) == [("fo", "delete", "a", "removed_in_database"), ("fo", "insert", "new", "new_in_database")]
    assert (kinds(plan), [each.sample_id for each in plan.changes]) == ([], ["s-a", "s-a"])


def test_so_it_does_where_the_row_is_hidden_and_policy_removes_its_label() -> None:
    plan = plan_of(**REPLACED_ROW, on_hidden="remove", hidden=("a",))
    assert changes(plan) == [("fo", "delete", "a", "hidden_in_database"), ("fo", "insert", "new", "new_in_database")]
    assert kinds(plan) == []


@pytest.mark.parametrize(
    "given",
    [{"f": [F("a", label="salp")]}, {"on_database_delete": "quarantine"}, {"d": [D("a"), D("new", media="m-a")]}],
    ids=["edited", "policy", "still there"],
)
def test_a_label_that_stays_keeps_its_place_and_somebody_is_asked(given: dict[str, Any]) -> None:
    plan = plan_of(**REPLACED_ROW | given)
    assert changes(plan) == []
    assert ("occupied", "new", None) in kinds(plan)


def test_of_two_rows_in_place_of_one_the_second_is_asked_about() -> None:
    plan = plan_of(**REPLACED_ROW | {"d": [D("new", media="m-a"), D("newer", media="m-a")]})
    assert kinds(plan) == [("occupied", "newer", None)]


def test_whether_a_label_goes_that_has_the_place_only_a_complete_read_tells() -> None:
    plan = plan_of(**REPLACED_ROW, complete=False)
    assert any("whose row may be gone" in each for each in plan.hints)
    told = plan_of(**REPLACED_ROW, complete=False, conflicts=[opened("new", "occupied", None)])
    assert not any("whose row may be gone" in each for each in told.hints)


def test_where_somebody_is_at_the_label_the_new_row_waits_too() -> None:
    plan = plan_of(
        **REPLACED_ROW | {"f": [F("a", at=NOON)]}, young=Young(after=NOON - 5 * SECOND, until=NOON + 5 * SECOND)
    )
    assert (changes(plan), kinds(plan)) == ([], [])
    assert {"a", "new"} <= plan.scope.left_alone


def test_a_row_whose_place_is_left_by_a_label_that_moves_waits_for_the_next_run() -> None:
    plan = plan_of(
        label_type=CLASSIFICATION,
        b=[B("a")],
        f=[F("a")],
        d=[D("a", media="m-b"), D("new", media="m-a")],
        samples=[S("s-a", occupied=True), S("s-b")],
        on_moved="database",
    )
    assert [each.field for each in plan.changes] == [SAMPLE_FIELD]
    assert (kinds(plan), "new" in plan.scope.left_alone) == ([], True)


def test_a_label_moves_to_where_another_is_removed() -> None:
    plan = plan_of(
        label_type=CLASSIFICATION,
        b=[B("a"), B("b")],
        f=[F("a"), F("b")],
        d=[D("a", media="m-b")],
        samples=[S("s-b", occupied=True)],
        on_moved="database",
    )
    assert [(each.annotation_id, each.action.value) for each in plan.changes] == [("b", "delete"), ("a", "update")]
    assert kinds(plan) == []
