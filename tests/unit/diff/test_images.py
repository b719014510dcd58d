"""The image is part of what an annotation is: what becomes of rows and labels that name different ones."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from syncd.diff import diff
from syncd.diff.images import BORNE, NOT_THERE, NOT_WRITABLE, OCCUPIED, SEVERAL, in_one_spelling, rows_elsewhere
from syncd.diff.settled import without_unedited
from syncd.model import LABEL, MEDIA_FIELD, SAMPLE_FIELD, Brakes, Conflict, Plan, Review
from syncd.model.snapshot import known_column
from unit.diff.world import (
    CLASSIFICATION,
    NOON,
    SECOND,
    B,
    D,
    F,
    S,
    agreed,
    changes,
    kinds,
    mapping,
    only,
    opened,
    plan_of,
    quiet,
    world,
)

COMPOSED = unicodedata.normalize("NFC", "/data/Größe.png")
DECOMPOSED = unicodedata.normalize("NFD", COMPOSED)


def content(conflict: Conflict, side: str) -> dict[str, Any]:
    found = getattr(conflict, side)
    assert isinstance(found, dict)
    return found


# comparing


@pytest.mark.parametrize("complete", [True, False])
@pytest.mark.parametrize("label", ["copepod", "krill"])
def test_a_row_that_names_another_image_at_first_meeting_is_a_conflict_and_agrees_on_nothing(
    label: str, complete: bool
) -> None:
    plan = plan_of(f=[F("a")], d=[D("a", media="m-other", label=label)], complete=complete)
    conflict = only(plan)
    assert (conflict.kind, conflict.annotation_id, conflict.field) == ("moved", "a", None)
    assert (conflict.sample_id, conflict.label_id, conflict.base) == ("s-a", "l-a", None)
    assert (content(conflict, "fiftyone")["media"], content(conflict, "database")["media"]) == ("m-a", "m-other")
    assert plan.baseline.is_empty()


@pytest.mark.parametrize("complete", [True, False])
def test_a_row_that_was_tied_to_another_image_is_a_conflict_and_none_of_its_values_travels(complete: bool) -> None:
    row = D("a", media="m-other", label="krill", depth=2.5)
    plan = plan_of("depth", b=[B("a", depth=1.0)], f=[F("a", depth=1.0)], d=[row], complete=complete)
    conflict = only(plan)
    assert conflict.kind == "moved"
    assert conflict.base == {"annotation_id": "a", "label_id": "l-a", "sample_id": "s-a"}
    assert content(conflict, "database") == {"label": "krill", "depth": 2.5, "media": "m-other"}
    assert (plan.baseline.is_empty(), plan.dropped) == (True, ())


@pytest.mark.parametrize("complete", [True, False])
def test_a_sample_whose_path_was_edited_is_a_conflict_and_none_of_its_values_travels(complete: bool) -> None:
    plan = plan_of(b=[B("a")], f=[F("a", media="m-new", label="krill")], d=[D("a", media="m-a")], complete=complete)
    assert only(plan).kind == "moved"


def test_rows_that_exchanged_their_ids_at_home_send_no_class_to_the_wrong_object() -> None:
    rows = [D("a", media="m-b", label="krill"), D("b", media="m-a", label="copepod")]
    plan = plan_of(b=[B("a"), B("b", label="krill")], f=[F("a"), F("b", label="krill")], d=rows)
    assert changes(plan) == []
    assert kinds(plan) == [("moved", "a", None), ("moved", "b", None)]


def test_what_is_on_the_same_image_goes_on_beside_what_is_not() -> None:
    plan = plan_of(b=[B("a"), B("b")], f=[F("a"), F("b", label="krill")], d=[D("a", media="m-x", label="salp"), D("b")])
    assert changes(plan) == [("db", "update", "b", LABEL, "copepod", "krill", "reviewed")]
    assert kinds(plan) == [("moved", "a", None)]


def test_a_conflict_about_images_closes_itself_when_both_agree_again() -> None:
    plan = plan_of(b=[B("a")], f=[F("a")], d=[D("a")], conflicts=[opened("a", "moved", None)])
    assert (plan.changes, plan.conflicts) == ((), ())
    assert plan.scope.judged("a", "l-a")


def test_conflicts_about_its_fields_are_kept_meanwhile() -> None:
    plan = plan_of(b=[B("a")], f=[F("a")], d=[D("a", media="m-x")], conflicts=[opened("a", "edit_edit")])
    assert not plan.scope.judged("a", "l-a", LABEL)
    assert plan.scope.judged("a", "l-a")


def test_spellings_that_are_one_after_normalisation_name_one_image() -> None:
    first = plan_of(f=[F("a", media=DECOMPOSED)], d=[D("a", media=COMPOSED)])
    assert (first.conflicts, agreed(first)) == ((), {"a": {LABEL: "copepod"}})
    assert quiet(plan_of(b=[B("a", image=DECOMPOSED)], f=[F("a", media=DECOMPOSED)], d=[D("a", media=COMPOSED)]))


@pytest.mark.parametrize(("mine", "theirs"), [("-", "m-a"), ("m-a", "-"), ("-", "-")])
def test_where_a_side_names_no_image_there_is_nothing_to_compare(mine: str, theirs: str) -> None:
    known = B("a", image=mine)
    edited = plan_of(b=[known], f=[F("a", media=mine, label="krill")], d=[D("a", media=theirs)])
    assert changes(edited) == [("db", "update", "a", LABEL, "copepod", "krill", "reviewed")]
    assert quiet(plan_of(b=[known], f=[F("a", media=mine)], d=[D("a", media=theirs)]))


def test_the_baseline_learns_the_image_where_it_did_not_know_it_and_follows_where_both_name_another() -> None:
    for known, now in (("-", "m-a"), ("m-a", "m-b")):
        plan = plan_of(b=[B("a", image=known)], f=[F("a", media=now)], d=[D("a", media=now)])
        assert (plan.changes, plan.conflicts) == ((), ())
        assert plan.baseline.select("image", known_column(LABEL)).row(0) == (now, True)


def test_of_crops_the_frame_is_compared_and_not_what_ties_them_to_their_rows() -> None:
    mapped = replace(mapping(), image="frame")

    def plan(mine: str, theirs: str, **policy: Any) -> Plan:
        label, row = F("a", media="a"), D("a", media="a")
        label.columns["frame"], row.columns["frame"] = mine, theirs
        return plan_of(
            mapped=mapped, b=[B("a", image="f1")], f=[label], d=[row], samples=[S("s-a", media="a")], **policy
        )

    assert quiet(plan("f1", "f1"))
    assert only(plan("f1", "f2")).kind == "moved"
    assert only(plan("f1", "f2", on_moved="database")).kind == "moved", "no other sample can show it"
    assert changes(plan("f1", "f2", on_moved="fiftyone")) == [("db", "update", "a", MEDIA_FIELD, "f2", "f1", "moved")]


# following


@pytest.mark.parametrize("label_id", ["l-a", "l-new"])
def test_a_label_that_went_to_another_sample_of_the_same_image_is_followed_and_logged(label_id: str) -> None:
    label = F("a", label_id=label_id, sample="s-2", media="m-a", label="krill")
    plan = plan_of(b=[B("a")], f=[label], d=[D("a")])
    assert changes(plan) == [
        ("db", "update", "a", LABEL, "copepod", "krill", "reviewed"),
        ("-", "update", "a", SAMPLE_FIELD, "s-a", "s-2", "place_changed"),
    ]
    assert plan.conflicts == ()
    assert plan.baseline.select("label_id", "sample_id", "image").row(0) == (label_id, "s-2", "m-a")


def test_an_import_of_the_same_images_that_kept_the_ids_goes_on_unasked_whatever_its_size() -> None:
    names = [f"a{number}" for number in range(100)]
    labels = [F(each, label_id=f"new-{each}", sample=f"t-{each}", media=f"m-{each}") for each in names]
    plan = plan_of(b=[B(each) for each in names], f=labels, d=[D(each) for each in names])
    assert (plan.held, plan.conflicts) == (None, ())
    assert {each[-1] for each in changes(plan)} == {"place_changed"}


def test_a_rebuilt_dataset_that_was_confirmed_is_followed_without_a_word_and_its_images_are_compared() -> None:
    labels = [F("a", sample="t-a", media="m-a"), F("b", sample="t-b", media="m-x")]
    plan = plan_of(b=[B("a"), B("b")], f=labels, d=[D("a"), D("b")], adopt=True, force=True)
    assert (changes(plan), kinds(plan)) == ([], [("moved", "b", None)])


def test_where_a_label_is_left_in_the_old_place_the_other_is_a_copy() -> None:
    copy = F("a", label_id="l-2", sample="s-2", media="m-a")
    assert kinds(plan_of(b=[B("a")], f=[F("a"), copy], d=[D("a")])) == [("duplicate_id", "a", None)]
    nameless = F(None, label_id="l-a", sample="s-a")
    assert {each[0] for each in kinds(plan_of(b=[B("a")], f=[nameless, copy], d=[D("a")]))} == {"moved"}


def test_a_label_on_another_sample_of_which_no_image_is_known_has_moved() -> None:
    label = F("a", label_id="l-2", sample="s-2", media="-")
    assert only(plan_of(b=[B("a")], f=[label], d=[D("a")])).kind == "moved"
    assert only(plan_of(b=[B("a")], f=[F("a", sample="s-2", media="m-a")], d=[])).kind == "moved"


# on_moved


def test_the_label_goes_to_the_rows_sample() -> None:
    plan = plan_of(
        b=[B("a")], f=[F("a")], d=[D("a", media="m-2", label="krill")], samples=[S("s-2")], on_moved="database"
    )
    assert changes(plan) == [("fo", "update", "a", SAMPLE_FIELD, "s-a", "s-2", "moved")]
    [change] = plan.changes
    assert (change.label_id, change.sample_id, change.media) == ("l-a", "s-a", "m-2")
    assert (plan.conflicts, plan.scope.left_alone) == ((), {"a"}), "its values are judged when it is there"
    assert plan.baseline.select("sample_id", "image").row(0) == ("s-a", "m-a")


def test_the_row_is_tied_to_the_labels_image() -> None:
    plan = plan_of(b=[B("a")], f=[F("a")], d=[D("a", media="m-2", label="krill")], on_moved="fiftyone")
    assert changes(plan) == [("db", "update", "a", MEDIA_FIELD, "m-2", "m-a", "moved")]
    assert plan.conflicts == ()


def test_the_policy_decides_at_first_meeting_and_for_a_label_that_somebody_carried_away() -> None:
    first = plan_of(f=[F("a")], d=[D("a", media="m-2")], samples=[S("s-2")], on_moved="database")
    assert changes(first) == [("fo", "update", "a", SAMPLE_FIELD, "s-a", "s-2", "moved")]
    assert not first.baseline[known_column(LABEL)][0]
    carried = {"b": [B("a")], "f": [F("a", sample="s-2")], "d": [D("a")]}
    back = plan_of(**carried, samples=[S("s-a")], on_moved="database")
    assert changes(back) == [("fo", "update", "a", SAMPLE_FIELD, "s-2", "s-a", "moved")]
    assert changes(plan_of(**carried, on_moved="fiftyone")) == [
        ("db", "update", "a", MEDIA_FIELD, "m-a", "m-2", "moved")
    ]


def test_labels_whose_rows_exchanged_their_images_change_places() -> None:
    rows = [D("a", media="m-b"), D("b", media="m-a")]
    given: dict[str, Any] = {"b": [B("a"), B("b")], "f": [F("a"), F("b")], "d": rows, "on_moved": "database"}
    samples = [S("s-a"), S("s-b")]
    assert [each[2:6] for each in changes(plan_of(**given, samples=samples))] == [
        ("a", SAMPLE_FIELD, "s-a", "s-b"),
        ("b", SAMPLE_FIELD, "s-b", "s-a"),
    ]
    taken = [each | {"occupied": True} for each in samples]
    single = plan_of(**given, samples=taken, label_type=CLASSIFICATION)
    assert [(each.kind, each.suggestions) for each in single.conflicts] == [("moved", (OCCUPIED,))] * 2


@pytest.mark.parametrize(
    ("samples", "why"),
    [([], NOT_THERE), ([S("s-2"), S("s-3", media="m-2")], SEVERAL)],
)
def test_a_label_that_cannot_go_stays_and_the_conflict_says_why(samples: list[dict[str, Any]], why: str) -> None:
    plan = plan_of(b=[B("a")], f=[F("a")], d=[D("a", media="m-2")], samples=samples, on_moved="database")
    assert only(plan).suggestions == (why,)


def test_a_label_does_not_go_where_another_bears_its_id() -> None:
    copy = F("a", label_id="l-2", sample="s-2")
    plan = plan_of(b=[B("a")], f=[F("a"), copy], d=[D("a", media="m-2")], samples=[S("s-2")], on_moved="database")
    assert changes(plan) == []
    assert [(each.kind, each.suggestions) for each in plan.conflicts] == [("moved", (BORNE,)), ("duplicate_id", ())]


def test_a_row_whose_image_cannot_be_written_is_a_conflict() -> None:
    mapped = replace(mapping(), can_write_media=False)
    plan = plan_of(mapped=mapped, b=[B("a")], f=[F("a")], d=[D("a", media="m-2")], on_moved="fiftyone")
    assert only(plan).suggestions == (NOT_WRITABLE,)


def test_an_image_that_the_database_refused_is_not_asked_for_again() -> None:
    refused = [opened("a", "refused_by_database", MEDIA_FIELD, "m-a")]
    given: dict[str, Any] = {"b": [B("a")], "f": [F("a")], "d": [D("a", media="m-2")], "on_moved": "fiftyone"}
    assert (only(plan_of(**given, conflicts=refused)).kind, only(plan_of(**given, conflicts=refused)).field) == (
        "refused_by_database",
        MEDIA_FIELD,
    )
    other = [opened("a", "refused_by_database", MEDIA_FIELD, "m-x")]
    assert len(changes(plan_of(**given, conflicts=other))) == 1


def test_what_a_tag_says_of_a_label_that_is_moved_is_heard_when_it_is_there() -> None:
    review = Review(approve=("ok",), verified="verified")
    given: dict[str, Any] = {
        "b": [B("a", verified=False)],
        "d": [D("a", media="m-2", verified=False)],
        "review": review,
    }
    for policy in ("quarantine", "database", "fiftyone"):
        plan = plan_of(
            "verified", **given, f=[F("a", verified=False, tags=["ok"])], samples=[S("s-2")], on_moved=policy
        )
        assert (plan.tags, plan.answered) == ((), frozenset())


# a run that died while it moved a label


@pytest.mark.parametrize("policy", ["database", "quarantine"])
def test_of_a_label_that_stands_in_both_places_alike_the_one_in_the_old_is_still_to_go(policy: str) -> None:
    there = F("a", sample="s-2")
    given: dict[str, Any] = {"b": [B("a")], "d": [D("a", media="m-2")], "on_moved": policy}
    plan = plan_of(**given, f=[F("a"), there], samples=[S("s-2", occupied=True)])
    if policy == "database":
        assert changes(plan) == [("fo", "update", "a", SAMPLE_FIELD, "s-a", "s-2", "moved")]
        assert plan.conflicts == ()
    else:
        assert only(plan).kind == "moved"
    edited = plan_of(**given, f=[F("a", label="krill"), there], samples=[S("s-2")])
    assert changes(edited) == []
    assert sorted(each[0] for each in kinds(edited)) == ["duplicate_id", "moved"], "an edit made meanwhile is not lost"


# a wrong sample_key


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("complete", [True, False])
def test_where_nearly_all_images_differ_one_hold_says_so(complete: bool, known: bool) -> None:
    names = [f"a{number}" for number in range(20)]
    rows = [D(each, media=f"/mnt/{each}") for each in names[:19]] + [D(names[19])]
    labels, base = [F(each) for each in names], [B(each) for each in names] if known else []
    given: dict[str, Any] = {"b": base, "f": labels, "d": rows, "complete": complete}
    for policy in ("quarantine", "database", "fiftyone"):
        plan = plan_of(**given, on_moved=policy)
        assert "sample_key" in str(plan.held)
        assert (plan.conflicts, [each for each in plan.changes if each.direction]) == ((), [])
    forced = plan_of(**given, force=True)
    assert (forced.held is None, forced.conflicts) == (False, ()), "never a conflict each"
    decided = plan_of(**given, force=True, on_moved="fiftyone")
    assert (decided.held, len(decided.changes)) == (None, 19)


def test_rows_tied_to_other_images_are_conflicts_and_no_hold_where_they_are_few_of_all() -> None:
    names = [f"a{number}" for number in range(15)]
    rows = [D(each, media=f"/mnt/{each}") for each in names]
    plan = plan_of(b=[B(each) for each in names], f=[F(each) for each in names], d=rows, complete=False, size=1_000)
    assert (plan.held, len(plan.conflicts)) == (None, 15)
    few = plan_of(f=[F("a")], d=[D("a", media="m-x")])
    assert (few.held, len(few.conflicts)) == (None, 1)
    free = plan_of(f=[F("a")], d=[D("a", media="m-x")], brakes=Brakes(min_count=1))
    assert "sample_key" in str(free.held)


# a poll


def test_a_poll_looks_at_a_label_whose_sample_names_another_image_than_was_known() -> None:
    inputs = world(b=[B("a"), B("b")], f=[F("a", media="m-new"), F("b")], d=[])
    labels, known = without_unedited(inputs.mapping, Review(), None, inputs.fiftyone.rows, inputs.baseline, set())
    assert (labels["annotation_id"].to_list(), known["annotation_id"].to_list()) == (["a"], ["a"])


def test_the_samples_of_rows_on_other_images_are_those_to_be_looked_up() -> None:
    inputs = world(f=[F("a"), F("b", media=DECOMPOSED), F("c")],
                   d=[D("a", media="m-x"), D("b", media=COMPOSED), D("c", media="-"), D("z", media="m-z")])  # fmt: skip
    assert rows_elsewhere(inputs.mapping, inputs.fiftyone.rows, inputs.database.rows) == ["m-x"]


def test_the_order_of_rows_makes_no_difference() -> None:
    rows = [D("a", media="m-b"), D("b", media="m-a"), D("c", media="m-x")]
    given = world(
        b=[B("a"), B("b")], f=[F("a"), F("b"), F("c")], d=rows, samples=[S("s-a"), S("s-b")], on_moved="database"
    )
    other = replace(given, fiftyone=replace(given.fiftyone, rows=given.fiftyone.rows.reverse()),
                    database=replace(given.database, rows=given.database.rows.reverse()))  # fmt: skip
    assert diff(given).digest == diff(other).digest


def test_names_in_either_spelling_become_one_and_others_stay_as_they_are() -> None:
    composed, apart = "gr\u00f6\u00dfe.png", "gro\u0308\u00dfe.png"
    assert composed != apart
    names = pl.Series([composed, apart, "plain.png", None])
    assert in_one_spelling(names).to_list() == [composed, composed, "plain.png", None]
    plain = pl.Series(["plain.png", None])
    assert in_one_spelling(plain) is plain


def test_whoever_changed_the_image_is_named_for_what_follows() -> None:
    label, row = F("a", at=NOON, actor="ada"), D("a", media="m-2", at=NOON + SECOND, actor="ben")
    given: dict[str, Any] = {"b": [B("a")], "f": [label], "d": [row], "samples": [S("s-2")]}
    for policy, who in (("database", ("ben", NOON + SECOND)), ("fiftyone", ("ada", NOON))):
        [change] = plan_of(**given, on_moved=policy).changes
        assert (change.actor, change.edited_at) == who
