"""A plan that a brake stops is kept as what applying it would do, until it is applied, stale, or not needed."""

from __future__ import annotations

from datetime import datetime, timezone
from types import ModuleType

import pytest

from integration.engine.answers import answer, ids, quiet
from integration.engine.test_lost_sides import build_anew
from syncd.diff.resolution.answer import Take
from syncd.engine.result import RunResult
from syncd.engine.session import open_session
from syncd.engine.status import status_of
from syncd.errors import StalePlan
from syncd.store import held
from syncd.store.held import HeldPlan
from worlds import BINDING, LIST, World


def kept(world: World) -> HeldPlan | None:
    with open_session(world.config(), BINDING) as session:
        return held.load(session.state, session.tables, BINDING)


def apply_held(world: World) -> RunResult:
    """What `syncd apply` does with it."""
    found = kept(world)
    assert found is not None
    return world.reconcile(full=True, force=True, expected=found.digest)


def lasso(world: World) -> None:
    """A reviewer relabels far too many by mistake."""
    for each in ids(world)[:40]:
        world.review(each, label="Lasso")


@pytest.mark.parametrize("full", [False, True], ids=["incremental", "full"])
def test_a_held_plan_is_applied_as_it_was_held(world: World, full: bool) -> None:
    # A conflict besides, which no incremental run that follows looks at again.
    world.review(ids(world)[50], bounding_box=[0.1, 0.1, 0.2, 0.2])
    world.reconcile()
    lasso(world)
    run = world.reconcile(full=full)
    assert run.held is not None
    assert "40 of" in run.held
    assert "would become 'Lasso' in the database (" in run.held
    found = kept(world)
    assert found is not None
    assert (found.run_id, found.reason) == (run.run_id, run.held)
    assert {each["new"] for each in found.changes} == {"Lasso"}

    done = apply_held(world)

    assert done.to_database == 40
    assert kept(world) is None
    quiet(world)


def test_the_same_plan_held_again_is_the_one_that_was_held_first(world: World) -> None:
    lasso(world)
    first = world.reconcile()
    again = [world.reconcile(full=full) for full in (False, True, False, False)]
    found = kept(world)
    assert found is not None
    assert found.run_id == first.run_id
    assert [each.mode for each in again][-1] == "incremental"
    lasso_more = ids(world)[40]
    world.review(lasso_more, label="Lasso")
    newer = world.reconcile()
    found = kept(world)
    assert found is not None
    assert (found.run_id, len(found.changes)) == (newer.run_id, 41)


@pytest.mark.parametrize("side", ["fiftyone", "database"])
def test_a_held_plan_is_refused_once_a_side_has_moved(world: World, side: str) -> None:
    lasso(world)
    world.reconcile()
    if side == "fiftyone":
        world.review(ids(world)[0], label="Better")
    else:
        world.correct(ids(world)[50], label="Corrected")
    before = world.labels(), world.rows()
    with pytest.raises(StalePlan):
        apply_held(world)
    assert (world.labels(), world.rows()) == before
    assert kept(world) is not None


def test_a_run_that_gets_by_clears_it(world: World) -> None:
    lasso(world)
    world.reconcile()
    for each, row in zip(ids(world)[:40], world.data.rows, strict=False):
        world.review(each, label=row.label)
    assert world.reconcile().held is None
    assert kept(world) is None


def test_a_dataset_made_anew_is_adopted_by_applying_what_was_held(world: World, fiftyone: ModuleType) -> None:
    build_anew(world, fiftyone)
    assert world.reconcile().held is not None
    done = apply_held(world)
    assert (done.held, done.opened, done.to_database) == (None, 0, 0)
    assert world.disagreements() == {}
    assert kept(world) is None


def test_an_answer_given_meanwhile_leaves_the_binding_held(world: World) -> None:
    world.review(ids(world)[50], bounding_box=[0.1, 0.1, 0.2, 0.2])
    world.reconcile()
    lasso(world)
    world.reconcile()
    answer(world, Take(text="0.2,0.2,0.2,0.2"), kind="box_changed")
    with open_session(world.config(), BINDING) as session:
        status = status_of(session.state, session.tables, BINDING, datetime.now(timezone.utc))
    assert status.state == "held"
    assert status.held_plan is not None


def draw_many(world: World, number: int) -> None:
    """A notebook copies predictions into the field: labels without ids, several to an image."""
    images = [row.image for row in world.data.rows]
    for each in range(number):
        world.draw(images[each % len(images)], "Predicted", bounding_box=[each / 1_000, 0.5, 0.05, 0.05])


@pytest.mark.parametrize("full", [False, True], ids=["incremental", "full"])
def test_a_notebook_that_fills_the_field_with_predictions_waits(world: World, full: bool) -> None:
    draw_many(world, 60)
    rows = world.rows()
    run = world.reconcile(full=full)
    assert run.exit_code == 4
    assert "60 labels drawn in FiftyOne would become rows of the database" in str(run.held)
    assert world.rows() == rows
    assert apply_held(world).to_database == 60
    quiet(world)


def test_what_a_project_draws_on_a_day_does_not_wait(world: World) -> None:
    draw_many(world, 40)
    assert world.reconcile().to_database == 40


def test_a_project_that_starts_with_an_empty_table_is_not_held(world: World) -> None:
    """Whatever was drawn before the table has its first row is meant for it."""
    world.sql("TRUNCATE annotation; TRUNCATE syncd.baseline; TRUNCATE syncd.cursor")
    world.samples.update_many({}, {"$set": {f"{LIST}.$[].annotation_id": None}})
    run = world.reconcile()
    assert (run.held, run.to_database) == (None, len(world.data.rows))
    world.sql("TRUNCATE annotation; TRUNCATE syncd.baseline; TRUNCATE syncd.cursor")
    world.samples.update_many({}, {"$set": {f"{LIST}.$[].annotation_id": None}})
    assert "labels drawn in FiftyOne" in str(world.reconcile().held), "something was agreed before"


def test_a_table_that_nobody_has_met_yet_is_not_filled_unattended(world: World) -> None:
    world.sql("TRUNCATE syncd.baseline; TRUNCATE syncd.cursor")
    draw_many(world, 60)
    assert "60 labels drawn in FiftyOne" in str(world.reconcile().held)


def test_a_view_that_shows_each_row_twice_waits(world: World) -> None:
    world.sql("CREATE VIEW twice AS SELECT a.* FROM annotation a, generate_series(1, 2)")
    run = world.reconcile(config=world.config(read="public.twice"), full=True)
    assert f"{len(world.data.rows)} annotations would become conflicts" in str(run.held)
    assert world.conflicts() == []
    assert world.reconcile().held is None
