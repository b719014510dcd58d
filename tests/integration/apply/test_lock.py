"""One run at a time, over all hosts; and a run that lost its lock writes nothing more."""

from __future__ import annotations

import os
import socket
import time
from typing import Any

import pytest
import sqlalchemy as sa

from children import held_at, suspended_at
from integration.apply.story import check, finish, names
from syncd.engine import apply
from syncd.engine.options import Options
from syncd.engine.run import reconcile
from syncd.engine.session import open_session
from syncd.engine.steps import Step, observed
from syncd.errors import Busy, LockLost
from syncd.store.lock import one_run
from worlds import BINDING, World, at_step

AFTER = (Step.ANSWERS_COMMITTED, Step.STAMPED, Step.ANSWERS_WRITTEN, Step.COMMITTED)
ELSEWHERE = (Step.IDS_NOTED, Step.DATABASE_COMMITTED, Step.SLICE_WRITTEN, Step.SLICE_RECORDED, Step.PUT_BACK)
"""Reached where the state is apart, or where the store has no transactions."""
BEFORE_THE_COMMIT = [each for each in Step if each not in (*ELSEWHERE, *AFTER)]


def test_a_second_run_is_told_who_is_at_it(played: World) -> None:
    with held_at(played.document(), BINDING, Step.PLANNED.value) as other:
        with pytest.raises(Busy) as refused:
            played.reconcile()
        (run,) = [each for each in played.runs() if each["status"] == "running"]
        for told in (run["id"], socket.gethostname(), f"process {other.pid}", "syncd status"):
            assert told in str(refused.value)
        assert played.log() == []


def test_a_suspended_command_lets_go_of_the_labs_rows_and_of_the_lock(
    played: World, undisturbed: dict[str, Any]
) -> None:
    """Somebody presses Ctrl-Z and goes home; the lab, and a daemon, go on without the command."""
    reviewed = played.data.rows[0].annotation_id
    with suspended_at(played.document(), BINDING, Step.DATABASE_WRITTEN.value, seconds=10) as command:
        begun = time.monotonic()
        # Waits for the row's lock, where the command has it.
        played.sql("SELECT 1 FROM annotation WHERE annotation_id = :id FOR UPDATE", id=reviewed)
        finish(played)
        assert time.monotonic() - begun < 120
        log = played.log()
    assert command.exitcode == 1, "it says that it has lost its connection"
    assert played.log() == log
    check(played, undisturbed)


def test_every_connection_of_a_command_has_the_limits_of_a_daemons(world: World) -> None:
    wanted = {"statement_timeout": "10min", "lock_timeout": "1min", "idle_in_transaction_session_timeout": "5min"}
    with open_session(world.config(), BINDING) as session:
        for connection in {session.writing, session.state}:
            for name, value in wanted.items():
                assert connection.execute(sa.text(f"SHOW {name}")).scalar_one() == value


def test_a_run_that_has_no_row_yet_is_named_by_its_connection(world: World) -> None:
    with held_at(world.document(), BINDING, Step.LOCKED.value), pytest.raises(Busy, match=r"\(syncd from this host"):
        world.reconcile()


def test_a_role_that_may_not_see_other_sessions_is_still_told_that_it_is_busy(world: World) -> None:
    role = world.dataset
    world.sql(f"CREATE ROLE {role} LOGIN PASSWORD 'small'")
    world.sql(f"GRANT USAGE ON SCHEMA syncd TO {role}")
    world.sql(f"GRANT SELECT ON ALL TABLES IN SCHEMA syncd, public TO {role}")
    document = world.document()
    small = sa.make_url(world.url).set(username=role, password="small")
    document["database"]["url"] = small.render_as_string(hide_password=False)
    try:
        with (
            held_at(world.document(), BINDING, Step.LOCKED.value),
            pytest.raises(Busy, match="backend process"),
        ):
            world.reconcile(config=world.parse(document))
    finally:
        world.sql(f"DROP OWNED BY {role}")
        world.sql(f"DROP ROLE {role}")


def test_the_other_run_goes_on_undisturbed(played: World, undisturbed: dict[str, Any]) -> None:
    with held_at(played.document(), BINDING, Step.INTENTS_COMMITTED.value), pytest.raises(Busy):
        played.reconcile()
    finish(played)
    check(played, undisturbed)


def test_two_bindings_do_not_wait_for_each_other(world: World) -> None:
    document = world.document()
    document["bindings"][0]["name"] = "another"
    with held_at(document, "another", Step.PLANNED.value):
        assert world.reconcile().held is None


def test_a_killed_run_frees_the_lock(played: World, undisturbed: dict[str, Any]) -> None:
    with held_at(played.document(), BINDING, Step.FIFTYONE_WRITTEN.value) as other:
        other.kill()
        other.join()
        finish(played)
    check(played, undisturbed)


def test_a_dry_run_needs_no_lock(played: World) -> None:
    with held_at(played.document(), BINDING, Step.PLANNED.value):
        assert played.reconcile(dry_run=True).plan is not None


def terminate(world: World) -> None:
    """What an administrator, a failover or a firewall does to the run's connections."""
    world.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND application_name = 'syncd'"
    )
    deadline = time.monotonic() + 10
    while world.sql("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'syncd'"):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("step", BEFORE_THE_COMMIT)
def test_a_run_whose_connection_is_cut_writes_nothing_more(
    played: World, undisturbed: dict[str, Any], step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apply, "SLICE", 5)
    labels: dict[str, Any] = {}
    rows, cursors = played.rows(), played.cursors()

    def cut() -> None:
        terminate(played)
        labels.update(played.labels())

    with pytest.raises(LockLost, match="syncd reconcile"), observed(at_step(step, cut)):
        played.reconcile()
    assert played.labels() == labels
    assert played.rows() == rows
    assert "applied" not in {each["status"] for each in played.log()}
    assert played.cursors() == cursors
    assert [each["status"] for each in played.runs()[1:]] == ([] if step in (Step.LOCKED, Step.SETTLED) else ["failed"])
    finish(played)
    check(played, undisturbed)


def test_a_connection_cut_after_the_commit_undoes_nothing(played: World) -> None:
    with observed(at_step(Step.COMMITTED, lambda: terminate(played))):
        result = played.reconcile()
    assert played.runs()[-1]["status"] == "done"
    done = len([each for each in result.recorded if each.status == "applied"])
    # Drawn labels get their ids from the next run.
    left = played.log("pending")
    assert {each["reason"] for each in left} == {"drawn_in_fiftyone"}
    assert len(played.log("applied")) + len(left) == done
    played.until_quiet()
    assert played.log("pending") == []
    assert names(played)


def test_both_connections_are_cut_where_the_state_is_elsewhere(played: World, undisturbed: dict[str, Any]) -> None:
    config = played.config(state={"url": played.url})
    for step in (Step.PLANNED, Step.FIFTYONE_WRITTEN, Step.DATABASE_COMMITTED):
        with pytest.raises(LockLost), observed(at_step(step, lambda: terminate(played))):
            played.reconcile(config=config)
    finish(played, config=config)
    check(played, undisturbed)


def test_a_lock_that_a_pooler_lost_stops_the_writes(played: World) -> None:
    """The connection lives, but another session of the server answers on it, or its locks were reset."""
    before = played.labels(), played.rows()
    with open_session(played.config(), BINDING) as session:

        def reset() -> None:
            session.writing.exec_driver_sql("SELECT pg_advisory_unlock_all()")
            session.writing.commit()

        with pytest.raises(LockLost, match="pooler"), observed(at_step(Step.INTENTS_COMMITTED, reset)):
            reconcile(session, Options())
    assert (played.labels(), played.rows()) == before


def test_a_lost_connection_is_never_made_anew_under_the_lock(world: World) -> None:
    """SQLAlchemy would: after a rollback the next statement goes over a new connection, which has no lock."""
    with open_session(world.config(), BINDING) as session:
        with pytest.raises(LockLost, match="was lost"), one_run(session.writing, session.schema, BINDING):
            terminate(world)
            with pytest.raises(sa.exc.OperationalError):
                session.writing.exec_driver_sql("SELECT 1")
            session.writing.rollback()
            session.writing.exec_driver_sql("SELECT 1")
        session.writing.rollback()
        assert session.writing.exec_driver_sql("SELECT 1").scalar_one() == 1, "without the lock it may"


def test_the_pid_in_the_run_row_is_the_process(world: World) -> None:
    world.reconcile()
    assert world.runs()[-1]["pid"] == os.getpid()
