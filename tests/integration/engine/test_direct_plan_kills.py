"""A person's decision that dies half way, and is then given again, ends as one that was left in peace."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from children import PATIENCE_S, context
from integration.apply.story import patiently
from integration.engine.answers import FIFTYONE, answer, both, ids, quiet, take_back
from syncd.config import parse_config
from syncd.diff.resolution.answer import Take
from syncd.engine.direct_plan import DirectOptions
from syncd.engine.resolve import resolve
from syncd.engine.session import open_session
from syncd.engine.steps import Step, observed
from syncd.engine.undo import undo
from syncd.model.run import RunMode
from syncd.store import changes, conflicts
from syncd.store.changes import verify
from worlds import BINDING, NO_BRAKES, World

pytestmark = pytest.mark.parametrize("world", [{"brakes": NO_BRAKES}], indirect=True)

STEPS = [Step.INTENTS_COMMITTED, Step.FIFTYONE_WRITTEN, Step.DATABASE_WRITTEN, Step.OUTCOMES_RECORDED, Step.COMMITTED]


def die_resolving(document: Mapping[str, Any], step: str, text: str) -> None:
    """Answers every open conflict with a value, and kills itself at the step."""
    with (
        observed(lambda reached: os.kill(os.getpid(), signal.SIGKILL) if reached.value == step else None),
        open_session(parse_config(dict(document)), BINDING) as session,
    ):
        asked = conflicts.query(session.state, session.tables)
        resolve(session, asked, Take(text=text), vocabulary=None)


def die_undoing(document: Mapping[str, Any], step: str, run_id: str) -> None:
    """Takes a run back, and kills itself at the step."""
    with (
        observed(lambda reached: os.kill(os.getpid(), signal.SIGKILL) if reached.value == step else None),
        open_session(parse_config(dict(document)), BINDING) as session,
    ):
        entries = changes.query(session.state, session.tables, run_id=run_id, status="applied")
        undo(session, entries, DirectOptions(RunMode.UNDO))


def killed(act: Callable[..., None], *arguments: Any) -> None:
    child = context.Process(target=act, args=arguments, daemon=True)
    child.start()
    child.join(PATIENCE_S)
    assert child.exitcode == -signal.SIGKILL


def check(world: World) -> None:
    """Nothing is pending, the chain is whole, nothing is left to do."""
    quiet(world)
    assert world.log("pending") == []
    with open_session(world.config(), BINDING) as session:
        assert verify(session.state, session.tables, BINDING).is_sound


@pytest.mark.parametrize("step", STEPS, ids=lambda each: each.value)
def test_an_answer_given_again_ends_the_same(world: World, step: Step) -> None:
    one = ids(world)[0]
    world.review(one, label="One")
    world.correct(one, label="Other")
    world.reconcile()

    killed(die_resolving, world.document(), step.value, "Third")

    # The next run settles what was left, and the conflict shows what is there now.
    patiently(world.reconcile)
    if world.conflicts():
        assert {each.status for each in answer(world, Take(text="Third")).outcomes} == {"resolved"}
    assert [each["label"] for each in both(world, one)] == ["Third", "Third"]
    assert world.conflicts() == []
    check(world)


@pytest.mark.parametrize("step", STEPS, ids=lambda each: each.value)
def test_an_undo_given_again_ends_the_same(world: World, step: Step) -> None:
    before = world.labels(), world.rows()
    one, two, three = ids(world)[:3]
    world.review(one, label="Reviewed")
    world.correct(two, depth_m=3)
    world.remove_row(three)
    run = world.reconcile()
    assert run.run_id is not None

    killed(die_undoing, world.document(), step.value, run.run_id)
    patiently(lambda: take_back(world, run_id=run.run_id))

    assert (world.labels(), world.rows()) == before
    check(world)


def test_an_edit_made_while_an_answer_is_written_is_not_lost(world: World) -> None:
    one, two = ids(world)[:2]
    for each in (one, two):
        world.review(each, label="One")
        world.correct(each, label="Other")
    world.reconcile()

    def meddle(reached: Step) -> None:
        if reached is Step.INTENTS_COMMITTED:
            world.correct(one, label="Newer")

    with observed(meddle):
        done = answer(world, FIFTYONE)

    assert [each.status for each in done.outcomes] == ["overtaken", "resolved"]
    assert [each["label"] for each in both(world, one)] == ["One", "Newer"]
    assert [each["label"] for each in both(world, two)] == ["One", "One"]
    assert [each["annotation_id"] for each in world.conflicts()] == [one]
    world.reconcile()
    assert world.conflicts()[0]["database"] == "Newer"
