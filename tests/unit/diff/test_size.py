"""A poll or a sweep works in sets: no Python loop over annotations on which all agree."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from syncd.diff import Inputs, diff, overlap
from syncd.model import Plan, Policy, Side, Snapshot
from syncd.model.snapshot import baseline_schema, column, known_column, schema
from unit.diff.world import BOX, CLASSIFICATIONS, LABEL, NOON, B, D, F, S, mapping, plan_of

COUNT = 100_000
MAPPED = mapping("box=to_fiftyone", "depth", "verified", "seen", "price", "note")


@pytest.fixture(scope="module")
def many() -> Inputs:
    """Annotations on which all three agree, in another order on either side."""
    number = pl.int_range(pl.len())
    frame = pl.DataFrame({"n": range(COUNT)}).select(
        annotation_id=pl.format("0b7ee5c1-9e0e-4a6c-8d3e-{}", number),
        label_id=pl.format("label-{}", number),
        sample_id=pl.format("sample-{}", number // 4),
        media=pl.format("s3://bucket/{}.png", number // 4),
        image=pl.format("s3://bucket/{}.png", number // 4),
        frame=pl.lit(None, pl.String),
        edited_at=pl.lit(NOON, pl.Datetime("ms", "UTC")),
        actor=pl.lit(None, pl.String),
        problems=pl.lit(None, pl.String),
        tags=pl.lit(None, pl.List(pl.String)),
        sample_tags=pl.lit(None, pl.List(pl.String)),
        user=pl.lit(None, pl.String),
        **{
            column(LABEL): pl.format("class {}", number % 50),
            column(BOX): pl.concat_list([number / COUNT, pl.lit(0.1), pl.lit(0.2), pl.lit(0.3)]),
            column("depth"): number / 7,
            column("verified"): number % 2 == 0,
            column("seen"): pl.lit(NOON, pl.Datetime("ms", "UTC")) + pl.duration(milliseconds=number),
            column("price"): pl.format("{}.5", number),
            column("note"): pl.lit(None, pl.String),
        },
        **{known_column(name): pl.lit(value=True) for name in MAPPED.names},
    )
    rows = {side: frame.select(list(schema(side, MAPPED))) for side in Side}
    return Inputs(
        mapping=MAPPED,
        policy=Policy(),
        fiftyone=Snapshot(Side.FIFTYONE, rows[Side.FIFTYONE], complete=True, as_of=NOON),
        database=Snapshot(Side.DATABASE, rows[Side.DATABASE].reverse(), complete=True, as_of=NOON),
        baseline=frame.select(list(baseline_schema(MAPPED))).sort("sample_id"),
        baseline_size=COUNT,
    )


def rows_looked_at(monkeypatch: pytest.MonkeyPatch, inputs: Inputs) -> tuple[Plan, int]:
    """The plan, and how many rows became Python objects on the way to it."""
    seen = 0

    def counted(original: Any) -> Any:
        def method(frame: Any, *args: Any, **kwargs: Any) -> Any:
            nonlocal seen
            seen += len(frame)
            return original(frame, *args, **kwargs)

        return method

    for owner, name in ((pl.DataFrame, "iter_rows"), (pl.DataFrame, "rows"), (pl.DataFrame, "to_dicts"),
                        (pl.Series, "to_list"), (pl.Series, "__iter__")):  # fmt: skip
        monkeypatch.setattr(owner, name, counted(getattr(owner, name)))
    plan = diff(inputs)
    monkeypatch.undo()
    return plan, seen


def test_rows_on_which_all_agree_never_become_python_objects(monkeypatch: pytest.MonkeyPatch, many: Inputs) -> None:
    plan, seen = rows_looked_at(monkeypatch, many)
    assert (plan.changes, plan.conflicts, plan.baseline.height, plan.held) == ((), (), 0, None)
    assert seen == 0


def test_a_first_meeting_of_what_is_equal_makes_no_python_objects(
    monkeypatch: pytest.MonkeyPatch, many: Inputs
) -> None:
    nothing = replace(many, baseline=many.baseline.clear(), baseline_size=0)
    plan, seen = rows_looked_at(monkeypatch, nothing)
    assert (plan.changes, plan.conflicts, plan.baseline.height) == ((), (), COUNT)
    assert seen == 0


def test_only_rows_that_changed_become_python_objects(monkeypatch: pytest.MonkeyPatch, many: Inputs) -> None:
    edited = many.fiftyone.rows.with_columns(
        pl.when(pl.int_range(pl.len()) < 10).then(pl.lit("edited")).otherwise(column(LABEL)).alias(column(LABEL))
    )
    plan, seen = rows_looked_at(monkeypatch, replace(many, fiftyone=replace(many.fiftyone, rows=edited)))
    assert len(plan.changes) == 10
    assert seen < 100


def test_tags_that_mean_nothing_are_looked_at_once_each(monkeypatch: pytest.MonkeyPatch, many: Inputs) -> None:
    tagged = many.fiftyone.rows.with_columns(pl.lit(["seen", "train"]).alias("sample_tags"))
    plan, seen = rows_looked_at(monkeypatch, replace(many, fiftyone=replace(many.fiftyone, rows=tagged)))
    assert (plan.changes, plan.conflicts, plan.baseline.height) == ((), (), 0)
    assert seen < 10


def test_a_hundred_thousand_unchanged_annotations_take_no_time_to_speak_of(many: Inputs) -> None:
    begun = time.process_time()
    diff(many)
    # Ten times what it takes, so that a busy machine does not matter and a Python loop does.
    assert time.process_time() - begun < 5


CROWD = 3_000


@pytest.mark.parametrize("boxes", ["apart", "alike", "none"])
def test_thousands_of_labels_on_one_sample_are_not_compared_each_with_each(
    monkeypatch: pytest.MonkeyPatch, boxes: str
) -> None:
    """Known labels made anew without their ids, and rows that are new where labels without an id stand."""
    compared = 0
    share = overlap.overlap

    def counted(*given: Any) -> float:
        nonlocal compared
        compared += 1
        return share(*given)

    monkeypatch.setattr(overlap, "overlap", counted)

    def where(number: int) -> dict[str, Any]:
        place = [number / CROWD, 0.5, 0.5 / CROWD, 0.25] if boxes == "apart" else [0.25, 0.25, 0.25, 0.25]
        return {} if boxes == "none" else {"box": place}

    names = [f"a{number:05}" for number in range(CROWD)]
    given: dict[str, Any] = {"f": [], "b": [], "d": [], "samples": [S("s", media="m")]}
    for number, name in enumerate(names):
        given["f"].append(F(None, label_id=f"new-{name}", sample="s", media="m", **where(number)))
        given["d"].append(D(name, media="m", **where(number)))
        given["b"].append(B(name, sample="s", image="m", **where(number)))
    given["label_type" if boxes == "none" else "mapped"] = CLASSIFICATIONS if boxes == "none" else mapping("box")
    known = plan_of(**given)
    assert {each.kind for each in known.conflicts} == {"replaced"} and len(known.conflicts) == CROWD
    new = plan_of(**given | {"b": []})
    assert {each.kind for each in new.conflicts} == {"occupied"} and len(new.conflicts) == CROWD
    assert compared < 10 * CROWD
