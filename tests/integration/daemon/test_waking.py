"""An edit wakes the daemon; without streams it waits for the next poll."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import servers
from daemons import Daemon, until
from integration.daemon.people import edit_and_see, met, other_label, ready, said, some_id
from proxies import to_mongo
from syncd import embedded, open_binding
from syncd.adapters.connect import open_database
from syncd.demo import lab
from syncd.store.capture_install import carry_out, plan_install
from syncd.store.capture_target import find_target
from syncd.store.migrate import migrate
from syncd.store.tables import tables_for
from worlds import BINDING, Template, World

Start = Callable[..., Daemon]
ALONE = "no change stream: this MongoDB is standalone; edits in FiftyOne wait for the next poll"


def test_an_edit_in_fiftyone_is_in_the_database_soon_after_its_quiet_period(world: World, start: Start) -> None:
    daemon = start(quiet_period="2s")
    ready(daemon)
    time.sleep(1)
    chosen = some_id(world)
    label = other_label(world, chosen)
    edited = time.monotonic()
    world.review(chosen, label=label)
    until(lambda: world.rows()[chosen]["label"] == label, daemon.text)
    assert 2 <= time.monotonic() - edited < 20
    daemon.until_said("reconciled", to_database=1)
    assert world.disagreements() == {}


def test_an_edit_in_the_database_wakes_it_where_changes_are_captured(world: World, start: Start) -> None:
    with open_database(world.url) as connection:
        tables = tables_for(connection, "syncd")
        target = find_target(connection, "public.annotation", "annotation_id", "syncd")
        carry_out(connection, plan_install(connection, tables, target))
        connection.engine.dispose()
    daemon = start(quiet_period="2s")
    ready(daemon)
    daemon.until_said("the database tells of changes by notices")
    time.sleep(1)
    chosen = some_id(world)
    world.correct(chosen, label="Ctenophore")
    until(lambda: world.labels()[chosen]["label"] == "Ctenophore", daemon.text, 30)
    world.remove_row(chosen)
    until(lambda: chosen not in world.labels(), daemon.text, 30)
    until(lambda: said(world)[0][BINDING]["wake"] == {"fiftyone": "stream", "database": "notify"})


def test_a_lost_stream_is_said_once_and_comes_back(world: World, start: Start) -> None:
    document = world.document()
    with to_mongo(world.mongo_uri) as (proxy, address):
        document["fiftyone"]["database_uri"] = address
        daemon = start(document)
        ready(daemon)
        proxy.cut()
        daemon.until_said("the change stream is lost; polling until it is back")
        time.sleep(4)
        assert len(daemon.lines("the change stream is lost; polling until it is back")) == 1
        proxy.mend()
        daemon.until_said("FiftyOne tells of changes by a change stream", count=2)
        edit_and_see(world, daemon)


@pytest.mark.parametrize("edits", [40])
def test_a_burst_of_edits_is_few_runs(world: World, start: Start, edits: int) -> None:
    daemon = start()
    ready(daemon)
    time.sleep(1)
    chosen = some_id(world)
    rows = len(world.runs())
    begun = time.monotonic()
    for number in range(edits):
        world.review(chosen, label="Copepoda" if number % 2 else "Detritus")
    took = time.monotonic() - begun
    last = world.labels()[chosen]["label"]
    until(lambda: world.rows()[chosen]["label"] == last and not world.disagreements(), daemon.text)
    assert len(world.runs()) - rows <= took + 3


def test_a_standalone_server_is_polled_and_that_is_said_once_with_what_to_do(
    worlds: Template, start: Start, database_url: str, tmp_path: Path
) -> None:
    lab.create_lab(database_url, worlds.data)
    with open_database(database_url) as connection:
        migrate(connection, "syncd")
    connection.engine.dispose()
    with embedded.mongod(tmp_path / "m", replica_set=False) as alone, servers.mongo_client(alone.uri) as client:
        mongo = client["own"]
        worlds._copy_dataset(mongo, "alone")
        world = World(database_url, alone.uri, mongo, "alone", worlds.data, {})
        daemon = start(world.document(), poll_interval="1s")
        said_once = daemon.until_said(ALONE)
        assert "--replSet" in said_once["remedy"]
        met(database_url, daemon)
        edit_and_see(world, daemon)
        assert len(daemon.lines(said_once["event"])) == 1
        until(lambda: said(world)[0][BINDING]["wake"]["fiftyone"] == "poll", daemon.text)
        assert daemon.lines("degraded") == []


def test_a_program_wakes_the_daemon_and_is_told_where_none_is(world: World, start: Start) -> None:
    document = world.document()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    document["daemon"] = {"http": f"127.0.0.1:{port}"}
    with open_binding(BINDING, world.parse(document)) as b:
        assert not b.wake(), "no daemon answers there"
        daemon = start(http=f"127.0.0.1:{port}")
        ready(daemon)
        chosen = some_id(world)
        # Without triggers nothing tells the daemon of what is changed in the database, and its poll is minutes away.
        world.correct(chosen, label="Ctenophore")
        assert b.wake()
        until(lambda: world.labels()[chosen]["label"] == "Ctenophore", daemon.text, 30)
