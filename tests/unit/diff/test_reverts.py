"""What is back at what syncd replaced is an edit, a window's doing, or a question: the evidence says which."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.model import LabelType, Plan
from unit.diff.world import (
    CLASSIFICATION,
    CLASSIFICATIONS,
    DETECTIONS,
    LABEL,
    NOON,
    SECOND,
    B,
    D,
    F,
    S,
    changes,
    hand,
    kinds,
    opened,
    plan_of,
    waited,
    written,
)

EDIT = ("db", "update", "a", LABEL, "krill", "copepod", "reviewed")
AGAIN = ("fo", "update", "a", LABEL, "copepod", "krill", "stale_revert")
ASKED = ("stale_revert", "a", LABEL)


def returned(*fields: str, **given: Any) -> Plan:
    """syncd replaced ``copepod`` by ``krill`` on ``a``; FiftyOne is back at ``copepod``. Others are given beside it."""
    b, f, d = ([*one, *given.pop(name, [])] for name, one in _sides().items())
    lately = [written("a", old="copepod", new="krill", seq=1), *given.pop("lately", [])]
    return plan_of(*(fields or ("note",)), b=b, f=f, d=d, lately=lately, **given)


def _sides() -> dict[str, list[Any]]:
    return {"b": [B("a", label="krill")], "f": [F("a", at=NOON)], "d": [D("a", label="krill")]}


def beside(name: str = "z", *, sample: str = "s-a", at: Any = NOON, **now: Any) -> dict[str, Any]:
    """Another label, agreed as ``copepod``, as it is now."""
    return {"b": [B(name, sample=sample)], "f": [F(name, sample=sample, at=at, **now)], "d": [D(name, media="m-a")]}


# An edit


@pytest.mark.parametrize("label_type", list(LabelType))
def test_a_label_put_back_alone_is_an_edit(label_type: LabelType) -> None:
    assert changes(returned(label_type=label_type)) == [EDIT]


def test_a_label_put_back_alone_is_an_edit_whatever_else_stands_in_its_sample() -> None:
    assert changes(returned(**beside())) == [EDIT]


def test_putting_it_back_again_after_syncd_has_written_once_more_is_an_edit() -> None:
    assert changes(returned(lately=[written("a", old="copepod", new="krill", reason="stale_revert")])) == [EDIT]


def test_in_a_field_of_one_label_nothing_comes_along_with_anything() -> None:
    assert changes(returned(label_type=CLASSIFICATION, by_hand=[hand("s-a")])) == [EDIT]


@pytest.mark.parametrize("sample", ["s-a", "s-other"])
def test_what_stood_before_is_no_hand_at_work(sample: str) -> None:
    differs = beside(sample=sample, label="salp", at=NOON - SECOND)
    plan = returned(**differs, conflicts=[opened("z", "edit_edit", fiftyone="salp")])
    assert EDIT in changes(plan)
    plan = returned(**differs, standing=[waited("z", LABEL, "salp")])
    assert EDIT in changes(plan)


def test_a_drawn_label_that_waits_or_was_asked_about_is_no_hand_at_work() -> None:
    drawn = [F(None, label_id="l-drawn", sample="s-a", at=NOON)]
    assert EDIT in changes(returned(f=drawn, standing=[waited(None, label_id="l-drawn")], on_new="quarantine"))
    assert EDIT in changes(returned(f=drawn, on_new="ignore"))


def test_a_hand_in_another_sample_is_none() -> None:
    assert EDIT in changes(returned(**beside(sample="s-other", label="salp", at=NOON + SECOND)))
    assert EDIT in changes(returned(by_hand=[hand("s-other")]))


def test_its_own_edit_in_the_run_before_is_no_other_labels() -> None:
    assert EDIT in changes(returned(by_hand=[hand("s-a", "a")]))


def test_what_syncd_itself_wrote_last_has_not_returned() -> None:
    lately = [written("a", old="krill", new="copepod", seq=2)]
    assert changes(returned(lately=lately, by_hand=[hand("s-a")])) == [EDIT]


def test_labels_put_back_one_after_the_other_in_their_samples_are_edits() -> None:
    two = beside(sample="s-b", at=NOON + SECOND)
    two["b"], two["d"] = [B("z", sample="s-b", label="salp")], [D("z", label="salp")]
    plan = returned(**two, lately=[written("z", old="copepod", new="salp")])
    assert [each[:4] for each in changes(plan)] == [("db", "update", "a", LABEL), ("db", "update", "z", LABEL)]


# A window


@pytest.mark.parametrize("label_type", [DETECTIONS, CLASSIFICATIONS])
@pytest.mark.parametrize(
    "hand_at_work",
    [
        beside(label="salp"),
        beside(note="seen"),
        {"f": [F(None, label_id="l-drawn", sample="s-a", at=NOON)]},
        {"b": [B("z", sample="s-a")], "d": [D("z", media="m-a")]},
        {"f": [F("strange", sample="s-a", at=NOON)]},
        {"by_hand": [hand("s-a")]},
    ],
    ids=["relabelled", "noted", "drawn", "deleted", "pasted", "in the run before"],
)
def test_with_another_label_of_the_list_it_is_a_windows_doing(label_type: LabelType, hand_at_work: Any) -> None:
    plan = returned(label_type=label_type, **hand_at_work)
    assert AGAIN in changes(plan)
    assert EDIT not in changes(plan)


def test_a_deletion_that_only_a_part_of_the_reading_suggests_is_no_evidence() -> None:
    plan = returned(b=[B("z", sample="s-a")], d=[D("z", media="m-a")], complete=False)
    assert plan.hints, "everything is read then"


def test_a_windows_doing_is_written_again_once() -> None:
    plan = returned(**beside(label="salp"), lately=[written("a", old="copepod", reason="stale_revert")])
    assert ASKED in kinds(plan)
    assert ASKED in kinds(returned(**beside(label="salp"), on_stale_revert="quarantine"))


def test_another_return_beside_it_is_no_hand_at_work() -> None:
    other = {
        "b": [B("z", sample="s-a", label="salp")],
        "f": [F("z", sample="s-a", at=NOON)],
        "d": [D("z", media="m-a", label="salp")],
    }
    plan = returned(**other, lately=[written("z", old="copepod", sample="s-a")])
    assert changes(plan) == []
    assert kinds(plan) == [ASKED, ("stale_revert", "z", LABEL)]


# A question


def test_another_field_of_the_same_label_leaves_it_open() -> None:
    plan = plan_of("note", b=[B("a", label="krill")], f=[F("a", at=NOON, note="mine")], d=[D("a", label="krill")],
                   lately=[written("a", old="copepod")])  # fmt: skip
    assert kinds(plan) == [ASKED]
    assert changes(plan) == [("db", "update", "a", "note", None, "mine", "reviewed")]


@pytest.mark.parametrize("kind", ["moved", "deleted_in_database"])
def test_an_edit_of_an_annotation_that_is_in_a_conflict_may_be_an_old_one_and_leaves_it_open(kind: str) -> None:
    about = [opened("z", kind, None)]
    assert ASKED in kinds(returned(**beside(label="salp"), conflicts=about))
    assert EDIT in changes(returned(**beside(), conflicts=about)), "it holds what was agreed"
    assert EDIT in changes(returned(**beside(sample="s-other", label="salp"), conflicts=about))


def test_in_a_field_of_one_label_a_reviewer_may_put_it_back_and_say_why() -> None:
    plan = plan_of("note", b=[B("a", label="krill")], f=[F("a", at=NOON, note="mine")], d=[D("a", label="krill")],
                   lately=[written("a", old="copepod")], label_type=CLASSIFICATION)  # fmt: skip
    assert EDIT in changes(plan)
    assert kinds(plan) == []


def test_a_hand_in_the_very_run_that_wrote_leaves_it_open() -> None:
    assert kinds(returned(by_hand=[hand("s-a", run="write")])) == [ASKED]


@pytest.mark.parametrize("label_type", list(LabelType))
@pytest.mark.parametrize("on_stale_revert", ["reapply", "quarantine"])
def test_many_that_returned_under_one_stamp_are_always_asked_about(label_type: LabelType, on_stale_revert: str) -> None:
    other = {"b": [B("z", label="salp")], "f": [F("z", at=NOON)], "d": [D("z", label="salp")]}
    policy = {"label_type": label_type, "on_stale_revert": on_stale_revert}
    plan = returned(**other, lately=[written("z", old="copepod")], **policy)
    assert changes(plan) == []
    assert kinds(plan) == [ASKED, ("stale_revert", "z", LABEL)]


def test_two_values_of_one_label_under_one_stamp_are_asked_about() -> None:
    plan = plan_of("note", b=[B("a", label="krill", note="new")], f=[F("a", at=NOON, note="old")],
                   d=[D("a", label="krill", note="new")], label_type=CLASSIFICATION,
                   lately=[written("a", old="copepod"), written("a", on="note", old="old")])  # fmt: skip
    assert kinds(plan) == [ASKED, ("stale_revert", "a", "note")]


def test_one_that_returned_among_others_that_the_same_call_left_as_they_were_is_asked_about() -> None:
    assert kinds(returned(alongside=[(NOON, "s-a"), (NOON, "s-b")])) == [ASKED]


def test_samples_that_bear_the_stamp_because_syncd_wrote_to_them_are_no_bulk_call() -> None:
    lately = [written("b", old="salp"), written("c", "insert")]
    assert changes(returned(alongside=[(NOON, "s-a"), (NOON, "s-b"), (NOON, "s-c")], lately=lately)) == [EDIT]


def test_a_return_without_a_stamp_is_nobodys_bulk_call() -> None:
    plan = plan_of(b=[B("a", label="krill"), B("z", label="krill")], f=[F("a"), F("z")],
                   d=[D("a", label="krill"), D("z", label="krill")],
                   lately=[written("a", old="copepod"), written("z", old="copepod")])  # fmt: skip
    assert len(changes(plan)) == 2
    assert kinds(plan) == []


def test_a_bulk_relabel_that_gives_others_the_same_class_is_an_edit() -> None:
    plan = returned(b=[B("z", label="salp")], f=[F("z", at=NOON)], d=[D("z", label="salp")],
                    alongside=[(NOON, "s-a"), (NOON, "s-z")])  # fmt: skip
    assert [each[:4] for each in changes(plan)] == [("db", "update", "a", LABEL), ("db", "update", "z", LABEL)]


def test_old_values_set_together_with_other_new_ones_are_asked_about() -> None:
    plan = returned(b=[B("z")], f=[F("z", at=NOON, label="salp")], d=[D("z")],
                    alongside=[(NOON, "s-a"), (NOON, "s-z")])  # fmt: skip
    assert kinds(plan) == [ASKED]


def test_one_that_is_asked_about_already_makes_no_bulk_call_of_the_next() -> None:
    plan = returned(b=[B("z", sample="s-a", label="salp")], f=[F("z", sample="s-a", at=NOON)],
                    d=[D("z", media="m-a", label="salp")], lately=[written("z", old="copepod", sample="s-a")],
                    conflicts=[opened("z", "stale_revert", fiftyone="copepod")])  # fmt: skip
    assert changes(plan) == [EDIT]
    assert kinds(plan) == [("stale_revert", "z", LABEL)]


# Labels


def gone(*names: str, at: Any = None, sample: str | None = None, **given: Any) -> Plan:
    """Labels that syncd inserted and that are gone; their samples are there, with these stamps."""
    places = {name: sample or f"s-{name}" for name in names}
    return plan_of(
        "note",
        b=[*(B(name, sample=place) for name, place in places.items()), *given.pop("b", [])],
        f=given.pop("f", []),
        d=[*(D(name, media="m-" + place[2:]) for name, place in places.items()), *given.pop("d", [])],
        lately=[written(name, "insert", sample=place) for name, place in places.items()],
        homes=[S(place, at=at) for place in sorted(set(places.values()))],
        label_type=CLASSIFICATIONS,
        **given,
    )


def test_the_deletion_of_a_label_that_syncd_has_just_inserted_is_a_deletion() -> None:
    assert kinds(gone("a")) == [("deleted_in_fiftyone", "a", None)]
    assert changes(gone("a", on_fiftyone_delete="delete")) == [("db", "delete", "a", "deleted_in_fiftyone")]


def test_with_another_label_changed_by_hand_it_is_a_windows_doing() -> None:
    plan = gone("a", on_fiftyone_delete="delete", **beside(label="salp"))
    assert ("fo", "insert", "a", "stale_revert") in changes(plan)
    plan = gone("a", on_fiftyone_delete="delete", by_hand=[hand("s-a")])
    assert changes(plan) == [("fo", "insert", "a", "stale_revert")]


def test_many_gone_under_one_stamp_are_asked_about_and_one_by_one_they_are_deletions() -> None:
    asked = gone("a", "z", at=NOON, on_fiftyone_delete="delete")
    assert kinds(asked) == [("stale_revert", "a", None), ("stale_revert", "z", None)]
    assert changes(asked) == []
    assert len(changes(gone("a", "z", on_fiftyone_delete="delete"))) == 2


def test_a_bulk_deletion_of_old_and_new_labels_is_a_deletion() -> None:
    names = ["a", "z", "old"]
    plan = plan_of(
        "note",
        b=[B(name) for name in names],
        d=[D(name) for name in names],
        lately=[written("a", "insert"), written("z", "insert")],
        homes=[S(f"s-{name}", at=NOON) for name in names],
        on_fiftyone_delete="delete",
    )
    assert {each[:3] for each in changes(plan)} == {("db", "delete", name) for name in names}


def test_the_return_of_a_label_that_syncd_removed_is_somebodys_wish() -> None:
    removed = [written("a", "delete", old={LABEL: "copepod"})]
    assert kinds(plan_of(f=[F("a", at=NOON)], lately=removed)) == [("unknown_id", "a", None)]
    edited = {"f": [F("a", at=NOON, label="krill")], "lately": removed}
    assert kinds(plan_of(**edited)) == [("stale_revert", "a", None)], "a window may have saved it with its user's edit"
    assert kinds(plan_of(**edited, label_type=CLASSIFICATION)) == [("unknown_id", "a", None)]
    beside_it = plan_of(
        f=[F("a", at=NOON), *beside(label="salp")["f"]], b=beside()["b"], d=beside()["d"], lately=removed
    )
    assert ("fo", "delete", "a", "stale_revert") in changes(beside_it)
