"""A run that is killed, at any step and any number of times, and then repeated, ends as one that was left in peace."""

from __future__ import annotations

import random
from typing import Any

import pytest

from children import context, die_at, kill_at
from integration.apply.story import check, finish
from syncd.engine import apply
from syncd.engine.steps import Step, observed
from trust import many
from worlds import BINDING, LIST, World, at_step

PARTS = 5
"""FiftyOne's writes come in slices of so many here, so that there are several."""

IN_TWO = [Step.IDS_NOTED, Step.DATABASE_COMMITTED]
"""Reached where syncd's own tables are in another database."""

IN_SLICES = [Step.SLICE_WRITTEN, Step.SLICE_RECORDED, Step.PUT_BACK]
"""Reached where a store has no transactions."""

ANSWERED = [Step.ANSWERS_COMMITTED, Step.ANSWERS_WRITTEN]
"""The database holds everything as it is written here, and answers nothing."""

IN_ONE_TRANSACTION = [each for each in Step if each not in (*IN_TWO, *IN_SLICES, *ANSWERED)]


@pytest.mark.parametrize("step", IN_ONE_TRANSACTION)
def test_killed_at_any_step_it_ends_the_same(played: World, undisturbed: dict[str, Any], step: Step) -> None:
    assert kill_at(played.document(), BINDING, step.value, slice_size=PARTS) == -9
    finish(played)
    check(played, undisturbed)


@pytest.mark.parametrize(
    "steps",
    [
        (Step.FIFTYONE_PARTLY_WRITTEN, Step.SETTLED, Step.DATABASE_WRITTEN),
        (Step.DATABASE_WRITTEN, Step.PLANNED, Step.OUTCOMES_RECORDED, Step.COMMITTED),
        (Step.INTENTS_COMMITTED, Step.FIFTYONE_PARTLY_WRITTEN, Step.FIFTYONE_PARTLY_WRITTEN),
        (Step.FIFTYONE_WRITTEN, Step.LOCKED, Step.INTENTS_COMMITTED),
    ][: many(2, 4)],
    ids=lambda steps: "+".join(each.value for each in steps),
)
def test_killed_again_and_again_it_ends_the_same(
    played: World, undisturbed: dict[str, Any], steps: tuple[Step, ...]
) -> None:
    for step in steps:
        # The second run may have less to do and pass the step by.
        assert kill_at(played.document(), BINDING, step.value, slice_size=PARTS) in (-9, 0)
    finish(played)
    check(played, undisturbed)


@pytest.mark.parametrize("seed", range(many(1, 20)))
def test_killed_at_any_moment_it_ends_the_same(played: World, undisturbed: dict[str, Any], seed: int) -> None:
    """Not only between the steps: within a bulk write, a COPY, a commit."""
    chance = random.Random(seed)
    for _ in range(4):
        child = context.Process(target=die_at, args=(played.document(), BINDING, "never", PARTS, {}), daemon=True)
        child.start()
        child.join(chance.uniform(0.05, 0.45))
        child.kill()
        child.join()
    finish(played)
    check(played, undisturbed)


@pytest.mark.parametrize(
    "step",
    [*IN_TWO, Step.OUTCOMES_RECORDED, Step.COMMITTED, Step.FIFTYONE_PARTLY_WRITTEN, Step.DATABASE_WRITTEN][
        : many(4, 6)
    ],
)
def test_killed_with_its_own_tables_elsewhere_it_ends_the_same(
    played: World, undisturbed: dict[str, Any], step: Step
) -> None:
    """Two databases have no common transaction; a connection of its own for the state makes no difference to that."""
    apart = played.document(state={"url": played.url})
    assert kill_at(apart, BINDING, step.value, slice_size=PARTS) == -9
    config = played.config(state={"url": played.url})
    finish(played, config=config)
    check(played, undisturbed)


def test_what_was_left_half_done_is_settled_under_another_mapping(played: World) -> None:
    """Before syncd runs again, somebody takes out one attribute, and maps another to a column of another type."""
    assert kill_at(played.document(), BINDING, Step.FIFTYONE_WRITTEN.value) == -9
    document = played.document()
    attributes = document["bindings"][0]["attributes"]
    del attributes["verified"]
    attributes["depth"] = {"column": "note"}
    played.sql("ALTER TABLE annotation ADD note text")
    played.samples.update_many({}, {"$unset": {f"{LIST}.$[].depth": ""}})
    played.mongo["datasets"].update_one(
        {"name": played.dataset},
        {"$pull": {"sample_fields.$[field].fields.$[list].fields": {"name": "depth"}}},
        array_filters=[{"field.name": "ground_truth"}, {"list.name": "detections"}],
    )
    finish(played, config=played.parse(document))
    assert played.log("pending") == []
    statuses = {each["status"] for each in played.log() if each["field"] == "verified"}
    assert statuses == {"abandoned"}


class Died(BaseException):
    """Ends a run as Ctrl-C does."""


@pytest.mark.parametrize(
    "step", [Step.LOCKED, Step.PLANNED, Step.FIFTYONE_PARTLY_WRITTEN, Step.OUTCOMES_RECORDED, Step.COMMITTED]
)
def test_interrupted_at_any_step_it_says_so_and_ends_the_same(
    played: World, undisturbed: dict[str, Any], step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apply, "SLICE", PARTS)

    def interrupt() -> None:
        raise Died("Ctrl-C")

    with pytest.raises(Died), observed(at_step(step, interrupt)):
        played.reconcile()
    ended = {each["status"]: each for each in played.runs()}
    assert "running" not in ended
    if step not in (Step.LOCKED, Step.COMMITTED):
        assert ended["failed"]["error"] == "Ctrl-C"
    finish(played)
    check(played, undisturbed)
