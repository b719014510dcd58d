"""What holds of every plan, whatever the world looks like."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from syncd.diff import Inputs, Young, diff
from syncd.diff.reconcile import judge_all
from syncd.model import BOX, LABEL, MEDIA_FIELD, SAMPLE_FIELD, Action, Change, Direction, Plan
from syncd.model.values import same
from unit.diff.applier import State, applied
from unit.diff.strategies import NAMES, PROFILE, states
from unit.diff.world import NOON, SECOND, Row

IN_DOUBT = {
    "moved", "replaced", "occupied", "unknown_id", "deleted_in_fiftyone", "deleted_in_database", "stale_revert",
    "ambiguous_media", "refused_by_database", "new_label", "hidden",
}  # fmt: skip
"""Conflicts about a whole annotation, as long as which nothing of it may be written."""

AGAINST_AN_EDIT = {"on_conflict", "first_sync", "stale_revert"}
"""Reasons for which a value may be overwritten that is not the one agreed on."""


MOST_ROUNDS = len(NAMES) + 1
"""Runs in which labels may make room for one another, one after the other, and then be compared."""


def shuffled(inputs: Inputs, seed: int) -> Inputs:
    """The same inputs, all rows in another order."""
    order = random.Random(seed)

    def mix(frame: pl.DataFrame) -> pl.DataFrame:
        return frame[order.sample(range(frame.height), frame.height)]

    return replace(
        inputs,
        fiftyone=replace(inputs.fiftyone, rows=mix(inputs.fiftyone.rows)),
        database=replace(inputs.database, rows=mix(inputs.database.rows)),
        baseline=mix(inputs.baseline),
        samples=mix(inputs.samples),
        history=replace(
            inputs.history,
            written=mix(inputs.history.written),
            open_conflicts=mix(inputs.history.open_conflicts),
        ),
    )


def said(plan: Plan) -> dict[str, Any]:
    """Everything in a plan, comparable."""
    return {name: value for name, value in vars(plan).items() if name != "baseline"} | {
        "baseline": plan.baseline.to_dicts(),
        "digest": plan.digest,
    }


@PROFILE
@given(states(), st.integers(), st.booleans(), st.booleans(), st.booleans())
def test_a_plan_does_not_depend_on_the_order_in_which_rows_were_read(
    state: State, seed: int, complete: bool, adopt: bool, young: bool
) -> None:
    quiet = Young(after=NOON, until=NOON + SECOND / 2) if young else None
    inputs = state.inputs(complete=complete, adopt=adopt, young=quiet)
    assert said(diff(shuffled(inputs, seed))) == said(diff(inputs))


@PROFILE
@given(states(), st.booleans(), st.booleans(), st.booleans())
def test_where_no_annotation_was_read_the_plan_is_what_the_judges_make_of_nothing(
    state: State, young: bool, force: bool, starts: bool
) -> None:
    quiet = Young(after=NOON, until=NOON + SECOND / 2) if young else None
    read = state.inputs(complete=False, young=quiet, force=force, starts=starts)
    nothing = replace(
        read,
        fiftyone=replace(read.fiftyone, rows=read.fiftyone.rows.clear()),
        database=replace(read.database, rows=read.database.rows.clear()),
        baseline=read.baseline.clear(),
    )
    assert said(diff(nothing)) == said(judge_all(nothing))


@PROFILE
@given(states(), st.booleans(), st.booleans())
def test_a_plan_never_writes_twice_nor_what_is_in_doubt_nor_what_is_equal(
    state: State, complete: bool, adopt: bool
) -> None:
    plan = diff(state.inputs(complete=complete, adopt=adopt))
    writes = [each for each in plan.changes if each.direction is not None]
    targets = Counter((each.direction, each.annotation_id or _place(each), each.field) for each in writes)
    assert [target for target, count in targets.items() if count > 1] == []
    whole = {each.annotation_id for each in writes if each.field is None and each.annotation_id}
    others = Counter(each.annotation_id for each in writes if each.field != "annotation_id")
    assert [name for name in whole if others[name] > 1] == [], "a whole annotation is written by one change"

    subjects = [each.subject for each in plan.conflicts]
    assert len(subjects) == len(set(subjects))
    doubtful = {each.annotation_id for each in plan.conflicts if each.field is None and each.kind in IN_DOUBT}
    # An id that is given back to its label changes nothing of the annotation.
    assert doubtful & {each.annotation_id for each in writes if each.field != "annotation_id"} <= {None}
    fields = {(each.annotation_id, each.field) for each in plan.conflicts if each.field is not None}
    assert not fields & {(each.annotation_id, each.field) for each in writes}
    moved = set(plan.baseline["annotation_id"]) | set(plan.dropped)
    assert not doubtful & moved, "what is in doubt keeps its baseline"
    for each in writes:
        if each.field in (SAMPLE_FIELD, MEDIA_FIELD):
            assert each.old != each.new
        elif each.action is Action.UPDATE and each.field != "annotation_id":
            assert each.field is not None
            field = state.mapped.field(each.field)
            assert each.direction is not None
            assert field.direction.allows(each.direction)
            assert not same(field, each.old, each.new), "equal sides never produce a write"  # type: ignore[arg-type]
    if not complete:
        assert not [each for each in plan.changes if each.action is Action.DELETE]
        assert plan.dropped == ()


def _place(change: Change) -> str:
    return f"{change.sample_id}/{change.label_id}"


@PROFILE
@given(states(), st.booleans())
def test_no_label_and_no_row_goes_unmentioned(state: State, adopt: bool) -> None:
    """Every label and every row is agreed on, written, a conflict, or left out for a reason that is counted."""
    plan = diff(state.inputs(adopt=adopt))
    places = {(each.sample_id, each.label_id) for each in plan.conflicts}
    places |= {(each.sample_id, each.label_id) for each in plan.changes}
    mentioned = {each.annotation_id for each in (*plan.conflicts, *plan.changes)} | set(plan.baseline["annotation_id"])
    bearers = Counter(row.columns["annotation_id"] for row in state.f)
    ignored = 0
    for row in state.f:
        place = (row.columns["sample_id"], row.columns["label_id"])
        name = row.columns["annotation_id"] or _owner(state, place)
        if place in places:
            continue
        if name is None:
            ignored += 1
            continue
        assert name in mentioned or _agrees(state, row), f"{row} is neither agreed on nor mentioned"
        assert bearers[name] <= 1 or _is_original(state, row), f"{row} is a copy that no conflict names"
    assert ignored == plan.counts.ignored
    in_fiftyone = {row.columns["annotation_id"] for row in state.f} | {row.columns["annotation_id"] for row in state.b}
    left = {row.columns["annotation_id"] for row in state.d} - in_fiftyone - mentioned - state.hidden
    assert len(left) == plan.counts.not_ingested


def _owner(state: State, place: tuple[Any, Any]) -> str | None:
    known = [row.columns for row in state.b if (row.columns["sample_id"], row.columns["label_id"]) == place]
    return known[0]["annotation_id"] if known else None


def _agrees(state: State, label: Row) -> bool:
    rows = [row for row in state.d if row.columns["annotation_id"] == label.columns["annotation_id"]]
    return len(rows) == 1 and all(
        same(each, label.values.get(each.name), rows[0].values.get(each.name)) for each in state.mapped.fields
    )


def _is_original(state: State, label: Row) -> bool:
    return any(
        all(row.columns[name] == label.columns[name] for name in ("annotation_id", "label_id", "sample_id"))
        for row in state.b
    )


@PROFILE
@given(states(), st.booleans())
def test_once_a_plan_is_carried_out_there_is_nothing_left_to_do(state: State, adopt: bool) -> None:
    """Every write finds what it replaces; then nothing more is written, and all conflicts are found again."""
    first = diff(state.inputs(adopt=adopt))
    after = applied(state, first)
    second = diff(after.inputs(adopt=adopt))
    for _ in range(MOST_ROUNDS):
        if not second.changes and not first.scope.left_alone:
            break
        assert [str(each) for each in second.changes if not _made_way_for(first, each)] == []
        first = second
        after = applied(after, second)
        second = diff(after.inputs(adopt=adopt))
    assert second.changes == ()
    assert set(after.opened) == {each.subject for each in second.conflicts} | {
        subject
        for subject, each in after.opened.items()
        if not second.scope.judged(each.annotation_id, each.label_id, each.field)
    }
    third = applied(after, second)
    assert quiet_of(diff(third.inputs(adopt=adopt))) == quiet_of(second)


def _made_way_for(before: Plan, change: Change) -> bool:
    """Whether a plan has made a later change possible.

    A removal or a move may make room, or leave a copy as the only bearer of its id; and what was moved to one image is
    compared value by value in the next run.
    """
    ways = [each for each in before.changes if each.action is Action.DELETE or each.reason == "moved"]
    ids, places = {each.annotation_id for each in ways}, {each.sample_id for each in ways}
    target = change.new if change.field == SAMPLE_FIELD else change.sample_id
    return change.annotation_id in ids or change.sample_id in places or target in places


def quiet_of(plan: Plan) -> Any:
    return (plan.changes, plan.conflicts, plan.dropped, plan.baseline.height)


@PROFILE
@given(states(healthy=True))
def test_no_edit_disappears(state: State) -> None:
    """Every difference from the baseline ends in a write, a conflict, agreement, or a policy that says so."""
    plan = diff(state.inputs())
    writes = {(each.annotation_id, each.field): each for each in plan.changes if each.field is not None}
    conflicts = {(each.annotation_id, each.field) for each in plan.conflicts}
    sides = [{row.columns["annotation_id"]: row for row in rows} for rows in (state.b, state.f, state.d)]
    for name in sides[0].keys() & sides[1].keys() & sides[2].keys():
        base, mine, theirs = (side[name].values for side in sides)
        for each in state.mapped.fields:
            field = each.name
            values = (base.get(field), mine.get(field), theirs.get(field))
            unknown = field in sides[0][name].columns["unknown"]
            edited = [unknown or not same(each, value, values[0]) for value in values[1:]]
            if same(each, values[1], values[2]):
                assert (name, field) not in conflicts
                change = writes.get((name, field))
                assert change is None or (change.direction is None and all(edited))
            elif any(edited) and (name, field) not in conflicts and (name, None) not in conflicts:
                change = writes[name, field]
                assert change.direction is not None
                home = change.direction is Direction.TO_DATABASE
                assert (change.old, change.new) == (values[2], values[1]) if home else (values[1], values[2])
                overwritten = edited[1] if home else edited[0]
                assert not overwritten or change.reason in AGAINST_AN_EDIT or values[1] is None


@PROFILE
@given(states(healthy=True))
def test_nothing_is_removed_that_was_edited_since(state: State) -> None:
    known = {row.columns["annotation_id"]: row for row in state.b}
    for change in diff(state.inputs()).changes:
        if change.action is Action.DELETE and change.direction is not None and change.reason != "stale_revert":
            base = known[str(change.annotation_id)]
            assert base.columns["unknown"] == () or change.reason != "stale_revert"
            assert isinstance(change.old, dict)
            for each in state.mapped.fields:
                agreed = None if each.name in base.columns["unknown"] else base.values.get(each.name)
                lost = each.name not in (LABEL, BOX) and change.old[each.name] is None
                assert lost or same(each, agreed, change.old[each.name])  # type: ignore[arg-type]


@PROFILE
@given(states())
def test_no_row_goes_with_a_sample_that_left_the_dataset(state: State) -> None:
    plan = diff(state.inputs())
    left = {row.columns["annotation_id"] for row in state.b if row.columns["sample_id"] in state.gone}
    deleted = {each.annotation_id for each in plan.changes if each.action is Action.DELETE and each.direction}
    shown = {row.columns["annotation_id"] for row in state.f}
    assert not deleted & (left - shown)
