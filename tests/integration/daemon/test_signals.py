"""Ending in order, and reading the configuration again."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daemons import QUICK, Daemon, running, until, write_config
from integration.daemon.people import edit_and_see, ready, said, some_id, until_state
from worlds import BINDING, World

Start = Callable[..., Daemon]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_daemon_ends_at_once_with_0(world: World, start: Start, number: signal.Signals) -> None:
    daemon = start()
    ready(daemon)
    until_state(world, daemon, "in_agreement")
    told = time.monotonic()
    daemon.send(number)
    assert daemon.wait() == 0
    assert time.monotonic() - told < 5
    daemon.until_said("ended")
    assert said(world) == []
    assert (
        world.sql(
            "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND database = "
            "(SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        == []
    )


def slow(world: World, seconds: float) -> None:
    """Every write to the table takes so long."""
    world.sql(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN PERFORM pg_sleep({seconds}); RETURN NULL; END $$"
    )
    world.sql("CREATE TRIGGER slow AFTER UPDATE ON annotation FOR EACH STATEMENT EXECUTE FUNCTION slow()")


def test_a_batch_at_hand_is_finished(world: World, start: Start) -> None:
    slow(world, 2)
    chosen = some_id(world)
    world.review(chosen, label="Ctenophore")
    daemon = start()
    until(lambda: world.log("pending"), daemon.text)
    daemon.send(signal.SIGTERM)
    assert daemon.wait() == 0
    assert world.rows()[chosen]["label"] == "Ctenophore"
    assert [each["status"] for each in world.log()] == ["applied"]
    assert world.runs()[-1]["status"] == "done"


def test_a_batch_that_takes_too_long_is_left_and_settled_by_the_next_start(world: World, start: Start) -> None:
    slow(world, 60)
    chosen = some_id(world)
    world.review(chosen, label="Ctenophore")
    daemon = start()
    until(lambda: world.log("pending"), daemon.text)
    told = time.monotonic()
    daemon.send(signal.SIGTERM)
    assert daemon.wait(30) == 0
    assert time.monotonic() - told < 15
    world.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
        "AND application_name LIKE 'syncd%' AND pid <> pg_backend_pid()"
    )
    world.sql("DROP TRIGGER slow ON annotation")
    second = start()
    until(lambda: world.rows()[chosen]["label"] == "Ctenophore", second.text)
    until(lambda: [each["status"] for each in world.log()] == ["applied"], second.text)


def test_a_second_signal_ends_it_at_once(world: World, start: Start) -> None:
    slow(world, 60)
    world.review(some_id(world), label="Ctenophore")
    daemon = start()
    until(lambda: world.log("pending"), daemon.text)
    daemon.send(signal.SIGTERM)
    daemon.until_said("ending")
    daemon.send(signal.SIGTERM)
    assert daemon.wait(3) == 128 + signal.SIGTERM


def test_a_changed_file_is_read_between_runs_and_an_invalid_one_is_refused(world: World, start: Start) -> None:
    daemon = start(poll_interval="300s")
    ready(daemon)
    document = world.document()
    config = daemon.config
    config.write_text("database: {url: [nonsense", encoding="utf-8")
    daemon.until_said("the new configuration is invalid; the old one stays")
    edit_and_see(world, daemon)
    document["bindings"].append(document["bindings"][0] | {"name": "second", "dataset": "nowhere"})
    write_config(config, document)
    daemon.until_said("the configuration was read again")
    daemon.until_said("stopped", binding="second")
    assert len(daemon.lines("FiftyOne tells of changes by a change stream")) == 1, "the first binding went on"
    document["bindings"].pop()
    write_config(config, document, poll_interval="200s")
    daemon.until_said("the configuration was read again", count=2)
    daemon.until_said("FiftyOne tells of changes by a change stream", count=2)
    until(lambda: [sorted(each) for each in said(world)] == [[BINDING]], daemon.text)
    edit_and_see(world, daemon, 1)


def test_each_hup_says_what_is_wrong_and_tries_a_stopped_binding_at_once(world: World, start: Start) -> None:
    world.sql("ALTER TABLE annotation RENAME COLUMN depth_m TO depth")
    daemon = start()
    daemon.until_said("stopped")
    world.sql("ALTER TABLE annotation RENAME COLUMN depth TO depth_m")
    daemon.send(signal.SIGHUP)
    ready(daemon)
    until_state(world, daemon, "in_agreement")
    text = daemon.config.read_text()
    daemon.config.write_text("nonsense: 1", encoding="utf-8")
    daemon.send(signal.SIGHUP)
    daemon.until_said("the new configuration is invalid; the old one stays")
    time.sleep(2)
    assert len(daemon.lines("the new configuration is invalid; the old one stays")) == 1
    daemon.send(signal.SIGHUP)
    daemon.until_said("the new configuration is invalid; the old one stays", count=2)
    daemon.config.write_text(text, encoding="utf-8")
    edit_and_see(world, daemon)


def test_a_changed_secret_file_makes_it_connect_anew(world: World, tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql+psycopg2://nobody@127.0.0.1:1/nothing", encoding="utf-8")
    document: dict[str, Any] = world.document()
    document["database"]["url"] = f"${{file:{secret}}}"
    config = write_config(tmp_path / "syncd.yaml", document | {"daemon": QUICK})
    with running(config, tmp_path / "log") as daemon:
        daemon.until_said("degraded", side="database")
        fresh = tmp_path / "fresh"
        fresh.write_text(world.url, encoding="utf-8")
        fresh.replace(secret)
        daemon.until_said("the configuration was read again")
        ready(daemon)
        edit_and_see(world, daemon)
