"""Backups that were restored: FiftyOne's, the lab's table, syncd's own tables; and what only looks like it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from integration.engine.answers import ids, quiet
from syncd.engine.options import Options
from syncd.engine.recover import Recovered, recover
from syncd.engine.session import open_session
from syncd.model import Side
from worlds import BINDING, NO_BRAKES, World

MANY, FEW = 14, 3
TERM = "Krill"
OWN = ("run", "baseline", "change", "conflict", "cursor", "held", "waiting", "answered")

pytestmark = pytest.mark.parametrize("world", [{"brakes": NO_BRAKES}], indirect=True)


def _recover(world: World, side: Side, **options: Any) -> Recovered:
    with open_session(world.config(), BINDING) as session:
        return recover(session, side, Options(dry_run=options.pop("dry_run", False)), **options)


def _relabel(world: World, names: list[str]) -> None:
    for each in names:
        world.review(each, label=TERM)
    world.reconcile()
    assert all(world.rows()[each]["label"] == TERM for each in names)


def _correct(world: World, names: list[str]) -> None:
    for each in names:
        world.correct(each, label=TERM)
    world.reconcile()
    assert all(world.labels()[each]["label"] == TERM for each in names)


@contextmanager
def _mongorestore(world: World) -> Iterator[None]:
    """FiftyOne's samples are afterwards what they were before, stamps included."""
    backup = list(world.samples.find())
    yield
    world.samples.delete_many({})
    world.samples.insert_many(backup)


@contextmanager
def _pg_restore(world: World) -> Iterator[None]:
    """So is the lab's table, and nothing else in its database."""
    world.sql("CREATE TABLE backup AS SELECT * FROM annotation")
    yield
    world.sql("ALTER TABLE annotation DISABLE TRIGGER USER")
    world.sql("DELETE FROM annotation")
    world.sql("INSERT INTO annotation SELECT * FROM backup")
    world.sql("ALTER TABLE annotation ENABLE TRIGGER USER")


@contextmanager
def _own_tables_restored(world: World) -> Iterator[None]:
    """So are syncd's own tables."""
    for each in OWN:
        world.sql(f"CREATE TABLE backup_{each} AS SELECT * FROM syncd.{each}")
    yield
    for each in OWN:
        world.sql(f"DELETE FROM syncd.{each}")
        world.sql(f"INSERT INTO syncd.{each} SELECT * FROM backup_{each}")


def _held(world: World, side: str) -> None:
    """It is held, and so it stays: by a sweep, by polls, by the next sweep."""
    for options in ({"full": True}, {}, {"full": True}):
        run = world.reconcile(**options)
        assert run.held is not None and side in run.held and "went back in time" in run.held, run.held
        assert not run.recorded


def test_fiftyone_that_was_restored_holds_and_is_brought_forward(world: World) -> None:
    names = ids(world)[:MANY]
    with _mongorestore(world):
        _correct(world, names[: MANY // 2])
        _relabel(world, names[MANY // 2 :])
    _held(world, "FiftyOne")
    assert all(world.rows()[each]["label"] == TERM for each in names)

    shown = _recover(world, Side.FIFTYONE, dry_run=True)
    assert len(shown.plan.changes) == MANY and world.labels()[names[0]]["label"] != TERM
    done = _recover(world, Side.FIFTYONE)

    assert done.result.to_fiftyone == MANY and done.result.exit_code == 0
    assert {each["reason"] for each in world.log() if each["run_id"] == done.result.run_id} == {"recovered"}
    assert all(world.labels()[each]["label"] == TERM for each in names)
    quiet(world)
    assert world.disagreements() == {}


def test_a_table_that_was_restored_holds_and_is_brought_forward(world: World) -> None:
    names = ids(world)[:MANY]
    with _pg_restore(world):
        _relabel(world, names)
        drawn = world.draw(_image(world), TERM)
        world.reconcile()
    assert any(each["_id"] == drawn for each in world.raw_labels())
    _held(world, "the database")

    done = _recover(world, Side.DATABASE)

    assert done.result.to_database == MANY + 1
    assert all(world.rows()[each]["label"] == TERM for each in names)
    quiet(world)
    assert world.disagreements() == {}


def _image(world: World) -> str:
    return str(world.samples.find_one()["filepath"])


@pytest.mark.parametrize("side", list(Side))
def test_whoever_accepts_a_restored_side_has_the_other_follow(world: World, side: Side) -> None:
    names = ids(world)[:MANY]
    before = {each: world.rows()[each]["label"] for each in names}
    with _mongorestore(world) if side is Side.FIFTYONE else _pg_restore(world):
        _relabel(world, names)
    _held(world, "FiftyOne" if side is Side.FIFTYONE else "the database")

    assert _recover(world, side, accept=True).result.exit_code == 0

    for there in (world.rows(), world.labels()):
        assert {each: there[each]["label"] for each in names} == before
    quiet(world)


def test_fewer_than_the_brake_counts_are_conflicts(world: World) -> None:
    names = ids(world)[:FEW]
    with _mongorestore(world):
        _relabel(world, names)
    assert world.reconcile(full=True).held is None
    assert {(each["annotation_id"], each["kind"]) for each in world.conflicts()} == {(n, "stale_revert") for n in names}
    assert all(world.rows()[each]["label"] == TERM for each in names)


def test_recover_leaves_alone_what_did_not_go_back(world: World) -> None:
    for side in Side:
        done = _recover(world, side, accept=True)
        assert done.result.run_id is None and "did not go back" in done.result.notes[0]


def test_syncds_own_tables_that_were_restored_hold(world: World) -> None:
    names = ids(world)[:FEW]
    _relabel(world, ids(world)[FEW : FEW + 1])
    with _own_tables_restored(world):
        _relabel(world, names)
    run = world.reconcile()
    assert run.held is not None and "syncd's own tables went back in time" in run.held
    assert _recover(world, Side.FIFTYONE).result.notes

    assert _recover(world, Side.DATABASE).result.held is None

    quiet(world)
    assert all(world.rows()[each]["label"] == TERM for each in names)


@pytest.mark.parametrize("accept", [False, True])
def test_a_database_restored_with_syncds_tables_is_brought_forward_from_fiftyone_or_accepted(
    world: World, accept: bool
) -> None:
    names = ids(world)[:MANY]
    _relabel(world, ids(world)[MANY : MANY + 1])
    before = {each: world.rows()[each]["label"] for each in names}
    with _own_tables_restored(world), _pg_restore(world):
        _relabel(world, names)
    assert world.reconcile(full=True).held is not None

    assert _recover(world, Side.DATABASE, accept=accept).result.held is None

    quiet(world)
    wanted = before if accept else dict.fromkeys(names, TERM)
    for there in (world.rows(), world.labels()):
        assert {each: there[each]["label"] for each in names} == wanted


def test_the_mark_touches_no_sample_and_nothing_else_of_the_dataset(world: World) -> None:
    datasets = world.mongo["datasets"]
    datasets.update_one({"name": world.dataset}, {"$set": {"info": {"camera": "ISIIS", "syncd": {"crops": False}}}})
    before = datasets.find_one({"name": world.dataset})
    world.correct(ids(world)[0], depth_m=12.5)
    run = world.reconcile()
    stamps = {each["_id"]: each["last_modified_at"] for each in world.samples.find()}
    assert run.to_fiftyone == 1

    after = datasets.find_one({"name": world.dataset})
    world.reconcile()

    mark = after["info"]["syncd"].pop("marks")
    assert [(each["binding"], each["run"]) for each in mark] == [(BINDING, run.run_id)]
    assert after == before
    assert {each["_id"]: each["last_modified_at"] for each in world.samples.find()} == stamps


def test_a_poll_notices_that_all_of_fiftyone_was_restored(world: World) -> None:
    datasets = world.mongo["datasets"]
    _relabel(world, ids(world)[MANY : MANY + 1])
    backup = datasets.find_one({"name": world.dataset})
    with _mongorestore(world):
        _relabel(world, ids(world)[:MANY])
    datasets.replace_one({"_id": backup["_id"]}, backup)
    run = world.reconcile()
    assert run.why_full == "FiftyOne bears an older mark than was left there"
    assert run.held is not None
    assert _recover(world, Side.FIFTYONE).result.to_fiftyone == MANY
    assert world.reconcile().mode == "incremental"


def test_a_table_reloaded_with_new_stamps_and_swapped_by_its_name_goes_on(world: World) -> None:
    _relabel(world, ids(world)[:MANY])
    world.sql("CREATE TABLE fresh (LIKE annotation INCLUDING ALL)")
    world.sql("INSERT INTO fresh SELECT * FROM annotation")
    world.sql("UPDATE fresh SET updated_at = now()")
    world.sql("ALTER TABLE annotation RENAME TO old")
    world.sql("ALTER TABLE fresh RENAME TO annotation")
    for options in ({}, {"full": True}):
        run = world.reconcile(**options)
        assert run.held is None and not run.recorded


def test_a_rollback_by_the_lab_with_new_stamps_goes_out(world: World) -> None:
    names = ids(world)[:MANY]
    before = {each: world.rows()[each]["label"] for each in names}
    _relabel(world, names)
    for each in names:
        world.correct(each, label=before[each])
    assert world.reconcile().to_fiftyone == MANY
    assert {each: world.labels()[each]["label"] for each in names} == before


def test_another_table_is_taken_for_the_same_as_long_as_it_holds_the_same(world: World) -> None:
    moved = "UPDATE syncd.cursor SET identity = 'public.annotation in database lab of server 1' WHERE side = 'database'"
    world.sql(moved)
    run = world.reconcile()
    assert (run.held, run.why_full) == (None, "database is not what it was")
    for each in ids(world)[:MANY]:
        world.correct(each, label=TERM)
    world.sql(moved)
    run = world.reconcile()
    assert run.held is not None and "of server 1" in run.held
    assert world.reconcile(force=True).to_fiftyone == MANY
    assert world.reconcile().held is None


def test_a_table_known_by_its_name_alone_is_not_another(world: World) -> None:
    world.sql("UPDATE syncd.cursor SET identity = split_part(identity, ' in database ', 1) WHERE side = 'database'")
    run = world.reconcile()
    assert (run.mode, run.held) == ("incremental", None)
    assert " of server " in world.cursors()["database"]["identity"]


def test_what_was_edited_while_it_was_held_is_kept(world: World) -> None:
    names = ids(world)[:MANY]
    with _mongorestore(world):
        _relabel(world, names)
    _held(world, "FiftyOne")
    world.correct(names[0], label="Salp")
    world.age(timedelta(0))
    _recover(world, Side.FIFTYONE)
    world.reconcile()
    assert world.rows()[names[0]]["label"] == world.labels()[names[0]]["label"] == "Salp"
