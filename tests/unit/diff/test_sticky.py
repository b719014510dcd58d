"""An open conflict holds back its own annotation's field and nothing else, and closes when the sides agree."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.diff.history import any_refused, without_refusals
from syncd.model import dumps
from unit.diff.world import (
    BOX,
    CLASSIFICATION,
    LABEL,
    VALUES,
    B,
    D,
    F,
    S,
    agreed,
    changes,
    field,
    kinds,
    only,
    opened,
    plan_of,
    quiet,
    world,
)

STICKY = ["edit_edit", "no_baseline", "stale_revert", "box_changed", "wrong_direction"]
MOMENTARY = ["unsafe_value", "refused_by_database"]


def judged(kind: str, base: Any, fiftyone: Any, database: Any, *, way: str = "to_fiftyone", **given: Any) -> Any:
    """One annotation with an open conflict of that kind about the field that such a conflict is about."""
    name = BOX if kind == "box_changed" else "note" if kind == "wrong_direction" else LABEL
    values = [VALUES[BOX]["abc".index(each)] if name == BOX else each for each in (base, fiftyone, database)]
    one_way = kind in ("box_changed", "wrong_direction")
    unknown = (name,) if kind == "no_baseline" else ()
    return plan_of(
        field(name, way if one_way else "both"),
        b=[B("a", **{name: values[0]}, unknown=unknown)],
        f=[F("a", **{name: values[1]})],
        d=[D("a", **{name: values[2]})],
        conflicts=[opened("a", kind, name)],
        **given,
    )


@pytest.mark.parametrize("kind", STICKY)
@pytest.mark.parametrize(("fiftyone", "database"), [("b", "a"), ("a", "b"), ("b", "c")])
def test_it_stays_open_while_the_sides_differ(kind: str, fiftyone: str, database: str) -> None:
    plan = judged(kind, "a", fiftyone, database)
    assert changes(plan) == []
    assert [each[0] for each in kinds(plan)] == [kind]
    if kind != "box_changed":
        shown = plan.conflicts[0]
        assert (shown.fiftyone, shown.database) == (fiftyone, database), "a later edit updates it"


@pytest.mark.parametrize("kind", STICKY)
@pytest.mark.parametrize("value", ["a", "b"])
def test_it_closes_when_the_sides_agree(kind: str, value: str) -> None:
    plan = judged(kind, "a", value, value)
    assert plan.conflicts == ()
    assert plan.is_empty
    assert plan.scope.judged("a", "l-a", LABEL)


@pytest.mark.parametrize("kind", STICKY)
def test_agreement_after_a_conflict_is_the_new_baseline(kind: str) -> None:
    plan = judged(kind, "a", "b", "b")
    name = BOX if kind == "box_changed" else "note" if kind == "wrong_direction" else LABEL
    assert agreed(plan)["a"][name] == (VALUES[BOX][1] if name == BOX else "b")


@pytest.mark.parametrize("kind", MOMENTARY)
def test_what_was_about_a_value_does_not_outlive_the_value(kind: str) -> None:
    plan = judged(kind, "a", "b", "a")
    assert changes(plan) == [("db", "update", "a", LABEL, "a", "b", "reviewed")]


@pytest.mark.parametrize("kind", STICKY)
def test_it_holds_back_no_other_field(kind: str) -> None:
    name = BOX if kind == "box_changed" else "note"
    mine, theirs = VALUES[name][:2]
    plan = plan_of(
        field(name, "to_fiftyone"), "count", "depth",
        b=[B("a", **{name: mine}, count=1, depth=1.0)],
        f=[F("a", **{name: theirs}, label="krill", count=1, depth=2.0)],
        d=[D("a", **{name: mine}, count=2, depth=2.0)],
        conflicts=[opened("a", kind, name)],
    )  # fmt: skip
    assert changes(plan) == [
        ("fo", "update", "a", "count", 1, 2, "changed_at_home"),
        ("-", "update", "a", "depth", 1.0, 2.0, "converged"),
        ("db", "update", "a", LABEL, "copepod", "krill", "reviewed"),
    ]
    assert kinds(plan) == [(kind, "a", name)]


def test_it_holds_back_no_other_annotation() -> None:
    plan = plan_of(
        b=[B("a"), B("b")], f=[F("a", label="krill"), F("b", label="krill")], d=[D("a"), D("b")],
        conflicts=[opened("a", "edit_edit")],
    )  # fmt: skip
    assert changes(plan) == [("db", "update", "b", LABEL, "copepod", "krill", "reviewed")]
    assert kinds(plan) == [("edit_edit", "a", LABEL)]


def test_a_conflict_about_another_field_or_the_whole_annotation_holds_back_no_field() -> None:
    rows: dict[str, Any] = {"b": [B("a")], "f": [F("a", label="krill")], "d": [D("a")]}
    for conflict in (opened("a", "edit_edit", "note"), opened("a", "duplicate_id", None)):
        assert len(changes(plan_of("note", **rows, conflicts=[conflict]))) == 1


# a policy that is given later


@pytest.mark.parametrize("policy", ["database", "fiftyone"])
def test_an_open_disagreement_follows_a_policy_that_is_given_later(policy: str) -> None:
    plan = judged("edit_edit", "a", "b", "c", on_conflict=policy)
    way = ("fo", "b", "c") if policy == "database" else ("db", "c", "b")
    assert changes(plan) == [(way[0], "update", "a", LABEL, way[1], way[2], "on_conflict")]


@pytest.mark.parametrize("kind", ["box_changed", "wrong_direction"])
def test_an_open_conflict_about_direction_ends_when_the_field_may_travel_both_ways(kind: str) -> None:
    plan = judged(kind, "a", "b", "a", way="both")
    assert [each[0] for each in changes(plan)] == ["db"]
    assert plan.conflicts == ()


@pytest.mark.parametrize("kind", ["box_changed", "wrong_direction"])
def test_what_a_policy_decides_does_not_depend_on_which_side_was_seen_first(kind: str) -> None:
    plan = judged(kind, "a", "b", "c", on_conflict="database")
    assert [each[0] for each in changes(plan)] == ["fo"]
    assert plan.conflicts == ()
    alone = judged(kind, "a", "b", "a", on_conflict="database")
    assert [each[0] for each in kinds(alone)] == [kind], "nobody disagrees: the edit itself is the question"


def test_a_suspected_stale_revert_waits_for_a_person_whatever_the_policy() -> None:
    for policy in ("database", "fiftyone", "latest"):
        assert kinds(judged("stale_revert", "a", "b", "c", on_conflict=policy)) == [("stale_revert", "a", LABEL)]
        assert kinds(judged("stale_revert", "a", "b", "a", on_stale_revert="reapply", on_conflict=policy)) == [
            ("stale_revert", "a", LABEL)
        ]


def test_an_open_conflict_keeps_its_kind_while_a_value_cannot_be_read() -> None:
    # Otherwise a stale value would pass for an edit once it can be read again.
    plan = plan_of(
        b=[B("a")], f=[F("a", label="old")], d=[D("a", label=None, problems={LABEL: "??"})],
        conflicts=[opened("a", "stale_revert")],
    )  # fmt: skip
    assert kinds(plan) == [("stale_revert", "a", LABEL)]
    assert plan.conflicts[0].database == "??"


# what was judged, and therefore what is closed


def test_fields_of_an_annotation_that_is_held_are_not_judged() -> None:
    plan = plan_of(
        b=[B("a")], f=[F("b", label_id="l-a", sample="s-a")], d=[D("a")], conflicts=[opened("a", "edit_edit")]
    )
    assert kinds(plan) == [("moved", "a", None)]
    assert not plan.scope.judged("a", "l-a", LABEL)
    assert plan.scope.judged("a", "l-a", None)


@pytest.mark.parametrize("rows", [{"f": [F("a")]}, {"d": [D("a")]}])
def test_fields_of_an_annotation_that_one_side_lacks_are_not_judged(rows: Any) -> None:
    plan = plan_of(b=[B("a")], **rows, conflicts=[opened("a", "stale_revert")])
    assert not plan.scope.judged("a", "l-a", LABEL)
    assert plan.scope.judged("a", "l-a", None)


def test_conflicts_of_what_is_gone_from_both_sides_are_closed() -> None:
    plan = plan_of(b=[B("a")], conflicts=[opened("a", "edit_edit")])
    assert plan.scope.judged("a", "l-a", LABEL)


def test_fields_that_both_sides_have_are_judged() -> None:
    scope = plan_of(b=[B("a")], f=[F("a")], d=[D("a")], conflicts=[opened("a", "edit_edit")]).scope
    assert scope.judged("a", "l-a", LABEL)


# values that the database would not take


def refused(value: str, **given: Any) -> Any:
    return plan_of(
        b=[B("a")], f=[F("a", label=value)], d=[D("a", label=given.pop("database", "copepod"))],
        conflicts=[opened("a", "refused_by_database", fiftyone="krill")], **given,
    )  # fmt: skip


def test_a_value_that_the_database_refused_is_not_sent_again() -> None:
    plan = refused("krill")
    assert (changes(plan), kinds(plan)) == ([], [("refused_by_database", "a", LABEL)])


def test_another_value_than_the_refused_one_is_sent() -> None:
    assert changes(refused("salp")) == [("db", "update", "a", LABEL, "copepod", "salp", "reviewed")]


@pytest.mark.parametrize("policy", ["fiftyone", "quarantine"])
def test_a_refused_value_is_not_sent_again_by_a_policy_either(policy: str) -> None:
    plan = refused("krill", database="salp", on_conflict=policy)
    kind = "refused_by_database" if policy == "fiftyone" else "edit_edit"
    assert (changes(plan), kinds(plan)) == ([], [(kind, "a", LABEL)])


def test_a_refused_value_at_the_first_meeting_is_not_sent_again() -> None:
    plan = plan_of(
        f=[F("a", label="krill")], d=[D("a")], first_sync="fiftyone",
        conflicts=[opened("a", "refused_by_database", fiftyone="krill")],
    )  # fmt: skip
    assert (changes(plan), kinds(plan)) == ([], [("refused_by_database", "a", LABEL)])


def test_a_refused_value_gives_way_to_a_change_in_the_database() -> None:
    assert changes(refused("krill", database="salp", on_conflict="database")) == [
        ("fo", "update", "a", LABEL, "krill", "salp", "on_conflict")
    ]


def test_a_label_whose_row_the_database_refused_is_not_inserted_again_until_it_is_edited() -> None:
    remembered = [{"sample_id": "s-a", "label_id": "l-a", "fiftyone": dumps({LABEL: "krill", "depth": 1})}]
    drawn = {"label_id": "l-a", "sample": "s-a", "depth": 1.0}
    again = plan_of("depth", f=[F(None, label="krill", **drawn)], refused=remembered)
    assert (changes(again), kinds(again)) == ([], [("refused_by_database", None, None)])
    assert again.conflicts[0].fiftyone == {LABEL: "krill", "depth": 1.0}
    edited = plan_of("depth", f=[F(None, label="salp", **drawn)], refused=remembered)
    assert changes(edited) == [("db", "insert", None, "drawn_in_fiftyone")]
    other = plan_of("depth", f=[F(None, label="krill", **drawn | {"sample": "s-b"})], refused=remembered)
    assert changes(other) == [("db", "insert", None, "drawn_in_fiftyone")], "a copy of it is another label"


@pytest.mark.parametrize("name", ["count", "depth", "day", "seen", "box"])
def test_memory_of_a_field_that_has_another_kind_by_now_is_harmless(name: str) -> None:
    value, other = VALUES[name][:2]
    plan = plan_of(
        name, b=[B("a", **{name: other})], f=[F("a", **{name: value})], d=[D("a", **{name: other})],
        conflicts=[opened("a", "refused_by_database", name, "some text")],
        lately=[{"annotation_id": "a", "field": name, "action": "update", "old": '"words"', "reason": "x"}],
    )  # fmt: skip
    assert [each[0] for each in changes(plan)] == ["db"]


def test_an_occupied_slot_that_is_free_again_is_filled() -> None:
    plan = plan_of(
        label_type=CLASSIFICATION, d=[D("a")], conflicts=[opened("a", "occupied", None)],
        samples=[{"sample_id": "s-a", "media": "m-a", "occupied": False}],
    )  # fmt: skip
    assert changes(plan) == [("fo", "insert", "a", "new_in_database")]


def test_an_edit_undone_before_anybody_looked_is_no_edit() -> None:
    assert quiet(plan_of(b=[B("a")], f=[F("a")], d=[D("a")], conflicts=[opened("a", "unsafe_value")]))


def test_fiftyone_is_not_asked_again_for_a_value_that_it_has_refused() -> None:
    """Each time would be another entry in the log."""
    open_now = [opened("a", "refused_by_fiftyone", database="krill")]
    plan = plan_of(b=[B("a")], f=[F("a")], d=[D("a", label="krill")], conflicts=open_now)
    assert (changes(plan), kinds(plan)) == ([], [("refused_by_fiftyone", "a", LABEL)])
    other = plan_of(b=[B("a")], f=[F("a")], d=[D("a", label="salp")], conflicts=open_now)
    assert (changes(other), kinds(other)) == ([("fo", "update", "a", LABEL, "copepod", "salp", "changed_at_home")], [])


@pytest.mark.parametrize("given", [{"samples": [S("s-a")]}, {"b": [B("a")], "on_fiftyone_delete": "restore"}])
def test_nor_for_a_label_that_it_has_refused(given: dict[str, Any]) -> None:
    open_now = [opened("a", "refused_by_fiftyone", None, database={LABEL: "krill"})]
    given = {"label_type": CLASSIFICATION, "conflicts": open_now} | given
    plan = plan_of(d=[D("a", label="krill")], **given)
    assert (changes(plan), kinds(plan)) == ([], [("refused_by_fiftyone", "a", None)])
    other = plan_of(d=[D("a", label="copepod")], **given)
    assert ([each.action.value for each in other.changes], kinds(other)) == (["insert"], [])


def test_what_the_database_refused_is_tried_once_more_where_the_refusals_are_forgotten() -> None:
    conflicts = [opened("a", "refused_by_database", LABEL, "krill"), opened("b", "edit_edit", LABEL, "krill")]
    history = world(conflicts=conflicts, refused=[{"sample_id": "s", "label_id": "l", "fiftyone": "{}"}]).history
    assert any_refused(history)
    again = without_refusals(history)
    assert again.open_conflicts["annotation_id"].to_list() == ["b"]
    assert again.refused.is_empty() and not any_refused(again)
    assert any_refused(world(conflicts=conflicts).history)
    assert not any_refused(world(conflicts=conflicts[1:]).history)


def test_a_row_whose_insertion_was_refused_is_not_inserted_again_until_the_label_changes() -> None:
    told = [opened("a", "refused_by_database", None, {LABEL: "krill"})]
    again = only(plan_of(f=[F("a", label="krill")], conflicts=told))
    assert (again.kind, again.fiftyone) == ("refused_by_database", {LABEL: "krill"})
    assert only(plan_of(f=[F("a", label="salp")], conflicts=told)).kind == "unknown_id"


def test_a_row_whose_deletion_was_refused_is_not_deleted_again() -> None:
    gone: dict[str, Any] = {"b": [B("a")], "d": [D("a")], "on_fiftyone_delete": "delete"}
    told = opened("a", "refused_by_database", None, None)
    assert changes(plan_of(**gone)) == [("db", "delete", "a", "deleted_in_fiftyone")]
    assert only(plan_of(**gone, conflicts=[told])).kind == "refused_by_database"
    other = opened("b", "refused_by_database", None, None)
    assert changes(plan_of(**gone, conflicts=[other])) == [("db", "delete", "a", "deleted_in_fiftyone")]
