"""An incremental reading without the labels that nobody has edited gives the same plan as with them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.diff import Inputs, Young, diff
from syncd.diff.settled import Named, asked_for, without_unedited
from syncd.model import Plan
from unit.diff.applier import State
from unit.diff.strategies import PROFILE, states
from unit.diff.test_review_properties import TERMS, reviewed
from unit.diff.world import NOON, SECOND, B, D, F, mapping


def narrowed(inputs: Inputs) -> Inputs:
    """The inputs as an incremental run makes them: rows that are not as agreed are those that bear a new stamp."""
    known = {row["annotation_id"]: row for row in inputs.baseline.iter_rows(named=True)}
    names = [f"value.{each.name}" for each in inputs.mapping.fields]
    named = set(inputs.history.open_conflicts["annotation_id"]) | set(inputs.history.answered["annotation_id"])
    rows = inputs.database.rows
    for row in rows.iter_rows(named=True):
        base = known.get(row["annotation_id"])
        if (
            base is None
            or row["media"] != base["image"]
            or row["problems"] is not None
            or any(row[name] != base[name] for name in names)
        ):
            named.add(row["annotation_id"])
    named |= known.keys() - set(rows["annotation_id"])
    named |= set(rows.filter(rows["annotation_id"].is_duplicated())["annotation_id"])
    labels, baseline = without_unedited(
        inputs.mapping,
        inputs.policy.review,
        inputs.vocabulary,
        inputs.fiftyone.rows,
        inputs.baseline,
        {each for each in named if each is not None},
    )
    left = {*labels["annotation_id"], *baseline["annotation_id"], *named}
    return replace(
        inputs,
        fiftyone=replace(inputs.fiftyone, rows=labels, scanned=inputs.fiftyone.size),
        database=replace(
            inputs.database,
            rows=rows.filter([each is None or each in left for each in rows["annotation_id"]]),
            scanned=inputs.database.size,
        ),
        baseline=baseline,
    )


def decided(plan: Plan) -> dict[str, Any]:
    """All that a plan does; its scope is smaller, and what is left alone for being young is fewer."""
    found = {name: value for name, value in vars(plan).items() if name not in ("baseline", "scope")}
    found["counts"] = replace(plan.counts, too_young=0)
    return found | {"baseline": plan.baseline.to_dicts()}


@PROFILE
@given(st.one_of(states(), reviewed()), st.booleans(), st.booleans())
def test_the_plan_is_that_of_all_labels(state: State, adopt: bool, young: bool) -> None:
    quiet = Young(after=NOON, until=NOON + SECOND / 2) if young else None
    inputs = state.inputs(complete=False, adopt=adopt, young=quiet)
    assert decided(diff(narrowed(inputs))) == decided(diff(inputs))


IN_DOUBT = {
    "a copy under the same id on another sample": [F("a"), F("a", sample="s-x", label_id="l-x")],
    "a copy under the same id on the same sample": [F("a"), F("a", label_id="l-x")],
    "a clone that has its label's id and no other": [F("a"), F(None, sample="s-x", label_id="l-a")],
    "a clone that another id was given to": [F("a"), F("b", sample="s-x", label_id="l-a")],
    "two labels in one place": [F("a"), F(None, label_id="l-a")],
    "a label in the place of another": [F("a"), F("a", sample="s-b", label_id="l-b")],
}


@pytest.mark.parametrize("case", list(IN_DOUBT))
def test_a_label_that_makes_another_doubtful_is_seen_together_with_it(case: str) -> None:
    state = State(mapping("label"), [B("a"), B("b")], IN_DOUBT[case], [D("a"), D("b")], [])
    inputs = state.inputs(complete=False)
    # That a label of the other one is not to be seen at all is a matter of its own.
    assert decided(diff(narrowed(inputs))) == decided(diff(inputs))
    assert diff(inputs).conflicts or diff(inputs).hints


def test_two_labels_that_share_their_place_are_seen_though_each_is_as_it_was() -> None:
    place = {"sample": "s", "label_id": "l"}
    state = State(mapping("label"), [B(n, **place) for n in "ab"], [F(n, **place) for n in "ab"], [D("a"), D("b")], [])
    inputs = state.inputs(complete=False)
    assert decided(diff(narrowed(inputs))) == decided(diff(inputs))
    assert diff(inputs).conflicts


def test_of_a_sample_only_the_labels_that_were_edited_are_left() -> None:
    labels = dict.fromkeys("abcd", "copepod")
    place = {"sample": "s"}
    state = State(
        mapping("label"),
        [B(name, label=label, **place) for name, label in labels.items()],
        [F(name, label="krill" if name == "c" else label, **place) for name, label in labels.items()],
        [D(name, label="salp" if name == "d" else label) for name, label in labels.items()],
        [],
    )
    found = narrowed(state.inputs(complete=False))
    assert found.fiftyone.rows["annotation_id"].to_list() == ["c", "d"]
    assert found.database.rows["annotation_id"].to_list() == ["c", "d"]
    assert found.fiftyone.size == 4


@pytest.mark.parametrize("tag", ["krill", "ok"])
def test_where_a_tag_of_the_sample_says_anything_all_its_labels_are_left(tag: str) -> None:
    """One of two labels on a sample that is tagged with a class must not be taken for the only one."""
    place = {"sample": "s", "sample_tags": [tag]}
    labels = [F(name, label="copepod", **place) for name in "ab"]
    known = [B(name, label="copepod", sample="s") for name in "ab"]
    inputs = replace(State(mapping("label"), known, labels, [], []).inputs(complete=False), vocabulary=TERMS)
    review = replace(inputs.policy.review, approve=("ok",))
    rows = inputs.fiftyone.rows
    kept, _ = without_unedited(inputs.mapping, review, TERMS, rows, inputs.baseline, set())
    assert kept.height == 2
    assert asked_for(review, TERMS, rows, Named(frozenset("a"))).height == 2


def test_of_a_sample_that_is_not_stamped_only_what_is_asked_for_is_left() -> None:
    place = {"sample": "s"}
    labels = [F("a", **place), F("b", **place), F("c", **place), F(None, label_id="l-n", **place)]
    inputs = State(mapping("label"), [], labels, [], []).inputs()
    kept = asked_for(
        inputs.policy.review, None, inputs.fiftyone.rows, Named(frozenset("a"), label_ids=frozenset({"l-b"}))
    )
    assert kept["label_id"].to_list() == ["l-a", "l-b"]
