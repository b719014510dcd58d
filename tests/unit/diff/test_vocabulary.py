"""Vocabulary: a label is a term, an alias of one, or something that never reaches the database."""

from __future__ import annotations

import pytest

from syncd.model import Policy, Vocabulary
from syncd.model.vocabulary import Term
from unit.diff.world import B, D, F, changes, hand, kinds, mapping, only, plan_of, quiet, written

TERMS = Vocabulary(
    tuple(Term(each) for each in ("copepod", "krill", "salp", "20240101")),
    ("unknown",),
    {"Copepda": "copepod", "Old": "krill"},
)


def test_an_edit_to_a_term_goes_through() -> None:
    plan = plan_of(b=[B("a")], f=[F("a", label="krill")], d=[D("a")], vocabulary=TERMS)
    assert changes(plan) == [("db", "update", "a", "label", "copepod", "krill", "reviewed")]


def test_a_label_that_is_always_allowed_is_no_unknown_one() -> None:
    plan = plan_of(b=[B("a")], f=[F("a", label="unknown")], d=[D("a")], vocabulary=TERMS)
    assert changes(plan) == [("db", "update", "a", "label", "copepod", "unknown", "reviewed")]


def test_a_misspelt_label_is_a_conflict_with_the_nearest_terms_and_is_kept() -> None:
    conflict = only(plan_of(b=[B("a")], f=[F("a", label="kril")], d=[D("a")], vocabulary=TERMS))
    assert (conflict.kind, conflict.field, conflict.fiftyone, conflict.database) == (
        "unknown_label", "label", "kril", "copepod",
    )  # fmt: skip
    assert conflict.suggestions[0] == "krill"


def test_without_a_vocabulary_every_label_goes_through() -> None:
    assert changes(plan_of(b=[B("a")], f=[F("a", label="kril")], d=[D("a")])) != []


def test_a_typed_alias_reaches_the_database_as_its_term_and_fiftyone_too() -> None:
    plan = plan_of(b=[B("a")], f=[F("a", label="Old")], d=[D("a")], vocabulary=TERMS)
    assert changes(plan) == [
        ("db", "update", "a", "label", "copepod", "krill", "reviewed"),
        ("fo", "update", "a", "label", "Old", "krill", "alias"),
    ]


def test_a_typed_alias_of_what_the_label_is_only_becomes_the_term_again() -> None:
    plan = plan_of(b=[B("a")], f=[F("a", label="Copepda")], d=[D("a")], vocabulary=TERMS)
    assert changes(plan) == [("fo", "update", "a", "label", "Copepda", "copepod", "alias")]


def test_renaming_a_term_in_the_database_is_no_conflict_with_the_old_name() -> None:
    plan = plan_of(
        b=[B("a", label="Old"), B("b", label="Old")],
        f=[F("a", label="Old"), F("b", label="Old", note="x")],
        d=[D("a", label="krill"), D("b", label="krill")],
        vocabulary=TERMS,
    )
    assert changes(plan) == [
        ("fo", "update", "a", "label", "Old", "krill", "alias"),
        ("fo", "update", "b", "label", "Old", "krill", "alias"),
    ]
    assert plan.conflicts == ()


def test_at_a_first_meeting_an_alias_equals_its_term() -> None:
    plan = plan_of(f=[F("a", label="Old")], d=[D("a", label="krill")], vocabulary=TERMS)
    assert changes(plan) == [("fo", "update", "a", "label", "Old", "krill", "alias")]
    assert plan.conflicts == ()


@pytest.mark.parametrize("label", ["Old", "never heard of"])
def test_what_both_sides_have_held_all_along_is_left_alone(label: str) -> None:
    plan = plan_of(b=[B("a", label=label)], f=[F("a", label=label)], d=[D("a", label=label)], vocabulary=TERMS)
    assert quiet(plan)


def test_an_old_name_that_nobody_touched_follows_the_database_anywhere() -> None:
    plan = plan_of(b=[B("a", label="Old")], f=[F("a", label="Old")], d=[D("a", label="salp")], vocabulary=TERMS)
    assert changes(plan) == [("fo", "update", "a", "label", "Old", "salp", "changed_at_home")]


@pytest.mark.parametrize("label", ["weird", "Old"])
def test_what_the_database_calls_it_is_its_own_business(label: str) -> None:
    plan = plan_of(b=[B("a")], f=[F("a")], d=[D("a", label=label)], vocabulary=TERMS)
    assert changes(plan) == [("fo", "update", "a", "label", "copepod", label, "changed_at_home")]


def test_both_sides_may_say_the_same_in_other_words() -> None:
    plan = plan_of(b=[B("a")], f=[F("a", label="krill")], d=[D("a", label="Old")], vocabulary=TERMS)
    assert changes(plan) == [("db", "update", "a", "label", "Old", "krill", "alias")]


def test_an_unknown_label_is_unknown_whatever_the_database_made_of_it_and_whoever_should_win() -> None:
    for choice in ("quarantine", "database", "fiftyone"):
        plan = plan_of(
            b=[B("a")], f=[F("a", label="kril")], d=[D("a", label="salp")], vocabulary=TERMS, on_conflict=choice
        )
        assert (changes(plan), kinds(plan)) == ([], [("unknown_label", "a", "label")])


def test_a_first_meeting_that_fiftyone_would_win_is_not_won_by_an_unknown_label() -> None:
    plan = plan_of(f=[F("a", label="kril")], d=[D("a")], vocabulary=TERMS, first_sync="fiftyone")
    assert (changes(plan), kinds(plan)) == ([], [("unknown_label", "a", "label")])


def test_an_idle_window_that_puts_an_unknown_label_back_is_a_stale_revert_all_the_same() -> None:
    returned = {"lately": [written("a", old="weird")], "by_hand": [hand("s-a")]}
    plan = plan_of(b=[B("a")], f=[F("a", label="weird")], d=[D("a")], vocabulary=TERMS, **returned)
    assert changes(plan) == [("fo", "update", "a", "label", "weird", "copepod", "stale_revert")]


def test_the_other_fields_of_an_unknown_label_go_through() -> None:
    plan = plan_of(
        "count", b=[B("a", count=1)], f=[F("a", label="kril", count=2)], d=[D("a", count=1)], vocabulary=TERMS
    )
    assert changes(plan) == [("db", "update", "a", "count", 1, 2, "reviewed")]
    assert kinds(plan) == [("unknown_label", "a", "label")]


def test_a_drawn_label_goes_as_its_term_or_not_at_all() -> None:
    drawn = [F(None, label_id="l-1", sample="s-1", label="Old"), F(None, label_id="l-2", sample="s-2", label="kril")]
    plan = plan_of(f=drawn, vocabulary=TERMS)
    (change,) = plan.changes
    assert (change.label_id, change.new) == ("l-1", {"label": "krill"})
    (conflict,) = plan.conflicts
    assert (conflict.kind, conflict.label_id, conflict.suggestions[0]) == ("unknown_label", "l-2", "krill")


def test_where_fiftyone_may_not_be_written_an_alias_stays_there() -> None:
    mapped = mapping("label=to_database")
    plan = plan_of(mapped=mapped, b=[B("a")], f=[F("a", label="Old")], d=[D("a")], vocabulary=TERMS)
    assert changes(plan) == [("db", "update", "a", "label", "copepod", "krill", "reviewed")]
    plan = plan_of(mapped=mapped, b=[B("a", label="krill")], f=[F("a", label="Old")], d=[D("a", label="krill")],
                   vocabulary=TERMS)  # fmt: skip
    assert quiet(plan)


def test_a_term_that_reads_as_a_date_is_never_put_into_fiftyone_for_an_alias() -> None:
    terms = Vocabulary(TERMS.terms, (), {"odd": "20240101"})
    plan = plan_of(b=[B("a")], f=[F("a", label="odd")], d=[D("a")], vocabulary=terms)
    assert (changes(plan), kinds(plan)) == ([], [("unsafe_value", "a", "label")])


def test_a_label_that_was_cleared_is_no_unknown_one() -> None:
    plan = plan_of(b=[B("a")], f=[F("a", label=None)], d=[D("a")], vocabulary=TERMS, on_conflict="quarantine")
    assert changes(plan) == [("db", "update", "a", "label", "copepod", None, "reviewed")]


def test_the_default_policy_has_no_review() -> None:
    assert Policy().review.marks.names == frozenset()
