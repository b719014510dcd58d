"""A server that fails in the middle of a run ends it with an error of syncd's own, and the next run goes on."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pymongo.errors
import pytest
import sqlalchemy as sa
from pymongo.uri_parser import parse_uri

from syncd.engine.failures import clear_errors
from syncd.engine.steps import Step, observed
from syncd.errors import DatabaseUnavailable, FiftyOneUnavailable, SyncdError
from worlds import BINDING, World, at_step


def edited(world: World) -> tuple[str, str]:
    one, other = (row.annotation_id for row in world.data.rows[:2])
    world.review(one, label="Reviewed")
    world.correct(other, label="Corrected")
    return one, other


def check_the_next_run_goes_on(world: World) -> None:
    world.until_quiet()
    one, other = (row.annotation_id for row in world.data.rows[:2])
    assert (world.rows()[one]["label"], world.labels()[other]["label"]) == ("Reviewed", "Corrected")
    assert world.disagreements() == {}
    assert sorted(each["annotation_id"] for each in world.log("applied")) == sorted([one, other])


class Line:
    """A line to MongoDB that can be cut."""

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.ends: list[socket.socket] = []
        self.is_cut = False
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        return f"mongodb://127.0.0.1:{self.listener.getsockname()[1]}/?directConnection=true"

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                if self.is_cut:
                    near.close()
                    continue
                far = socket.create_connection(self.target)
                self.ends += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    @staticmethod
    def _pass_on(one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)

    def cut(self) -> None:
        self.is_cut = True
        self.listener.close()
        for each in self.ends:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


@pytest.fixture
def line(world: World) -> Iterator[Line]:
    ((host, port),) = parse_uri(world.mongo_uri)["nodelist"]
    made = Line(host, port)
    yield made
    made.cut()


@pytest.mark.parametrize("step", [Step.LOCKED, Step.INTENTS_COMMITTED])
def test_mongodb_that_goes_away_in_the_middle(
    world: World, line: Line, step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.adapters.connect.PATIENCE_S", 1)
    edited(world)
    document = world.document()
    document["fiftyone"]["database_uri"] = line.address
    before = world.labels(), world.rows()
    with pytest.raises(FiftyOneUnavailable, match="syncd doctor"), observed(at_step(step, line.cut)):
        world.reconcile(config=world.parse(document))
    assert (world.labels(), world.rows()) == before
    assert world.runs()[-1]["status"] == "failed"
    check_the_next_run_goes_on(world)


def role(world: World, *grants: str) -> Any:
    """The configuration of a database user who may only do so much."""
    name = world.dataset
    world.sql(f"CREATE ROLE {name} LOGIN PASSWORD 'small'")
    world.sql(f"GRANT USAGE ON SCHEMA syncd TO {name}")
    world.sql(f"GRANT ALL ON ALL TABLES IN SCHEMA syncd TO {name}")
    world.sql(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA syncd TO {name}")
    for each in grants:
        world.sql(each.format(name))
    document = world.document()
    document["database"]["url"] = (
        sa.make_url(world.url).set(username=name, password="small").render_as_string(hide_password=False)
    )
    return world.parse(document)


@pytest.fixture
def roles(world: World) -> Iterator[None]:
    yield
    world.sql(f"DROP OWNED BY {world.dataset}")
    world.sql(f"DROP ROLE {world.dataset}")


def test_a_user_who_may_not_write_is_told_what_the_database_said(world: World, roles: None) -> None:
    edited(world)
    config = role(world, "GRANT SELECT ON annotation TO {}")
    with pytest.raises(DatabaseUnavailable, match="permission denied for table annotation") as failed:
        world.reconcile(config=config)
    assert "small" not in str(failed.value)
    check_the_next_run_goes_on(world)


def test_a_user_needs_no_more_than_reading_and_writing(world: World, roles: None) -> None:
    edited(world)
    config = role(world, "GRANT SELECT, INSERT, UPDATE, DELETE ON annotation TO {}")
    world.draw(world.data.rows[3].image, "Drawn")
    assert world.reconcile(config=config).to_database == 2
    assert world.reconcile(config=config, full=True).recorded == ()


def test_a_statement_that_runs_out_of_time(world: World) -> None:
    edited(world)
    world.sql(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(2); RETURN NEW; END $$"
    )
    world.sql("CREATE TRIGGER slow BEFORE UPDATE ON annotation FOR EACH ROW EXECUTE FUNCTION slow()")
    name = sa.make_url(world.url).database
    world.sql(f"ALTER DATABASE {name} SET statement_timeout = '200ms'")
    with pytest.raises(DatabaseUnavailable, match="statement timeout"):
        world.reconcile()
    world.sql(f"ALTER DATABASE {name} RESET statement_timeout")
    world.sql("DROP TRIGGER slow ON annotation")
    check_the_next_run_goes_on(world)


def test_a_column_that_goes_away_in_the_middle(world: World) -> None:
    edited(world)
    rename = "ALTER TABLE annotation RENAME COLUMN depth_m TO depth"
    with (
        pytest.raises(SyncdError, match="depth_m"),
        observed(at_step(Step.SETTLED, lambda: world.sql(rename) and None)),
    ):
        world.reconcile(full=True)
    with pytest.raises(SyncdError, match="has no column 'depth_m'"):
        world.reconcile()
    world.sql("ALTER TABLE annotation RENAME COLUMN depth TO depth_m")
    check_the_next_run_goes_on(world)


def test_ctrl_c_leaves_a_run_that_says_so_and_a_free_lock(world: World) -> None:
    """A real SIGINT, while the database is at work."""
    edited(world)
    world.sql(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1); RETURN NEW; END $$"
    )
    world.sql("CREATE TRIGGER slow BEFORE UPDATE ON annotation FOR EACH ROW EXECUTE FUNCTION slow()")

    def interrupt_the_sleeping_server() -> None:
        deadline = time.monotonic() + 30
        asleep = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
        while not world.sql(asleep):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    def press() -> None:
        threading.Thread(target=interrupt_the_sleeping_server, daemon=True).start()

    # Whoever runs the tests in the background has them ignore it.
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), observed(at_step(Step.FIFTYONE_WRITTEN, press)):
            world.reconcile()
    finally:
        signal.signal(signal.SIGINT, previous)
    run = world.runs()[-1]
    assert (run["status"], run["error"]) == ("failed", "KeyboardInterrupt")
    # Where the interrupt cost the connection, the lock goes when the server sees that.
    deadline = time.monotonic() + 10
    while world.sql("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    world.sql("DROP TRIGGER slow ON annotation")
    check_the_next_run_goes_on(world)


def test_a_run_that_died_is_closed_by_the_next(world: World) -> None:
    world.sql(
        "INSERT INTO syncd.run (id, binding, mode, status, started_at, counts) "
        "VALUES ('old', :binding, 'full', 'running', '2026-01-01', '{}')",
        binding=BINDING,
    )
    world.reconcile()
    old = next(each for each in world.runs() if each["id"] == "old")
    assert (old["status"], old["error"]) == ("dead", "the process ended before the run did")


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (pymongo.errors.AutoReconnect("gone"), FiftyOneUnavailable),
        (sa.exc.InternalError("SELECT 1", {}, Exception("broken")), DatabaseUnavailable),
        (sa.exc.PendingRollbackError("cannot go on"), DatabaseUnavailable),
    ],
)
def test_what_a_driver_raises_where_nobody_expects_it_is_told_in_our_words(
    raised: Exception, told: type[SyncdError]
) -> None:
    with pytest.raises(told, match="syncd doctor"), clear_errors():
        raise raised
