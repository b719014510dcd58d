"""Laws of the diff: all policies and directions, several fields, boxes, tags, vocabulary, quiet period on and off."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.diff import Young, diff
from syncd.diff.inverse import invert
from syncd.diff.net_changes import Entry, nets
from syncd.model import BOX, ID_FIELD, LABEL, Action, Change, Direction, Plan, dumps
from syncd.model.current import Present
from syncd.model.reasons import PUT_BACK
from syncd.model.snapshot import column, known_column
from syncd.model.values import same_value
from trust import many, tried
from unit.diff.applier import State, applied
from unit.diff.strategies import DIRECTIONS, NO_BRAKES, often, states
from unit.diff.test_properties import said, shuffled
from unit.diff.test_review_properties import rest, reviewed
from unit.diff.world import NOON, SECOND, B, D, F, Row, mapping

LAW = settings(
    max_examples=many(8, 1000),
    derandomize=many(1, 0) == 1,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
WORLDS = st.one_of(states(), states(healthy=True), reviewed())
QUIET = st.sampled_from([None, Young(after=NOON, until=NOON + SECOND / 2), Young(after=NOON, until=NOON + 2 * SECOND)])
HOME, OUT = Direction.TO_DATABASE, Direction.TO_FIFTYONE
TRIED: Counter[str] = Counter()


@pytest.fixture(autouse=True)
def tally() -> Iterator[None]:
    TRIED.clear()
    yield
    tried("cases", TRIED["cases"])


def at_rest(state: State, **given_: Any) -> tuple[State, Plan]:
    """Carries plans out until one has nothing to write; what a removal makes room for may take a few."""
    for _ in range(5):
        plan = diff(state.inputs(**given_))
        if not (plan.changes or plan.tags):
            return state, plan
        state = applied(state, plan)
    raise AssertionError(f"still not at rest: {plan.changes}, {plan.tags}")


@LAW
@given(WORLDS, QUIET, st.booleans())
def test_reconcile_after_apply_is_empty(state: State, young: Young | None, adopt: bool) -> None:
    TRIED["cases"] += 1
    for quiet in (young, None):
        state, plan = at_rest(state, young=quiet, adopt=adopt)
        after = applied(state, plan)
        again = diff(after.inputs(young=quiet, adopt=adopt))
        assert rest(again) == rest(plan)
        assert (again.changes, again.dropped, again.baseline.height) == ((), (), 0)
        state = after


@LAW
@given(WORLDS, QUIET, st.booleans(), st.booleans(), st.integers())
def test_the_plan_does_not_depend_on_input_order(
    state: State, young: Young | None, complete: bool, adopt: bool, seed: int
) -> None:
    TRIED["cases"] += 1
    inputs = state.inputs(complete=complete, adopt=adopt, young=young)
    mixed = shuffled(inputs, seed)
    answered = mixed.history.answered
    order = random.Random(seed).sample(range(answered.height), answered.height)
    mixed = replace(mixed, history=replace(mixed.history, answered=answered[order]))
    assert said(diff(mixed)) == said(diff(inputs))


MIRRORED = {
    "to_database": "to_fiftyone", "to_fiftyone": "to_database", "both": "both",
    "database": "fiftyone", "fiftyone": "database", "quarantine": "quarantine", "latest": "latest",
}  # fmt: skip
MIRRORED_REASONS = {
    "reviewed": "changed_at_home", "changed_at_home": "reviewed",
    "deleted_in_fiftyone": "removed_in_database", "removed_in_database": "deleted_in_fiftyone",
}  # fmt: skip
MIRRORED_KINDS = {"deleted_in_fiftyone": "deleted_in_database", "deleted_in_database": "deleted_in_fiftyone"}
SPOTS = ([0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, 0.5], [0.5, 0.2, 0.3, 0.4])
PLAIN: dict[str, tuple[Any, ...]] = {
    LABEL: ("copepod", "krill", "salp"), BOX: SPOTS, "note": ("", "x", "y"), "count": (0, 7, 8),
    "depth": (0.0, 1.5, 2.0),
}  # fmt: skip
"""Values that either side can hold."""


@st.composite
def pairs(draw: Any) -> tuple[State, State]:
    """A world and its mirror image: the sides, the directions and the policies swapped."""
    ways = {name: draw(st.sampled_from(DIRECTIONS)) for name in PLAIN}
    choices = {"on_conflict": ["quarantine", "database", "fiftyone", "latest"]}
    choices["first_sync"] = choices["on_conflict"][:3]
    policy = {name: draw(st.sampled_from(values)) for name, values in choices.items()}
    asks = [draw(st.booleans()) for _ in range(2)]
    content = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in PLAIN.items()})
    times = st.sampled_from([None, NOON, NOON + SECOND])
    stories = [
        {
            "who": draw(st.sampled_from(["bfd", "bfd", "bfd", "fd", "bf", "bd", "b"])),
            "values": [draw(content) for _ in range(3)],
            "times": [draw(times) for _ in range(2)],
            "unknown": draw(often((), (LABEL,), ("note", "count"))),
        }
        for _ in range(draw(st.integers(2, 6)))
    ]
    one = _state(ways, stories, policy, asks)
    turned = [
        story
        | {
            "who": story["who"].translate(str.maketrans("fd", "df")),
            "values": [story["values"][0], story["values"][2], story["values"][1]],
            "times": story["times"][::-1],
        }
        for story in stories
    ]
    back = {name: MIRRORED[value] for name, value in policy.items()}
    return one, _state({name: MIRRORED[way] for name, way in ways.items()}, turned, back, asks[::-1])


def _state(ways: dict[str, str], stories: list[dict[str, Any]], policy: dict[str, str], asks: list[bool]) -> State:
    state = State(mapping(*(f"{name}={way}" for name, way in ways.items())), [], [], [], [])
    for name, story in zip("abcdef", stories, strict=False):
        base, mine, theirs = story["values"]
        if "b" in story["who"]:
            state.b.append(B(name, unknown=story["unknown"], **base))
        if "f" in story["who"]:
            state.f.append(F(name, at=story["times"][0], **mine))
        if "d" in story["who"]:
            state.d.append(D(name, at=story["times"][1], **theirs))
    removals = {
        "on_fiftyone_delete": "quarantine" if asks[0] else "delete",
        "on_database_delete": "quarantine" if asks[1] else "remove",
    }
    state.given = {**policy, **removals, "brakes": NO_BRAKES}
    return state


def _seen(plan: Plan, *, mirrored: bool) -> Counter[tuple[Any, ...]]:
    """What a plan does and asks; ``mirrored`` as it reads with the sides swapped."""
    ways = {HOME: OUT, OUT: HOME} if mirrored else {}
    reasons, kinds = (MIRRORED_REASONS, MIRRORED_KINDS) if mirrored else ({}, {})
    seen: Counter[tuple[Any, ...]] = Counter()
    for each in plan.changes:
        way = ways.get(each.direction, each.direction) if each.direction else None
        reason = reasons.get(each.reason, each.reason)
        seen[way, each.action, each.annotation_id, each.field, dumps(each.old), dumps(each.new), reason] += 1
    for one in plan.conflicts:
        sides = (one.database, one.fiftyone) if mirrored else (one.fiftyone, one.database)
        # Of a whole label the place is told too, which a row does not have.
        values = () if one.field is None else tuple(map(dumps, (one.base, *sides)))
        seen[kinds.get(one.kind, one.kind), one.annotation_id, one.field, values] += 1
    return seen


@LAW
@given(pairs())
def test_swapping_the_sides_swaps_the_plan_where_policies_are_symmetric(pair: tuple[State, State]) -> None:
    TRIED["cases"] += 1
    one, other = (diff(each.inputs()) for each in pair)
    assert _seen(other, mirrored=True) == _seen(one, mirrored=False)
    assert set(one.dropped) == set(other.dropped)


def _contents(rows: list[Row], names: tuple[str, ...]) -> dict[tuple[Any, ...], dict[str, Any]]:
    place = ("annotation_id", "sample_id", "label_id") if rows and "label_id" in rows[0].columns else ("annotation_id",)
    return {tuple(row.columns[each] for each in place): {n: row.values.get(n) for n in names} for row in rows}


@LAW
@given(st.one_of(WORLDS, pairs().map(lambda pair: pair[0])), QUIET, st.booleans(), st.booleans())
def test_no_value_disappears_that_the_log_does_not_name(
    state: State, young: Young | None, complete: bool, adopt: bool
) -> None:
    TRIED["cases"] += 1
    plan = diff(state.inputs(young=young, complete=complete, adopt=adopt))
    after = applied(state, plan)
    named: Counter[tuple[Any, ...]] = Counter()
    for change in plan.changes:
        if change.field is not None:
            named[change.direction, change.annotation_id, change.field, repr(change.old)] += 1
        elif isinstance(change.old, dict):
            for name, value in change.old.items():
                named[change.direction, change.annotation_id, name, repr(value)] += 1
    for way, before, now in ((OUT, state.f, after.f), (HOME, state.d, after.d)):
        lost = _values(before, state.mapped.names) - _values(now, state.mapped.names)
        unnamed = [each for each in lost if (way, *each) not in named and each[-1] != repr(None)]
        if unnamed:
            tried("lost", len(unnamed))
        assert unnamed == []
    agreed = {row.columns["annotation_id"] for row in state.b} - {row.columns["annotation_id"] for row in after.b}
    assert agreed <= {each.annotation_id for each in plan.changes if each.action is Action.DELETE}


def _values(rows: list[Row], names: tuple[str, ...]) -> Counter[tuple[Any, ...]]:
    """Every value by its annotation; of a label that was drawn, or lost its id, they only ever gain a name."""
    return Counter(
        (row.columns["annotation_id"], name, repr(row.values.get(name)))
        for row in rows
        for name in names
        if row.columns["annotation_id"] is not None
    )


@LAW
@given(st.one_of(states(healthy=True), reviewed(), pairs().map(lambda pair: pair[0])))
def test_apply_then_undo_restores_both_sides_exactly(state: State) -> None:
    """What was written is what it was again, on both sides alike, and everything else is untouched."""
    TRIED["cases"] += 1
    plan = diff(state.inputs())
    after = applied(state, plan)
    written = [_named(each) for each in plan.changes if each.direction is not None]
    entries = [Entry(seq, "run", each) for seq, each in enumerate(written, 1)]
    inputs = after.inputs()
    present = Present(inputs.fiftyone.rows, inputs.database.rows, inputs.baseline, inputs.samples)
    terms = state.given.get("vocabulary")
    inverse = invert(state.mapped, nets(state.mapped, entries), present, vocabulary=terms, actor=None)
    back = _taken_back(after, inverse.changes)
    left = {(each.annotation_id, each.field) for each in inverse.left}
    for each in inverse.left:
        assert any(why in each.why for why in NOT_TAKEN_BACK), each
        reasons = {one.reason for one in written if (one.annotation_id, one.field) == (each.annotation_id, each.field)}
        assert "put back what one side had" not in each.why or reasons & set(PUT_BACK)
    sides = {OUT: (state.f, after.f, back.f), HOME: (state.d, after.d, back.d)}
    touched: set[tuple[str | None, str | None]] = set()
    for change in written:
        if (change.annotation_id, change.field) in left or change.field == ID_FIELD:
            continue
        if change.field is None:
            touched |= {(change.annotation_id, name) for name in state.mapped.names}
            holders = [_of(rows, change.annotation_id) for _, _, rows in sides.values()]
            if change.action is Action.INSERT:
                assert holders == [None, None]
            else:
                for holder in holders:
                    assert holder is not None
                    assert _same(state, holder.values, change.old)
            continue
        touched.add((change.annotation_id, change.field))
        assert change.direction is not None
        holder = _of(sides[change.direction][2], change.annotation_id)
        assert holder is not None
        assert same_value(state.mapped.field(change.field), holder.values.get(change.field), change.old)
    for _, now, restored in sides.values():
        kept = _values(now, state.mapped.names), _values(restored, state.mapped.names)
        for values in (kept[0] - kept[1], kept[1] - kept[0]):
            assert {(name, field) for name, field, _ in values} <= touched


NOT_TAKEN_BACK = (
    "put back what one side had", "what the database had all the time", "label's id is not taken away", "cannot hold",
    "cannot insert rows",
    "sample is not in the dataset", "holds another label by now", "is so already", "no value that could tie",
)  # fmt: skip
"""Why undo leaves something, with nobody else at work."""


def _named(change: Change) -> Change:
    """A drawn label's row got its id when it was inserted."""
    if change.annotation_id is not None:
        return change
    return replace(change, annotation_id=f"minted-{change.sample_id}-{change.label_id}")


def _of(rows: list[Row], annotation_id: str | None) -> Row | None:
    found = [row for row in rows if row.columns["annotation_id"] == annotation_id]
    assert len(found) <= 1
    return found[0] if found else None


def _same(state: State, values: dict[str, Any], content: Any) -> bool:
    return all(same_value(each, values.get(each.name), content[each.name]) for each in state.mapped.fields)


def _taken_back(state: State, changes: tuple[Change, ...]) -> State:
    """Carries an inverse out; every write must find what it replaces."""
    after = deepcopy(state)
    for change in changes:
        rows = after.f if change.direction is OUT else after.d
        holder = _of(rows, change.annotation_id)
        if change.action is Action.INSERT:
            assert holder is None
            plain = {"annotation_id": change.annotation_id, "edited_at": None, "problems": None, "actor": None}
            place = {"label_id": f"back-{change.annotation_id}", "sample_id": change.sample_id}
            columns = plain | {"media": change.media} | (place if change.direction is OUT else {})
            assert isinstance(change.new, dict)
            rows.append(Row(columns, dict(change.new)))
        elif change.action is Action.DELETE:
            assert holder is not None
            assert _same(state, holder.values, change.old)
            rows.remove(holder)
        else:
            assert holder is not None
            assert change.field is not None
            field = state.mapped.field(change.field)
            assert same_value(field, holder.values.get(change.field), change.old)  # type: ignore[arg-type]
            holder.values[change.field] = change.new
    return after


@LAW
@given(st.one_of(states(healthy=True), pairs().map(lambda pair: pair[0])), st.randoms(use_true_random=False))
def test_merging_fields_one_at_a_time_or_all_at_once_is_the_same(state: State, order: random.Random) -> None:
    TRIED["cases"] += 1
    known = [{row.columns["annotation_id"] for row in rows} for rows in (state.b, state.f, state.d)]
    everywhere = known[0] & known[1] & known[2] - state.hidden
    for rows in (state.b, state.f, state.d):
        rows[:] = [row for row in rows if row.columns["annotation_id"] in everywhere]
    state.conflicts = [each for each in state.conflicts if each["field"] is not None]
    whole = diff(state.inputs())
    at_once = applied(state, whole)
    one_by_one, changes, conflicts = state, [], []
    names = list(state.mapped.names)
    order.shuffle(names)
    for name in names:
        plan = diff(one_by_one.inputs())
        mine = tuple(each for each in plan.changes if each.field == name)
        changes += mine
        conflicts += [each for each in plan.conflicts if each.field == name]
        # A field that both sides changed alike is written nowhere: its turn must not come before its own.
        rows = _only(plan.baseline, one_by_one, name)
        one_by_one = applied(one_by_one, replace(plan, changes=mine, baseline=rows))
    assert sorted(map(repr, changes)) == sorted(map(repr, whole.changes))
    assert sorted(map(repr, conflicts)) == sorted(map(repr, whole.conflicts))
    for before, after in ((at_once.f, one_by_one.f), (at_once.d, one_by_one.d)):
        assert _contents(before, state.mapped.names) == _contents(after, state.mapped.names)
    agreed = [
        {row.columns["annotation_id"]: (row.values, set(row.columns["unknown"])) for row in each.b}
        for each in (at_once, one_by_one)
    ]
    assert agreed[0] == agreed[1]


def _only(moved: pl.DataFrame, state: State, name: str) -> pl.DataFrame:
    """The rows of the next baseline, of which one field alone moves."""
    rows = []
    before = {row.columns["annotation_id"]: row for row in state.b}
    for row in moved.iter_rows(named=True):
        kept = before[row["annotation_id"]]
        for other in set(state.mapped.names) - {name}:
            known = other not in kept.columns["unknown"]
            row |= {column(other): kept.values.get(other) if known else None, known_column(other): known}
        rows.append(row)
    return pl.DataFrame(rows, schema=moved.schema)
