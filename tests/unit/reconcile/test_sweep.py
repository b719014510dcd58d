"""A reading of which only what is not settled is kept gives the same plan as all of it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.diff import Inputs, Young, diff
from syncd.diff.sift import Rules
from syncd.model import Plan
from syncd.model.snapshot import baseline_schema
from syncd.reconcile.sweep import Laid, Met
from unit.diff.applier import State
from unit.diff.strategies import PROFILE, states
from unit.diff.test_properties import said
from unit.diff.test_review_properties import reviewed
from unit.diff.world import NOON, SECOND, B, D, F, S, mapping


@dataclass(frozen=True)
class Narrowed:
    """What is left of the inputs after they were laid down and looked through, and what was met."""

    inputs: Inputs
    met: pl.DataFrame
    first: int
    not_ingested: int

    def plan(self) -> Plan:
        """The plan for what is left, with what was met."""
        plan = diff(self.inputs)
        counts = replace(
            plan.counts,
            first_met=plan.counts.first_met + self.first,
            not_ingested=plan.counts.not_ingested + self.not_ingested,
        )
        return replace(plan, counts=counts, baseline=pl.concat([plan.baseline, self.met]).sort("annotation_id"))


def narrowed(inputs: Inputs, parts: int) -> Narrowed:
    with tempfile.TemporaryDirectory() as folder:
        laid = Laid(Path(folder) / "sides", Path(folder) / "met", inputs.mapping, parts)
        for sink, frame in (
            (laid.fiftyone, inputs.fiftyone.rows),
            (laid.database, inputs.database.rows),
            (laid.baseline, inputs.baseline),
        ):
            half = frame.height // 2
            sink.add(frame[:half])
            sink.add(frame[half:])
        as_of = inputs.fiftyone.as_of
        rules = Rules(inputs.mapping, inputs.policy, inputs.vocabulary, inputs.history, inputs.young, as_of)
        fiftyone, database, baseline, named = laid.closed(laid.unsettled(rules, partial(_find, inputs.samples)))
        met, absent = Met(laid.met, named), laid.not_ingested(named)
        found, first = pl.concat([pl.DataFrame(schema=baseline_schema(inputs.mapping)), *met]), met.first
    left = replace(
        inputs,
        fiftyone=replace(inputs.fiftyone, rows=fiftyone, scanned=laid.fiftyone.rows),
        database=replace(inputs.database, rows=database, scanned=laid.database.rows),
        baseline=baseline,
        baseline_size=laid.baseline.rows,
    )
    return Narrowed(left, found, first, absent)


def _find(samples: pl.DataFrame, media: list[str]) -> pl.DataFrame:
    return samples.filter(pl.col("media").is_in(media))


@PROFILE
@given(st.one_of(states(), reviewed()), st.integers(1, 4), st.booleans(), st.booleans())
def test_the_plan_is_that_of_everything(state: State, parts: int, adopt: bool, young: bool) -> None:
    quiet = Young(after=NOON, until=NOON + SECOND / 2) if young else None
    inputs = state.inputs(adopt=adopt, young=quiet)
    assert said(narrowed(inputs, parts).plan()) == said(diff(inputs))


@pytest.mark.parametrize("parts", [1, 3])
def test_what_is_settled_is_left_out_and_counted(parts: int) -> None:
    labels = dict.fromkeys("abcdef", "copepod")
    state = State(
        mapping("label"),
        [B(name, label=label) for name, label in labels.items()],
        [F(name, label="krill" if name == "c" else label) for name, label in labels.items()],
        [D(name, label=label) for name, label in labels.items()],
        [],
    )
    found = narrowed(state.inputs(), parts).inputs
    assert [frame["annotation_id"].to_list() for frame in (found.fiftyone.rows, found.database.rows)] == [["c"], ["c"]]
    assert (found.fiftyone.size, found.database.size, found.baseline_size) == (6, 6, 6)


def test_where_all_is_settled_nothing_is_kept() -> None:
    state = State(mapping("label"), [B("a", label="x")], [F("a", label="x")], [D("a", label="x")], [])
    found = narrowed(state.inputs(), 2).inputs
    assert [found.fiftyone.rows.height, found.database.rows.height, found.baseline.height] == [0, 0, 0]
    assert diff(found).is_empty


@pytest.mark.parametrize("parts", [1, 3])
def test_of_a_first_meeting_only_what_is_not_alike_is_kept(parts: int) -> None:
    labels = dict.fromkeys("abcdef", "copepod")
    state = State(
        mapping("label"),
        [],
        [F(name, label="krill" if name == "c" else label) for name, label in labels.items()],
        [D(name, label=label) for name, label in labels.items()],
        [],
    )
    found = narrowed(state.inputs(), parts)
    assert found.inputs.fiftyone.rows["annotation_id"].to_list() == ["c"]
    assert (found.first, sorted(found.met["annotation_id"])) == (5, list("abdef"))
    assert said(found.plan()) == said(diff(state.inputs()))


def test_rows_without_a_sample_are_counted_and_not_kept() -> None:
    state = State(mapping("label"), [], [], [D("a"), D("b"), D("c", media="nowhere")], [S("s-b")])
    found = narrowed(state.inputs(), 2)
    assert (found.inputs.database.rows["annotation_id"].to_list(), found.not_ingested) == (["b"], 2)
    assert said(found.plan()) == said(diff(state.inputs()))


def test_where_a_field_is_mapped_anew_what_both_hold_alike_is_only_remembered() -> None:
    both = mapping("label", "depth")
    names = "abc"
    state = State(
        both,
        [B(name, label="copepod", unknown=("depth",)) for name in names],
        [F(name, label="copepod", depth=1.0) for name in names],
        [D(name, label="copepod", depth=2.0 if name == "b" else 1.0) for name in names],
        [],
    )
    found = narrowed(state.inputs(), 2)
    assert found.inputs.database.rows["annotation_id"].to_list() == ["b"]
    assert (found.first, sorted(found.met["annotation_id"])) == (0, ["a", "c"])
    assert said(found.plan()) == said(diff(state.inputs()))


def test_two_labels_in_one_place_are_seen_though_each_is_where_it_was() -> None:
    twins = {"sample": "s", "label_id": "l"}
    rows = [("a", twins), ("b", twins)]
    state = State(
        mapping("label"),
        [B(name, label="x", **place) for name, place in rows],
        [F(name, label="x", **place) for name, place in rows],
        [D(name, label="x") for name, _ in rows],
        [],
    )
    inputs = state.inputs()
    assert said(narrowed(inputs, 3).plan()) == said(diff(inputs))
    assert diff(inputs).conflicts


def test_a_read_that_begins_anew_leaves_nothing_of_the_first(tmp_path: Path) -> None:
    laid = Laid(tmp_path / "sides", tmp_path / "met", mapping("label"), 2)
    frame = State(mapping("label"), [], [F("a", label="x"), F(None, label="y")], [], []).inputs().fiftyone.rows
    laid.fiftyone.add(frame)
    laid.fiftyone.clear()
    laid.fiftyone.add(frame)
    found = pl.concat(list(laid.fiftyone))
    assert (found.height, laid.fiftyone.rows) == (2, 2)
    assert found.sort("label_id").equals(frame.sort("label_id"))
