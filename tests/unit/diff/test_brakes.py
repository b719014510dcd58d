"""Brakes: a plan that would change or delete too much writes nothing and waits for a person."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.diff.brakes import enough_known, held_by, made_held_by
from syncd.model import Action, Brakes, Change, Direction, Review
from unit.diff.world import CLASSIFICATION, CLASSIFICATIONS, LABEL, B, D, F, opened, plan_of

NAMES = [f"a{number:03}" for number in range(100)]
LIMITS = Brakes(max_change_fraction=0.2, max_delete_fraction=0.02, max_into_one_label=0.1, min_rows=50, min_count=1)
"""Fractions alone: of a hundred annotations three may not vanish."""


def hundred(*fields: Any, f: Any = None, d: Any = None, names: Any = None, **given: Any) -> Any:
    """A hundred annotations; ``f`` and ``d`` map the ids of odd ones to a row, or to ``None`` where it is missing."""
    names = names or NAMES
    mine, theirs = f or {}, d or {}
    brakes = given.pop("brakes", LIMITS)
    return plan_of(
        *fields,
        b=[B(name) for name in names],
        f=[row for name in names if (row := mine.get(name, F(name))) is not None],
        d=[row for name in names if (row := theirs.get(name, D(name))) is not None],
        brakes=brakes,
        **given,
    )


def edited(make: Any, count: int, **values: Any) -> Any:
    return {name: make(name, **{each: value.format(name) for each, value in values.items()}) for name in NAMES[:count]}


def gone(count: int) -> dict[str, None]:
    return dict.fromkeys(NAMES[:count])


def test_a_quiet_plan_is_never_held() -> None:
    assert hundred().held is None


@pytest.mark.parametrize(("make", "side"), [(F, "the database"), (D, "FiftyOne")])
def test_changing_too_many_annotations_holds_the_plan(make: Any, side: str) -> None:
    where = "f" if make is F else "d"
    assert hundred("note", **{where: edited(make, 20, note="{}")}).held is None
    held = hundred("note", **{where: edited(make, 21, note="{}")}).held
    assert held is not None
    assert f"21 of 100 annotations would change in {side}" in held
    assert "max_change_fraction (20.00%)" in held


def test_annotations_are_counted_not_fields() -> None:
    plan = hundred("note", "ref", f=edited(F, 15, note="{}", ref="{}"))
    assert len(plan.changes) == 30
    assert plan.held is None


def test_changes_in_both_directions_are_judged_apart() -> None:
    theirs = {name: D(name, note=name) for name in NAMES[50:65]}
    assert hundred("note", f=edited(F, 15, note="{}"), d=theirs).held is None


def test_approvals_count_in_no_brake() -> None:
    review = Review(approve=("ok",), verified="verified")
    approved = {name: F(name, tags=["ok"]) for name in NAMES}
    plan = hundred("verified", f=approved, review=review)
    assert (plan.held, len(plan.changes)) == (None, 200)
    relabelled = {name: F(name, tags=["ok"], label=f"krill {name}") for name in NAMES[:21]}
    held = hundred("verified", f=approved | relabelled, review=review).held
    assert held is not None and "21 of 100 annotations would change in the database" in held
    by_hand = {name: F(name, verified=True) for name in NAMES}
    assert hundred("verified", f=by_hand, review=review).held is not None


def test_what_converged_changes_nothing() -> None:
    plan = hundred("note", f=edited(F, 60, note="{}"), d=edited(D, 60, note="{}"))
    assert plan.counts.converged == 60
    assert plan.held is None


@pytest.mark.parametrize(("where", "side"), [("f", "FiftyOne"), ("d", "the database")])
@pytest.mark.parametrize("policy", ["quarantine", "restore", "delete"])
def test_too_many_deletions_hold_the_plan_whatever_would_be_done_about_them(where: str, side: str, policy: str) -> None:
    given: dict[str, Any] = {"on_fiftyone_delete": policy, "label_type": CLASSIFICATION}
    assert hundred(**{where: gone(2)}, **given).held is None
    held = hundred(**{where: gone(3)}, **given).held
    assert held is not None
    assert f"3 of 100 annotations are gone from {side}" in held


@pytest.mark.parametrize(("where", "kind"), [("f", "deleted_in_fiftyone"), ("d", "deleted_in_database")])
def test_deletions_that_are_open_conflicts_already_do_not_count_again(where: str, kind: str) -> None:
    told = [opened(name, kind, None) for name in NAMES[:30]]
    assert hundred(**{where: gone(32)}, conflicts=told, on_database_delete="quarantine").held is None
    assert hundred(**{where: gone(33)}, conflicts=told, on_database_delete="quarantine").held is not None


def test_conflicts_about_one_field_do_not_excuse_a_deletion() -> None:
    told = [opened(name, "edit_edit", LABEL) for name in NAMES[:30]]
    assert hundred(f=gone(30), conflicts=told).held is not None


def test_what_is_gone_from_both_sides_is_no_deletion_to_carry_over() -> None:
    assert hundred(f=gone(30), d=gone(30)).held is None


@pytest.mark.parametrize(("make", "side"), [(F, "the database"), (D, "FiftyOne")])
def test_one_class_that_swallows_too_many_holds_the_plan(make: Any, side: str) -> None:
    where = "f" if make is F else "d"
    assert hundred(**{where: edited(make, 10, label="krill")}).held is None
    held = hundred(**{where: edited(make, 11, label="krill")}).held
    assert held is not None
    assert f"11 of 100 annotations would become 'krill' in {side}" in held
    assert hundred(**{where: edited(make, 20, label="krill {}")}).held is None


def test_labels_that_are_cleared_are_a_class_of_their_own() -> None:
    rows = {name: F(name, label=None) for name in NAMES[:8]} | {name: F(name, label="None") for name in NAMES[8:16]}
    assert hundred(f=rows).held is None


@pytest.mark.parametrize("where", ["f", "d"])
@pytest.mark.parametrize("count", [1, 10, 100])
def test_a_side_that_came_back_empty_holds_whatever_its_size(where: str, count: int) -> None:
    names = NAMES[:count]
    plan = hundred(names=names, **{where: dict.fromkeys(names)})
    assert plan.held is not None
    assert "came back empty" in plan.held


def test_two_sides_that_are_empty_from_the_start_are_no_reason_to_hold() -> None:
    assert plan_of().held is None
    assert plan_of(d=[D("a")]).held is None


@pytest.mark.parametrize("count", [49, 50])
def test_fractions_are_judged_from_min_rows_upwards(count: int) -> None:
    names = NAMES[:count]
    plan = hundred(names=names, f=gone(count // 2))
    assert (plan.held is None) == (count < 50)


def test_force_releases_every_brake() -> None:
    for change in ({"f": gone(100)}, {"d": gone(40)}, {"f": edited(F, 90, label="krill")}):
        assert hundred(**change, force=True).held is None
        assert hundred(**change).held is not None


def test_a_partial_read_is_measured_against_the_whole_baseline() -> None:
    names = NAMES[:40]
    mine = [F(name, label="krill") for name in names]
    rows: dict[str, Any] = {"b": [B(name) for name in names], "f": mine, "d": [D(name) for name in names]}
    assert plan_of(**rows, complete=False, size=1000).held is None
    assert plan_of(**rows, complete=False, size=100).held is not None


def test_a_partial_read_without_rows_is_no_empty_side() -> None:
    assert plan_of(complete=False, size=100).held is None


@pytest.mark.parametrize("kept", ["annotation ids", "label ids", "neither"])
def test_a_dataset_whose_labels_were_all_made_anew_holds_the_plan(kept: str) -> None:
    # Cleared and filled again under its old identity: nothing was deleted, but nothing is where it was.
    made = {
        name: F(
            name if kept == "annotation ids" else None,
            label_id=None if kept == "label ids" else f"new-{name}",
            sample=f"s-{name}" if kept == "neither" else f"t-{name}",
        )
        for name in NAMES
    }
    for name, row in made.items():
        row.columns["label_id"] = f"l-{name}" if kept == "label ids" else f"new-{name}"
    plan = hundred(f=made, label_type=CLASSIFICATION)
    assert plan.held is not None
    assert "100 of 100 annotations are no longer where they were known" in plan.held


def test_a_few_displaced_labels_are_only_conflicts() -> None:
    moved = {name: F(name, sample=f"t-{name}") for name in NAMES[:20]}
    plan = hundred(f=moved)
    assert len(plan.conflicts) == 20
    assert plan.held is None


def test_displaced_labels_that_are_open_conflicts_already_do_not_count_again() -> None:
    moved = {name: F(name, sample=f"t-{name}") for name in NAMES[:30]}
    told = [opened(name, "moved", None) for name in NAMES[:30]]
    assert hundred(f=moved).held is not None
    assert hundred(f=moved, conflicts=told).held is None


def test_a_lasso_that_went_wrong_is_named_by_its_class_and_by_what_it_would_swallow() -> None:
    """Before the mere number of changes, which says less."""
    held = hundred(f=edited(F, 60, label="krill")).held
    assert held is not None
    assert "60 of 100 annotations would become 'krill' in the database (60 from 'copepod')" in held


OF_A_PROJECT = Brakes()
"""The brakes as they are without any configuration."""


def drawn(count: int, *names: str, **given: Any) -> Any:
    """``count`` labels that were drawn, beside annotations in agreement."""
    labels = [F(None, label_id=f"new-{number}", sample="s-" + NAMES[number % 100]) for number in range(count)]
    rows: dict[str, Any] = {"b": [B(name) for name in names], "d": [D(name) for name in names]}
    return plan_of(
        f=[*(F(name) for name in names), *labels], **rows, **{"label_type": CLASSIFICATIONS, "brakes": LIMITS} | given
    )


def test_too_many_drawn_labels_hold_the_plan() -> None:
    assert drawn(50, *NAMES).held is None
    held = str(drawn(51, *NAMES).held)
    assert "51 labels drawn in FiftyOne would become rows of the database, where 100 annotations are known" in held
    assert "more than max_insert_fraction (20.00%) and min_rows (50)" in held


def test_of_a_large_project_a_share_may_be_drawn_in_one_go() -> None:
    """Two hundred labels on a day are everyday work; a notebook that doubles the table is not."""
    assert drawn(200, *NAMES, size=1_000).held is None
    assert "more than max_insert_fraction (20.00%)" in str(drawn(201, *NAMES, size=1_000).held)


def test_drawn_labels_brake_with_an_empty_baseline_too() -> None:
    assert drawn(50).held is None
    assert "51 labels drawn in FiftyOne" in str(drawn(51).held)


def test_a_project_that_starts_with_drawn_labels_is_not_held() -> None:
    assert drawn(1_000, starts=True).held is None


def test_labels_that_only_wait_or_are_asked_about_are_no_inserts() -> None:
    assert drawn(60, *NAMES, on_new="ignore").held is None
    assert drawn(60, *NAMES, review=Review(mode="tagged", approve=("ok",))).held is None


def fanned_out(count: int, **given: Any) -> Any:
    """A view that shows so many of a hundred rows twice."""
    rows = [D(name) for name in NAMES] + [D(name, label="krill") for name in NAMES[:count]]
    labels = [F(name) for name in NAMES]
    return plan_of(**{"b": [B(name) for name in NAMES], "f": labels, "d": rows, "brakes": LIMITS} | given)


def test_too_many_new_conflicts_hold_the_plan() -> None:
    assert fanned_out(20).held is None
    held = str(fanned_out(21).held)
    assert "21 annotations would become conflicts (21 duplicate_id), where 100 are known" in held
    assert "more than max_conflict_fraction (20.00%)" in held


def test_new_conflicts_brake_at_a_first_meeting_too() -> None:
    assert fanned_out(20, b=[]).held is None
    assert fanned_out(21, b=[]).held is not None
    nobody = plan_of(f=[F(name) for name in NAMES], brakes=LIMITS)
    assert "100 annotations would become conflicts (100 unknown_id)" in str(nobody.held)


def test_what_stands_twice_and_has_no_label_yet_is_counted_without_any_annotation_to_compare_with() -> None:
    assert fanned_out(50, b=[], f=[]).held is None
    assert "and min_rows (50)" in str(fanned_out(51, b=[], f=[]).held)


def test_conflicts_that_are_open_already_never_add_up() -> None:
    told = [opened(name, "duplicate_id", None, label="@") for name in NAMES[:30]]
    assert fanned_out(30).held is not None
    assert fanned_out(30, conflicts=told).held is None
    nameless = [opened(None, "new_label", None, label=f"new-{n}@s-{NAMES[n]}") for n in range(30)]
    assert drawn(30, *NAMES, on_new="quarantine").held is not None
    assert drawn(30, *NAMES, on_new="quarantine", conflicts=nameless).held is None


def test_conflicts_about_several_fields_of_an_annotation_are_one() -> None:
    mine = edited(F, 15, note="mine {}", ref="{}")
    theirs = edited(D, 15, note="theirs {}", ref="not {}")
    plan = hundred("note", "ref", f=mine, d=theirs)
    assert len(plan.conflicts) == 30
    assert plan.held is None


def test_no_fraction_holds_a_handful() -> None:
    """Of a small dataset two percent are two labels, and everybody deletes ten now and then."""
    few: dict[str, Any] = {"brakes": OF_A_PROJECT}
    assert hundred(f=gone(9), **few).held is None
    assert hundred(f=gone(10), **few).held is not None
    none = Brakes(0.0, 0.0, 0.0, 0.0, 0.0, min_rows=1)
    for change in ({"f": gone(9)}, {"d": gone(9)}, {"f": edited(F, 9, label="krill")}):
        assert hundred(**change, brakes=none).held is None


def test_a_side_that_came_back_empty_holds_a_handful_too() -> None:
    assert hundred(names=NAMES[:3], f=gone(3), brakes=OF_A_PROJECT).held is not None


def test_a_fraction_of_one_never_holds() -> None:
    none = Brakes(1.0, 1.0, 1.0, 1.0, 1.0, 0, 0)
    assert hundred(f=edited(F, 100, label="krill"), brakes=none).held is None
    assert drawn(300, brakes=none).held is None
    assert fanned_out(100, b=[], f=[], brakes=none).held is None
    first = [D(name, label="krill") for name in NAMES[:4]]
    met = {"f": [F(name) for name in NAMES[:4]], "d": first, "first_sync": "fiftyone"}
    assert plan_of(**met, brakes=none).held is None


def test_nothing_that_was_never_agreed_is_changed_too_much() -> None:
    """At a first meeting policy decides who is right, for all of them."""
    met = {"f": [F(name) for name in NAMES], "d": [D(name, label="krill") for name in NAMES]}
    assert plan_of(**met, first_sync="fiftyone", brakes=LIMITS).held is None
    assert "100 annotations would become conflicts (100 no_baseline)" in str(plan_of(**met, brakes=LIMITS).held)


def test_fractions_are_of_what_is_met_where_that_is_more_than_was_known() -> None:
    """A second campaign of a thousand images: its few surprises are set against all of it."""
    other = [f"n{number:03}" for number in range(400)]
    met = {"f": [F(name) for name in [*NAMES, *other]], "d": [D(name) for name in [*NAMES[:92], *other]]}
    assert plan_of(b=[B(name) for name in NAMES], **met, brakes=LIMITS).held is None
    assert hundred(d=gone(8), brakes=LIMITS, met_besides=300).held is None
    assert hundred(d=gone(8), brakes=LIMITS).held is not None


def test_a_plan_that_somebody_made_is_held_for_what_it_deletes_and_changes_and_not_for_what_it_inserts() -> None:
    made = [replace(_relabel(number), action=Action.DELETE, field=None, reason="undone") for number in range(21)]
    assert made_held_by(LIMITS, made[:2], 100) is None
    assert "3 of 100 annotations would be deleted in the database" in str(made_held_by(LIMITS, made[:3], 100))
    relabelled = [_relabel(number) for number in range(21)]
    assert "21 of 100 annotations would become 'krill'" in str(made_held_by(LIMITS, relabelled, 100))
    inserted = [replace(each, action=Action.INSERT) for each in made]
    assert made_held_by(LIMITS, inserted * 20, 100) is None
    assert made_held_by(LIMITS, made, 49) is None


FRACTIONS = st.sampled_from([0.001, 0.02, 0.1, 0.3, 1.0, 9.0])


@given(
    st.integers(0, 60),
    st.integers(0, 60),
    st.builds(
        Brakes, FRACTIONS, FRACTIONS, FRACTIONS, FRACTIONS, FRACTIONS, st.integers(0, 99), st.sampled_from([0, 10])
    ),
    st.integers(0, 10**7),
)
def test_of_a_baseline_that_is_large_enough_no_more_need_be_counted(
    looked_at: int, gone: int, brakes: Brakes, more: int
) -> None:
    enough = enough_known(brakes, looked_at, gone)
    assert enough is not None
    worst = [_relabel(number) for number in range(looked_at)]
    inserted = [replace(each, action=Action.INSERT, reason="drawn_in_fiftyone") for each in worst]
    for known in (enough, enough + more):
        for done in (worst, inserted):
            assert (
                held_by(
                    brakes,
                    done,
                    known=known,
                    vanished_in_fiftyone=gone,
                    vanished_in_database=gone,
                    displaced=looked_at,
                    conflicts={"moved": looked_at},
                )
                is None
            )


def test_where_no_fraction_may_change_everything_is_counted() -> None:
    assert enough_known(Brakes(max_delete_fraction=0.0), 10, 1) is None
    assert enough_known(Brakes(max_change_fraction=0.0), 10, 0) is None
    assert enough_known(Brakes(max_insert_fraction=0.0), 10, 0) is None
    assert enough_known(Brakes(max_conflict_fraction=0.0), 10, 0) is None


def test_whether_anything_is_known_at_all_is_counted_always() -> None:
    assert enough_known(Brakes(1.0, 1.0, 1.0, 1.0, 1.0, 0, 0), 0, 0) == 1


def test_that_nothing_may_be_deleted_is_no_reason_to_count_where_nothing_is_gone() -> None:
    assert enough_known(Brakes(max_delete_fraction=0.0, max_into_one_label=0.1), 10, 0) == 101


def _relabel(number: int) -> Change:
    return Change(
        annotation_id=str(number),
        label_id=None,
        sample_id=None,
        direction=Direction.TO_DATABASE,
        action=Action.UPDATE,
        field=LABEL,
        old="copepod",
        new="krill",
        reason="reviewed",
        actor=None,
        edited_at=None,
    )


def test_where_nothing_is_known_no_brake_holds_what_a_command_deletes() -> None:
    change = Change("a", "l-a", "s-a", Direction.TO_DATABASE, Action.DELETE, None, {LABEL: "x"}, None, "undone")
    assert made_held_by(Brakes(min_rows=0), [change] * 100, 0) is None
    assert made_held_by(Brakes(min_rows=0), [change] * 100, 100) is not None
