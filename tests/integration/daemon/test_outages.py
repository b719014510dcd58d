"""Servers that go away, hang, cut answers short, are killed and come back; the daemon recovers by itself."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from bson import ObjectId

import servers
from daemons import Daemon, until
from integration.daemon.people import edit_and_see, other_label, ready, some_id, until_state
from proxies import Proxy, postgres_target, to_mongo, to_postgres
from syncd import embedded
from syncd.adapters.connect import open_database
from syncd.demo import lab
from syncd.store.migrate import migrate
from worlds import NO_BRAKES, Template, World

Start = Callable[..., Daemon]
Through = tuple[dict[str, Any], dict[str, Proxy]]


@pytest.fixture
def through(world: World) -> Iterator[Through]:
    """The configuration with a line to each server that can be cut."""
    document = world.document()
    with to_mongo(world.mongo_uri) as (mongo, mongo_uri), to_postgres(world.url) as (postgres, url):
        document["fiftyone"]["database_uri"] = mongo_uri
        document["database"]["url"] = url
        yield document, {"fiftyone": mongo, "database": postgres}


@pytest.mark.parametrize("side", ["fiftyone", "database"])
def test_a_server_that_goes_away_degrades_the_binding_which_recovers_by_itself(
    world: World, start: Start, through: Through, side: str
) -> None:
    document, lines = through
    daemon = start(document, poll_interval="1s")
    ready(daemon)
    until_state(world, daemon, "in_agreement")
    lines[side].cut()
    daemon.until_said("degraded", side=side)
    home, out = some_id(world), some_id(world, 1)
    label = other_label(world, home)
    world.review(home, label=label)
    world.correct(out, label="Ctenophore")
    time.sleep(4)
    assert len(daemon.lines("degraded")) <= 3, "an outage is not said at each try"
    lines[side].mend()
    daemon.until_said("recovered")
    until(lambda: world.rows()[home]["label"] == label and world.labels()[out]["label"] == "Ctenophore", daemon.text)
    assert world.disagreements() == {}
    assert sorted(each["status"] for each in world.log()) == ["applied", "applied"]
    until_state(world, daemon, "in_agreement")


@pytest.mark.parametrize("side", ["fiftyone", "database"])
def test_answers_that_are_cut_short_lose_nothing(world: World, start: Start, through: Through, side: str) -> None:
    document, lines = through
    daemon = start(document, poll_interval="1s", quiet_period="0s")
    ready(daemon)
    chosen = [some_id(world, number) for number in range(6)]
    for number, each in enumerate(chosen):
        lines[side].left = 300 * number + 17
        world.review(each, label="Ctenophore")
        world.correct(each, depth_m=number)
        time.sleep(0.7)
        lines[side].mend()
    until(lambda: not world.disagreements(), lambda: f"{world.disagreements()}\n{daemon.text()}")
    assert all(world.rows()[each]["label"] == "Ctenophore" for each in chosen)
    applied = [(each["annotation_id"], each["field"]) for each in world.log("applied")]
    assert len(applied) == len(set(applied)) == 12
    assert not world.log("pending")
    assert not world.conflicts()


def test_a_slow_line_is_slow_and_nothing_else(world: World, start: Start, through: Through) -> None:
    document, lines = through
    daemon = start(document, poll_interval="1s")
    ready(daemon)
    for each in lines.values():
        each.delay_s = 0.05
    edit_and_see(world, daemon)
    assert daemon.lines("degraded") == []


def test_a_server_that_is_frozen_and_thawed_delays_the_edit_and_loses_nothing(
    private: World, private_servers: Any, start: Start
) -> None:
    daemon = start(private.document(), poll_interval="1s")
    ready(daemon)
    os.kill(private_servers.mongo.pid, signal.SIGSTOP)
    time.sleep(3)
    os.kill(private_servers.mongo.pid, signal.SIGCONT)
    edit_and_see(private, daemon)
    assert private.disagreements() == {}


def test_a_call_that_never_comes_back_does_not_hang_the_daemon_for_ever(
    world: World, start: Start, through: Through
) -> None:
    """The line swallows everything and stays open: no limit of the server's and no keepalive ever ends that."""
    document, lines = through
    daemon = start(document, poll_interval="1s", hang_s=8.0)
    ready(daemon)
    lines["database"].silent = True
    daemon.until_said("a run hangs; its connections are cut, and another begins")
    daemon.until_said("degraded", side="database")
    lines["database"].mend()
    lines["database"].drop()
    edit_and_see(world, daemon)


class Servers:
    """A PostgreSQL and a MongoDB of a test's own, behind lines whose addresses outlive the servers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines: dict[str, Proxy] = {}
        self.stacks = {"fiftyone": ExitStack(), "database": ExitStack()}
        self.start("fiftyone")
        self.start("database")

    def start(self, side: str) -> None:
        if side == "fiftyone":
            self.mongo = self.stacks[side].enter_context(embedded.mongod(self.folder / "m", durable=True))
        else:
            self.postgres = self.stacks[side].enter_context(embedded.postgres(self.folder / "p", durable=True))

    def kill(self, side: str) -> None:
        """As a crash does it."""
        pid = self.mongo.pid if side == "fiftyone" else self.postgres.pid
        os.kill(pid, signal.SIGKILL if side == "fiftyone" else signal.SIGQUIT)
        self.stacks[side].close()
        self.stacks[side] = ExitStack()

    def close(self) -> None:
        for each in self.stacks.values():
            each.close()


@pytest.fixture(scope="module")
def private_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    made = Servers(tmp_path_factory.mktemp("own"))
    yield made
    made.close()


@pytest.fixture
def private(worlds: Template, private_servers: Servers) -> Iterator[World]:
    """A world on servers that may be killed, reached through lines."""
    admin = private_servers.postgres.url
    name = f"own_{ObjectId()}"
    with servers.engine_for_admin(admin).connect() as connection:
        connection.exec_driver_sql(f'CREATE DATABASE "{name}"')
    direct = sa.make_url(admin).set(database=name).render_as_string(hide_password=False)
    lab.create_lab(direct, worlds.data)
    with open_database(direct) as connection:
        migrate(connection, "syncd")
    connection.engine.dispose()
    with (
        to_mongo(private_servers.mongo.uri) as (mongo_line, uri),
        to_postgres(direct) as (postgres_line, url),
        servers.mongo_client(uri) as client,
    ):
        mongo = client["own"]
        worlds._copy_dataset(mongo, name)
        world = World(url, uri, mongo, name, worlds.data, {"brakes": NO_BRAKES})
        world.reconcile()
        private_servers.lines = {"fiftyone": mongo_line, "database": postgres_line}
        yield world


@pytest.mark.parametrize("side", ["fiftyone", "database"])
def test_a_server_that_is_killed_and_started_again_under_load(
    private: World, private_servers: Servers, start: Start, side: str
) -> None:
    daemon = start(private.document(), poll_interval="1s")
    ready(daemon)
    chosen = [some_id(private, number) for number in range(30)]
    for each in chosen[:15]:
        private.review(each, label="Ctenophore")
        private.correct(each, depth_m=7)
    private_servers.kill(side)
    daemon.until_said("degraded", side=side)
    private_servers.start(side)
    line: Proxy = private_servers.lines[side]
    if side == "fiftyone":
        host, _, port = private_servers.mongo.uri.removeprefix("mongodb://").partition("/")[0].partition(":")
        line.target = (host, int(port))
    else:
        line.target = postgres_target(private_servers.postgres.url)
    daemon.until_said("recovered")
    for each in chosen[15:]:
        private.review(each, label="Ctenophore")
    until(lambda: not private.disagreements(), lambda: f"{private.disagreements()}\n{daemon.text()}")
    assert all(private.rows()[each]["label"] == "Ctenophore" for each in chosen)
    applied = [(each["annotation_id"], each["field"]) for each in private.log("applied")]
    assert len(applied) == len(set(applied)) == 45
    assert not private.conflicts()
