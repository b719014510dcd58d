"""Two daemons: one works, the other takes over; whoever lost the lock writes nothing more."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

from children import held_at
from daemons import Daemon, until
from integration.daemon.people import edit_and_see, end_connections, other_label, ready, some_id, until_state
from proxies import to_mongo, to_postgres
from syncd.engine.steps import Step
from worlds import BINDING, World

Start = Callable[..., Daemon]


def pair(world: World, start: Start) -> tuple[Daemon, Daemon]:
    first = start()
    ready(first)
    second = start()
    second.until_said("standing by")
    return first, second


def test_the_second_takes_over_within_seconds_of_the_first_ones_death(world: World, start: Start) -> None:
    first, second = pair(world, start)
    until_state(world, second, "in_agreement", "standby")
    assert second.lines("reconciled") == []
    first.kill()
    killed = time.monotonic()
    second.until_said("taking over: no other daemon attends to it any more")
    assert time.monotonic() - killed < 15
    edit_and_see(world, second)


def test_one_that_ends_in_order_makes_room_at_once(world: World, start: Start) -> None:
    first, second = pair(world, start)
    first.send(signal.SIGTERM)
    assert first.wait() == 0
    second.until_said("taking over: no other daemon attends to it any more")
    edit_and_see(world, second)
    until_state(world, second, "in_agreement")


def test_one_that_was_frozen_past_its_lock_writes_nothing_when_it_wakes(world: World, start: Start) -> None:
    """Its connection is ended by the server, as after the time for idle sessions, or a partition."""
    first, second = pair(world, start)
    first.send(signal.SIGSTOP)
    assert end_connections(world) >= 1
    second.until_said("taking over: no other daemon attends to it any more")
    edit_and_see(world, second)
    before = (world.rows(), world.labels(), len(world.log()))
    done = len(first.lines("reconciled"))
    first.send(signal.SIGCONT)
    first.until_said("standing by")
    assert (world.rows(), world.labels(), len(world.log())) == before
    assert len(first.lines("reconciled")) == done
    edit_and_see(world, second, 1)
    applied = world.log("applied")
    assert len(applied) == 2
    assert len({(each["annotation_id"], each["field"]) for each in applied}) == 2


def test_one_that_was_frozen_in_the_middle_of_a_run_cannot_finish_it(world: World, start: Start) -> None:
    """The whole of it stands between its intents and its writes when the other takes over."""
    chosen = some_id(world)
    label = other_label(world, chosen)
    world.review(chosen, label=label)
    with held_at(world.document(), BINDING, Step.INTENTS_COMMITTED.value):
        assert world.log("pending")
        second = start()
        # Its run waits for the one that is under way, whose lock is another.
        time.sleep(4)
        assert world.log("applied") == []
        assert end_connections(world) >= 1
        until(lambda: world.rows()[chosen]["label"] == label, second.text)
        ready(second)
    assert [each["status"] for each in world.log() if each["annotation_id"] == chosen] == ["applied"]
    assert world.disagreements() == {}


def test_a_daemon_that_is_cut_off_loses_its_lock_to_the_other(world: World, start: Start) -> None:
    """Nothing passes between it and the server any more, and neither is told."""
    document = world.document()
    with to_postgres(world.url) as (proxy, address):
        document["database"]["url"] = address
        first = start(document)
        ready(first)
        second = start()
        second.until_said("standing by")
        proxy.silent = True
        proxy.drop()
        second.until_said("taking over: no other daemon attends to it any more")
        edit_and_see(world, second)
        proxy.mend()
        first.until_said("standing by")
        first.until_said("recovered: another daemon gets on with it")


def test_a_host_that_is_cut_off_from_both_servers_writes_nothing_once_it_is_back(world: World, start: Start) -> None:
    """What it sent is swallowed; at the end of the partition it finds its lock with the other."""
    document = world.document()
    with to_postgres(world.url) as (postgres, url), to_mongo(world.mongo_uri) as (mongo, uri):
        document["database"]["url"], document["fiftyone"]["database_uri"] = url, uri
        first = start(document, poll_interval="1s")
        ready(first)
        second = start(poll_interval="1s")
        second.until_said("standing by")
        postgres.silent = mongo.silent = True
        # What the server does to a session from which nothing comes: see the keepalives that syncd asks for.
        assert end_connections(world) >= 1
        second.until_said("taking over: no other daemon attends to it any more")
        edit_and_see(world, second)
        curated = some_id(world, 1)
        world.correct(curated, label="Ctenophore")
        until(lambda: world.labels()[curated]["label"] == "Ctenophore", second.text)
        before = (world.rows(), world.labels(), len(world.log()))
        done = len(first.lines("reconciled"))
        postgres.mend()
        mongo.mend()
        postgres.drop()
        mongo.drop()
        first.until_said("standing by")
        assert (world.rows(), world.labels(), len(world.log())) == before
        assert len(first.lines("reconciled")) == done


def test_commands_work_beside_a_daemon(world: World, start: Start) -> None:
    daemon = start()
    ready(daemon)
    chosen = some_id(world)
    world.correct(chosen, label="Ctenophore")
    for _ in range(5):
        assert world.reconcile().held is None
    assert world.labels()[chosen]["label"] == "Ctenophore"
    edit_and_see(world, daemon, 1)
