"""A server whose disk is full: its binding waits, and goes on when there is room again."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import sqlalchemy as sa
from bson import ObjectId

import servers
from daemons import Daemon, until
from integration.daemon.people import other_label, ready, some_id, until_state
from syncd import embedded
from syncd.adapters.connect import open_database
from syncd.demo import lab
from syncd.store.migrate import migrate
from worlds import NO_BRAKES, Template, World

Start = Callable[..., Daemon]
MEGABYTE = 1_000_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with little room."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=250m", "tmpfs", place], check=False, capture_output=True)
    if done.returncode:
        pytest.skip(f"only root may mount a small disk, and not everywhere: {done.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


@pytest.fixture
def cramped(worlds: Template, small_disk: Path, mongo_uri: str) -> Iterator[World]:
    """A world whose PostgreSQL lives on the small disk."""
    name = f"own_{ObjectId()}"
    with ExitStack() as stack:
        postgres = stack.enter_context(embedded.postgres(small_disk / "p", durable=True))
        with servers.engine_for_admin(postgres.url).connect() as connection:
            connection.exec_driver_sql(f'CREATE DATABASE "{name}"')
        url = sa.make_url(postgres.url).set(database=name).render_as_string(hide_password=False)
        lab.create_lab(url, worlds.data)
        with open_database(url) as connection:
            migrate(connection, "syncd")
        connection.engine.dispose()
        client = stack.enter_context(servers.mongo_client(mongo_uri))
        mongo = client[name]
        stack.callback(client.drop_database, name)
        worlds._copy_dataset(mongo, name)
        world = World(url, mongo_uri, mongo, name, worlds.data, {"brakes": NO_BRAKES})
        world.reconcile()
        yield world


def fill(ballast: Path) -> None:
    """Writes until there is no room left."""
    with pytest.raises(OSError, match="No space left"), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(MEGABYTE // 10))


def test_a_database_whose_disk_is_full_degrades_the_binding_which_goes_on_when_there_is_room(
    cramped: World, small_disk: Path, start: Start
) -> None:
    daemon = start(cramped.document(), poll_interval="1s")
    ready(daemon)
    until_state(cramped, daemon, "in_agreement")
    ballast = small_disk / "ballast"
    fill(ballast)
    chosen = [some_id(cramped, number) for number in range(40)]
    labels = {each: other_label(cramped, each) for each in chosen}
    for each in chosen:
        cramped.review(each, label=labels[each])
    daemon.until_said("degraded", side="database")
    assert "No space left" in daemon.text()
    ballast.unlink()
    daemon.until_said("recovered")
    until(lambda: not cramped.disagreements(), lambda: f"{cramped.disagreements()}\n{daemon.text()}")
    rows = cramped.rows()
    assert all(rows[each]["label"] == labels[each] for each in chosen)
    applied = [(each["annotation_id"], each["field"]) for each in cramped.log("applied")]
    assert len(applied) == len(set(applied)) == len(chosen)
    assert not cramped.log("pending")
    until_state(cramped, daemon, "in_agreement")
