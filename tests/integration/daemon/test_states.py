"""What the daemon says of its bindings, in the tables and in the log."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from daemons import Daemon, until
from integration.daemon.people import edit_and_see, ready, said, some_id, until_state
from syncd.cli.main import app
from worlds import BINDING, World

Start = Callable[..., Daemon]
BRAKES = {"max_change_fraction": 0.05, "min_rows": 1}


def status(daemon: Daemon) -> tuple[int, dict[str, Any]]:
    """The command, beside it."""
    done = CliRunner().invoke(app, ["status", "--config", str(daemon.config), "--json"], env=dict(os.environ))
    return done.exit_code, json.loads(done.stdout)["bindings"][0]


def test_agreement(world: World, start: Start) -> None:
    daemon = start()
    ready(daemon)
    until_state(world, daemon, "in_agreement")
    code, shown = status(daemon)
    assert (code, shown["state"]) == (0, "in_agreement")
    assert shown["daemon"]["pid"] == daemon.pid
    assert shown["daemon"]["alive"]
    assert shown["daemon"]["wake"]["fiftyone"] == "stream"


def test_polls_that_find_nothing_leave_no_rows(world: World, start: Start) -> None:
    runs = len(world.runs())
    before = world.cursors()["fiftyone"]["position"]
    daemon = start(poll_interval="1s")
    ready(daemon)
    seen = {before}

    def polled() -> bool:
        seen.add(world.cursors()["fiftyone"]["position"])
        return len(seen) > 5

    until(polled, daemon.text)
    assert len(world.runs()) - runs <= 1, "the first may sweep"
    assert status(daemon)[1]["lag_seconds"]["fiftyone"] < 30
    edit_and_see(world, daemon)
    assert world.runs()[-1]["counts"]["applied"] == {"to_database": 1, "to_fiftyone": 0}
    until(lambda: bool(daemon.lines("reconciled")), daemon.text)
    assert len(daemon.lines("reconciled")) == 1, "one line per run that did something"


def test_conflicts(world: World, start: Start) -> None:
    chosen = some_id(world)
    world.review(chosen, label="one")
    world.correct(chosen, label="another")
    daemon = start()
    until_state(world, daemon, "conflicts")
    code, shown = status(daemon)
    assert (code, shown["state"], shown["conflicts"]["open"]) == (3, "conflicts", 1)


@pytest.mark.parametrize("world", [{"brakes": BRAKES}], indirect=True)
def test_held_stays_held_over_restarts_until_a_person_acts_and_is_told_once(world: World, start: Start) -> None:
    world.sql("UPDATE annotation SET label = 'Ciliate', updated_by = 'curator'")
    first = start(poll_interval="1s")
    until_state(world, first, "held")
    until(lambda: len(first.lines("held")) == 1)
    rows = len(world.runs())
    first.kill()
    second = start(poll_interval="1s")
    second.until_said("held")
    edited = some_id(world)
    world.sql("UPDATE annotation SET depth_m = 1 WHERE annotation_id = :id", id=edited)
    until(lambda: len(said(world)) == 2 and said(world)[1][BINDING]["state"] == "held", second.text)
    assert len(world.runs()) - rows <= 2
    assert len(second.lines("held")) == 1
    code, shown = status(second)
    assert (code, shown["state"]) == (4, "held")
    assert shown["held_plan"]["run_id"]
    assert {each["label"] for each in world.labels().values()} != {"Ciliate"}
    assert world.reconcile(force=True).held is None
    until(lambda: said(world)[-1][BINDING]["state"] == "in_agreement", second.text)
    second.until_said("no longer held")


def test_a_broken_binding_leaves_a_good_one_alone(world: World, start: Start) -> None:
    document = world.document()
    broken = document["bindings"][0] | {"name": "broken", "label_field": "another", "table": "public.nowhere"}
    document["bindings"].append(broken)
    daemon = start(document)
    ready(daemon)
    daemon.until_said("stopped", binding="broken")
    edit_and_see(world, daemon)
    # What a daemon says of itself it writes now and then, of all its bindings at a time.
    wanted = {"broken": "stopped", BINDING: "in_agreement"}
    until(lambda: {name: each["state"] for name, each in said(world)[0].items()} == wanted, daemon.text)
    (states,) = said(world)
    assert "nowhere" in states["broken"]["why"]


def test_a_table_that_was_altered_stops_the_binding_until_it_is_mended(
    world: World, start: Start, tmp_path: Path
) -> None:
    daemon = start(poll_interval="1s")
    ready(daemon)
    world.sql("ALTER TABLE annotation RENAME COLUMN depth_m TO depth")
    until_state(world, daemon, "stopped")
    code, shown = status(daemon)
    assert (code, shown["state"]) == (1, "stopped")
    assert "depth_m" in shown["daemon"]["why"]
    assert shown["daemon"]["next_try"]
    world.sql("ALTER TABLE annotation RENAME COLUMN depth TO depth_m")
    until_state(world, daemon, "in_agreement")
    edit_and_see(world, daemon)
    daemon.until_said("recovered")


def test_a_dataset_that_went_away_holds_the_binding_and_goes_on_when_it_is_back(world: World, start: Start) -> None:
    daemon = start(poll_interval="1s")
    ready(daemon)
    world.mongo["datasets"].update_one({"name": world.dataset}, {"$set": {"name": "renamed"}})
    until_state(world, daemon, "held")
    held = len(world.runs())
    assert world.runs()[-1]["status"] == "held"
    assert daemon.lines("held")[0]["why"].count(world.dataset)
    world.mongo["datasets"].update_one({"name": "renamed"}, {"$set": {"name": world.dataset}})
    until_state(world, daemon, "in_agreement")
    assert len(world.runs()) - held <= 1
    edit_and_see(world, daemon)


def test_a_vocabulary_that_changes_is_seen_by_the_next_poll(world: World, start: Start) -> None:
    world.sql("CREATE TABLE term (name text PRIMARY KEY)")
    world.sql("INSERT INTO term SELECT DISTINCT label FROM annotation")
    document = world.document()
    document["bindings"][0]["vocabulary"] = {"table": "public.term", "column": "name"}
    daemon = start(document, poll_interval="1s")
    ready(daemon)
    chosen = some_id(world)
    world.review(chosen, label="Novum")
    until(world.conflicts, daemon.text)
    world.sql("INSERT INTO term VALUES ('Novum')")
    until(lambda: world.rows()[chosen]["label"] == "Novum", daemon.text)
    until(lambda: not world.conflicts(), daemon.text)


def test_a_vocabulary_that_changes_is_pushed_to_the_datasets_label_schema(world: World, start: Start) -> None:
    world.sql("CREATE TABLE term (name text PRIMARY KEY)")
    world.sql("INSERT INTO term SELECT DISTINCT label FROM annotation")
    document = world.document()
    document["bindings"][0]["vocabulary"] = {"table": "public.term", "column": "name"}

    def shown() -> set[str]:
        dataset = world.mongo["datasets"].find_one({"name": world.dataset}) or {}
        schema = (dataset.get("label_schemas") or {}).get(document["bindings"][0]["label_field"]) or {}
        return set(schema.get("classes") or [])

    daemon = start(document, poll_interval="1s")
    terms = {each["name"] for each in world.sql("SELECT name FROM term")}
    until(lambda: shown() == terms, daemon.text)
    world.sql("INSERT INTO term VALUES ('Novum')")
    until(lambda: shown() == {*terms, "Novum"}, daemon.text)
    world.sql("DELETE FROM term WHERE name = 'Novum'")
    until(lambda: shown() == terms, daemon.text)
