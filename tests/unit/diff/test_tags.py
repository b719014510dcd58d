"""Review tags: what they ask for, and what becomes of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from syncd.diff import Inputs, diff
from syncd.diff.frames import join
from syncd.diff.history import with_half
from syncd.diff.inputs import HALF_SCHEMA
from syncd.diff.review import settled
from syncd.diff.tags import said
from syncd.model import FLAG, Marks, Plan, Review, TagEdit, dtype
from syncd.model.plan import Edited
from syncd.model.snapshot import column
from unit.diff.test_vocabulary import TERMS
from unit.diff.world import NOON, B, D, F, changes, field, hand, kinds, mapping, opened, plan_of, quiet, world, written

REVIEW = Review(
    approve=("ok",),
    error=("bad",),
    verified="verified",
    actor_prefix="by:",
    marks=Marks("m:conflict", "m:unknown", "m:held"),
)


def plan(*fields: str, review: dict[str, Any] | None = None, **given: Any) -> Plan:
    rules = Review(**(vars(REVIEW) | (review or {})))
    return plan_of(*fields, **({"vocabulary": TERMS, "review": rules} | given))


def one(*fields: str, review: dict[str, Any] | None = None, base: Any = None, home: Any = None, **label: Any) -> Plan:
    """A plan for one annotation whose label is ``label``."""
    given = label.pop("given", {})
    return plan(
        *fields, review=review, b=[B("a", **(base or {}))], f=[F("a", **label)], d=[D("a", **(home or {}))], **given
    )


def plan_inputs(**given: Any) -> Inputs:
    return world(**({"vocabulary": TERMS, "review": REVIEW} | given))


def edit(*remove: str, add: tuple[str, ...] = (), on: str | None = "l-a", after: bool = True) -> TagEdit:
    return TagEdit("s-a", on, add, remove, after)


def test_a_class_tag_relabels_on_both_sides_and_is_taken_off() -> None:
    found = one(tags=["krill", "seen"])
    assert changes(found) == [
        ("db", "update", "a", "label", "copepod", "krill", "class_tag"),
        ("fo", "update", "a", "label", "copepod", "krill", "class_tag"),
    ]
    assert found.tags == (edit("krill"),)


def test_an_alias_as_a_tag_counts_as_its_term() -> None:
    found = one(tags=["Old"])
    assert {each[5] for each in changes(found)} == {"krill"}
    assert found.tags == (edit("Old"),)


@pytest.mark.parametrize("tag", ["copepod", "Copepda"])
def test_a_class_tag_that_the_label_bears_anyway_is_no_edit_and_stays(tag: str) -> None:
    found = one(tags=[tag])
    assert (found.changes, found.conflicts, found.tags) == ((), (), ())
    assert found.answered == {("a", tag)}


def test_a_tag_that_was_answered_does_not_take_back_what_the_database_changed_since() -> None:
    given = {"answered": [("a", "copepod")]}
    moved = one(tags=["copepod"], home={"label": "salp"}, given=given)
    assert changes(moved) == [("fo", "update", "a", "label", "copepod", "salp", "changed_at_home")]
    later = one(tags=["copepod"], label="salp", base={"label": "salp"}, home={"label": "salp"}, given=given)
    assert (later.changes, later.conflicts, later.answered) == ((), (), {("a", "copepod")})


def test_two_class_tags_are_ambiguous_even_where_one_names_the_label() -> None:
    for tags in (["krill", "salp"], ["copepod", "krill"]):
        found = one(tags=tags)
        assert (found.changes, kinds(found)) == ((), [("ambiguous_tags", "a", "label")])
        assert found.conflicts[0].suggestions == tuple(sorted(tags))
        assert [each for each in found.tags if each.remove] == []


def test_two_spellings_of_one_term_are_one_class_tag() -> None:
    found = one(tags=["krill", "Old"])
    assert len(found.changes) == 2
    assert found.tags == (edit("Old", "krill"),)


def test_a_class_tag_and_another_edit_of_the_label_disagree() -> None:
    found = one(tags=["krill"], label="salp")
    assert (found.changes, kinds(found)) == ((), [("ambiguous_tags", "a", "label")])


def test_a_class_tag_that_says_what_was_typed_is_the_same_edit() -> None:
    found = one(tags=["krill"], label="krill")
    assert changes(found) == [("db", "update", "a", "label", "copepod", "krill", "reviewed")]


def test_a_class_tag_against_a_change_in_the_database_is_a_disagreement() -> None:
    found = one(tags=["krill"], home={"label": "salp"})
    assert (found.changes, kinds(found)) == ((), [("edit_edit", "a", "label")])
    assert found.conflicts[0].fiftyone == "krill"


def test_a_class_tag_for_what_the_database_says_by_now_brings_it_to_fiftyone() -> None:
    found = one(tags=["krill"], home={"label": "krill"})
    assert changes(found) == [("fo", "update", "a", "label", "copepod", "krill", "class_tag")]
    assert found.tags == (edit("krill"),)


def test_a_class_tag_of_a_sample_relabels_its_only_label() -> None:
    found = one(sample_tags=["krill"])
    assert len(found.changes) == 2
    assert found.tags == (edit("krill", on=None),)


def test_a_class_tag_of_a_sample_with_several_labels_is_ambiguous_for_those_that_it_is_not() -> None:
    names, here = ("a", "b"), {"sample": "s-a"}
    found = plan(
        b=[B(each, **here) for each in names],
        f=[F("a", **here, sample_tags=["krill"]), F("b", **here, sample_tags=["krill"], label="krill")],
        d=[D(each) for each in names],
    )
    assert kinds(found) == [("ambiguous_tags", "a", "label")]
    assert changes(found) == [("db", "update", "b", "label", "copepod", "krill", "reviewed")]


def test_class_tags_need_a_vocabulary_and_may_be_switched_off() -> None:
    assert quiet(one(tags=["krill"], given={"vocabulary": None}))
    assert quiet(one(tags=["krill"], review={"class_tags": False}))


def test_a_class_tag_at_a_first_meeting_of_what_is_equal_is_heard() -> None:
    found = plan(f=[F("a", tags=["krill"])], d=[D("a")])
    assert {each[:2] for each in changes(found)} == {("db", "update"), ("fo", "update")}


def test_a_class_tag_is_no_stale_revert() -> None:
    returned = {"lately": [written("a", old="krill")], "by_hand": [hand("s-a")]}
    assert len(one(tags=["krill"], given=returned).changes) == 2


def test_an_approving_tag_sets_the_attribute_on_both_sides_and_is_taken_off() -> None:
    found = one("verified", tags=["ok"])
    assert changes(found) == [
        ("db", "update", "a", "verified", None, True, "approved"),
        ("fo", "update", "a", "verified", None, True, "approved"),
    ]
    assert found.tags == (edit("ok"),)


def test_an_approving_tag_sets_nothing_where_the_attribute_may_not_be_set() -> None:
    found = one("verified=to_fiftyone", tags=["ok"])
    assert (found.changes, found.tags) == ((), ())


def test_an_approving_tag_on_what_is_approved_does_nothing_now_or_later() -> None:
    values = {"verified": True}
    found = one("verified", tags=["ok"], base=values, home=values, **values)
    assert (found.changes, found.tags, found.answered) == ((), (), {("a", "ok")})
    given = {"answered": [("a", "ok")]}
    withdrawn = one("verified", tags=["ok"], base=values, home={"verified": False}, given=given, **values)
    assert changes(withdrawn) == [("fo", "update", "a", "verified", True, False, "changed_at_home")]


def test_an_approving_tag_of_a_sample_is_about_each_of_its_labels() -> None:
    names, here = ("a", "b"), {"sample": "s-a"}
    found = plan(
        "verified",
        b=[B(each, **here) for each in names],
        f=[F(each, **here, sample_tags=["ok"]) for each in names],
        d=[D(each) for each in names],
    )
    assert {(each[0], each[2]) for each in changes(found)} == {("db", "a"), ("fo", "a"), ("db", "b"), ("fo", "b")}
    assert found.tags == (edit("ok", on=None),)


def test_a_tag_of_a_sample_stays_while_one_of_its_labels_is_in_dispute() -> None:
    names, here = ("a", "b"), {"sample": "s-a"}
    found = plan(
        "verified",
        b=[B(each, **here) for each in names],
        f=[F(each, **here, sample_tags=["ok"], label="krill") for each in names],
        d=[D("a"), D("b", label="salp")],
    )
    assert kinds(found) == [("edit_edit", "b", "label")]
    assert [each for each in found.tags if each.remove] == []


def test_an_error_tag_flags_and_changes_no_label_and_is_logged_once() -> None:
    found = one(tags=["bad"], actor="anna")
    assert changes(found) == [("-", "update", "a", FLAG, None, "bad", "flagged")]
    assert (found.is_empty, found.conflicts, found.tags, found.counts.flagged) == (True, (), (), 1)
    (flag,) = found.waiting
    assert (flag.kind, flag.annotation_id, flag.new, flag.actor) == ("error", "a", "bad", "anna")
    again = one(tags=["bad"], given={"answered": list(found.answered)})
    assert (again.changes, again.counts.flagged, again.answered) == ((), 1, {("a", "bad")})


def flagged(kind: str, was: Any, **given: Any) -> Plan:
    """A label with an error tag, and a column for it that holds ``was``."""
    which = {"boolean": "verified", "text": "note", "integer": "count"}[kind]
    column_of = replace(field(which, "to_database"), name=FLAG)
    made = plan_inputs(
        mapped=replace(mapping(), flag=column_of), b=[B("a")], f=[F("a", tags=["bad"])], d=[D("a")], **given
    )
    rows = made.database.rows.with_columns(pl.lit(was, dtype(column_of.kind)).alias(column(FLAG)))
    return diff(replace(made, database=replace(made.database, rows=rows)))


@pytest.mark.parametrize(("kind", "says"), [("boolean", True), ("text", "bad"), ("integer", 1)])
def test_an_error_tag_sets_the_column_that_is_mapped_to_it(kind: str, says: Any) -> None:
    assert changes(flagged(kind, None)) == [("db", "update", "a", FLAG, None, says, "flagged")]
    assert flagged(kind, None).tags == ()
    assert changes(flagged(kind, says)) == [("-", "update", "a", FLAG, says, says, "flagged")]


def test_a_column_that_was_cleared_since_is_not_set_again() -> None:
    assert flagged("boolean", False, answered=[("a", "bad")]).changes == ()


def test_a_flag_that_the_database_refused_is_not_asked_for_again() -> None:
    found = flagged("boolean", None, conflicts=[opened("a", "refused_by_database", FLAG)])
    assert (found.changes, kinds(found), found.answered) == ((), [("refused_by_database", "a", FLAG)], frozenset())


def test_the_edits_of_a_flagged_label_go_through() -> None:
    found = one(tags=["bad"], label="krill")
    assert [each.field for each in found.changes] == ["label", FLAG]
    assert found.counts.flagged == 1


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ({"after": "remove"}, (edit("krill"),)),
        ({"after": "keep"}, ()),
        ({"after": "replace", "replacement": "done"}, (edit("krill", add=("done",)),)),
    ],
    ids=["remove", "keep", "replace"],
)
def test_what_becomes_of_a_tag_is_configured(after: dict[str, Any], expected: tuple[TagEdit, ...]) -> None:
    found = one(tags=["krill"], review=after)
    assert found.tags == expected
    assert found.answered == ({("a", "krill")} if after["after"] == "keep" else frozenset())


def test_a_tag_left_behind_by_a_run_that_died_is_taken_off_by_the_next() -> None:
    lately = [{"annotation_id": "a", "field": "label", "action": "update", "old": '"copepod"', "reason": "class_tag"}]
    values = {"label": "krill"}
    found = one(tags=["krill"], base=values, home=values, given={"lately": lately}, **values)
    assert (found.changes, found.tags) == ((), (edit("krill"),))


@pytest.mark.parametrize("place", ["tags", "sample_tags"])
def test_a_tag_names_who_edited_the_label_unless_the_label_does(place: str) -> None:
    found = one(label="krill", **{place: ["by:anna"]})
    assert found.changes[0].actor == "anna"
    assert one(label="krill", actor="ben", **{place: ["by:anna"]}).changes[0].actor == "ben"
    assert one(label="krill").changes[0].actor == "fiftyone"


def test_an_edit_of_the_database_is_its_own_actors() -> None:
    found = plan(b=[B("a")], f=[F("a", tags=["by:anna"])], d=[D("a", label="krill", actor="carl")])
    assert found.changes[0].actor == "carl"


def test_where_neither_attribute_nor_tag_names_the_actor_fiftyones_own_user_does() -> None:
    assert one(label="krill", user="ben").changes[0].actor == "ben"
    assert one(label="krill", user="ben", tags=["by:anna"]).changes[0].actor == "anna"
    assert one(label="krill", user="ben", actor="carl", tags=["by:anna"]).changes[0].actor == "carl"


TAGGED = {"tags": ["by:anna"], "at": NOON}
DOUBTS: dict[str, dict[str, Any]] = {
    "unknown_id": {"f": [F("a", **TAGGED)]},
    "deleted_in_database": {"b": [B("a")], "f": [F("a", label="krill", **TAGGED)]},
    "duplicate_id": {
        "b": [B("a")],
        "f": [F("a"), F("a", label_id="l-copy", sample="s-other", **TAGGED)],
        "d": [D("a")],
    },
    "moved": {"b": [B("a"), B("b")], "f": [F("a", label_id="l-b", sample="s-b", **TAGGED)], "d": [D("a")]},
}


@pytest.mark.parametrize("kind", DOUBTS)
def test_a_conflict_about_a_whole_label_names_its_editor_as_a_change_would(kind: str) -> None:
    (conflict,) = plan(**DOUBTS[kind]).conflicts
    assert (conflict.kind, conflict.in_fiftyone) == (kind, Edited("anna", NOON))


def test_a_tag_that_named_the_editor_goes_with_the_edit_that_it_named() -> None:
    found = one(label="krill", tags=["by:anna", "seen"])
    assert [(each.label_id, each.remove, each.after_changes) for each in found.tags] == [("l-a", ("by:anna",), True)]
    assert one(tags=["by:anna"]).tags == ()


def test_two_class_tags_are_a_conflict_that_knows_who_set_them() -> None:
    found = one(tags=["krill", "salp", "by:ada"], at=NOON)
    (conflict,) = found.conflicts
    assert (conflict.kind, conflict.suggestions) == ("ambiguous_tags", ("krill", "salp"))
    assert (conflict.in_fiftyone, conflict.in_database) == (Edited("ada", NOON), Edited())


def test_a_tag_of_a_sample_that_was_answered_says_nothing_of_a_label_that_came_later_but_goes_on_in_a_dispute() -> None:
    names, here = ("a", "b"), {"sample": "s-a"}
    given: dict[str, Any] = {
        "b": [B(each, **here) for each in names],
        "f": [F(each, **here, sample_tags=["ok", "krill"]) for each in names],
        "d": [D(each) for each in names],
        "answered": [("a", "ok"), ("a", "krill")],
        "review": {"after": "keep"},
    }
    later = plan("verified", lately=[written("b", "insert")], **given)
    assert (later.changes, later.conflicts) == ((), ())
    assert later.answered == {(name, tag) for name in names for tag in ("ok", "krill")}
    disputed = plan(
        "verified", lately=[written("b", "insert")], conflicts=[opened("b", "ambiguous_tags")], **given
    )  # fmt: skip
    assert kinds(disputed) == [("ambiguous_tags", "b", "label")]
    assert {each.annotation_id for each in plan("verified", **given).changes} == {"b"}


def test_a_flag_that_the_column_cannot_hold_is_a_conflict_until_the_column_says_so() -> None:
    short = replace(field("note", "to_database", values=frozenset({"wrong"})), name=FLAG)
    given: dict[str, Any] = {
        "b": [B("a")],
        "f": [F("a", tags=["bad"])],
        "d": [D("a")],
        "review": Review(error=("bad",)),
    }
    made = world(mapped=replace(mapping(), flag=short), **given)

    def found(was: str | None) -> Plan:
        rows = made.database.rows.with_columns(pl.lit(was, pl.String()).alias(column(FLAG)))
        return diff(replace(made, database=replace(made.database, rows=rows)))

    (conflict,) = found(None).conflicts
    assert (conflict.kind, conflict.field, conflict.fiftyone, conflict.database) == ("unsafe_value", FLAG, "bad", None)
    assert len(conflict.suggestions) == 1
    assert found(None).changes == ()
    assert (found("wrong").conflicts, [each.direction for each in found("wrong").changes]) == ((), [None])


def test_a_class_that_the_column_cannot_hold_is_a_conflict_and_written_nowhere() -> None:
    narrow = field("label", values=frozenset({"copepod"}))
    found = plan(mapped=mapping(narrow), b=[B("a")], f=[F("a", tags=["krill"])], d=[D("a")])
    assert (changes(found), kinds(found)) == ([], [("unsafe_value", "a", "label")])


@pytest.mark.parametrize("after", ["remove", "replace", "keep"])
def test_once_a_person_has_answered_a_label_s_tag_goes_as_configured_and_a_sample_s_stays(after: Any) -> None:
    review = replace(REVIEW, after=after)
    labels = plan_inputs(f=[F("a", tags=["ok"], sample_tags=["krill"]), F("b", tags=["ok"])]).fiftyone.rows
    nothing = pl.DataFrame(schema={"annotation_id": pl.String(), "tag": pl.String()})
    found = settled(review, said(labels, review, TERMS, nothing))
    on_labels = {("a", "ok"), ("b", "ok")}
    assert found.answered == ({("a", "krill")} | on_labels if after == "keep" else {("a", "krill")})
    assert sorted(str(each.label_id) for each in found.edits) == ([] if after == "keep" else ["l-a", "l-b"])


def test_half_of_a_change_counts_for_its_own_field_and_reason_while_both_sides_stand_as_it_left_them() -> None:
    def half(name: str = "note", reason: str = "class_tag", *, mine: str = "new", theirs: str = "old") -> list[bool]:
        made = world(
            "note",
            b=[B("a"), B("z")],
            f=[F("a", note=mine), F("z", note=mine)],
            d=[D("a", note=theirs), D("z", note=theirs)],
            lately=[written("a", on="note", old="old", new="new", reason="class_tag")],
        )
        halves = pl.DataFrame(
            [{"annotation_id": "a", "field": name, "reason": reason, "old": '"old"', "new": '"new"'}],
            schema=HALF_SCHEMA,
        )
        rows = join(made.baseline, made.fiftyone.rows, made.database.rows)
        history = replace(made.history, halves=halves)
        found = with_half(made.mapping.field("note"), "class_tag", history, rows).sort("annotation_id")
        return found["half"].to_list()

    assert half() == [True, False]
    for other in (half("label"), half(reason="approved"), half(mine="edited"), half(theirs="edited")):
        assert other == [False, False]
