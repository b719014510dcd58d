"""A binding as a program works with it: what the commands do, as methods, with the documents of the commands."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest
import yaml

from integration.engine.answers import both, ids, quiet
from integration.engine.test_resolve import disagree
from syncd import Binding, ConfigError, StalePlan, SyncdError, load_config, open_binding
from worlds import BINDING, World

TAGGED = {"review": {"mode": "tagged"}}
BRAKED = {"brakes": {"min_rows": 1, "min_count": 1, "max_change_fraction": 0.01}}


@pytest.fixture
def b(world: World) -> Any:
    with open_binding(BINDING, world.config()) as binding:
        yield binding


def test_a_binding_is_opened_by_a_loaded_configuration_a_path_or_the_usual_search(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "lab.yaml"
    file.write_text(yaml.safe_dump(world.document()), encoding="utf-8")
    monkeypatch.setenv("SYNCD_CONFIG", str(file))
    for config in (world.config(), file, str(file), None):
        with open_binding(BINDING, config) as b:
            assert b.name == BINDING
            assert b.status().as_json()["in_agreement"]
    with pytest.raises(SyncdError, match="was closed"):
        b.status()
    with pytest.raises(ConfigError, match="nobody"), open_binding("nobody", world.config()):
        pytest.fail("it was opened")


def test_a_plan_changes_nothing_and_is_applied_as_long_as_nothing_moves(world: World, b: Binding) -> None:
    one, two = ids(world)[:2]
    world.review(one, label="One")
    planned = b.plan()
    assert [(each.annotation_id, each.new) for each in planned.changes] == [(one, "One")]
    assert planned.as_json()["planned"] == {"to_database": 1, "to_fiftyone": 0, "conflicts": 0}
    assert world.rows()[one]["label"] != "One"
    assert b.apply(planned).to_database == 1
    assert world.rows()[one]["label"] == "One"

    world.review(two, label="Two")
    planned = b.plan(full=True)
    world.review(two, label="Three")
    with pytest.raises(StalePlan):
        b.apply(planned)
    quiet_after = b.reconcile(full=True)
    assert quiet_after.to_database == 1
    quiet(world)


def test_a_saved_plan_is_applied_by_its_file_and_a_plan_of_a_part_is_not_saved(
    world: World, b: Binding, tmp_path: Path
) -> None:
    world.review(ids(world)[0], label="One")
    file = tmp_path / "plan.json"
    with pytest.raises(ConfigError, match="full=True"):
        b.plan().save(file)
    with pytest.raises(ConfigError, match="part of the edits"):
        b.plan(full=True, tag="mine").save(file)
    b.plan(full=True).save(file)
    assert b.apply(file).to_database == 1
    with pytest.raises(ConfigError, match="cannot be read"):
        b.apply(tmp_path / "none.json")


@pytest.mark.parametrize(
    "world", [{"brakes": {"min_rows": 1, "min_count": 1, "max_change_fraction": 0.01}}], indirect=True
)
def test_what_a_brake_holds_is_seen_and_applied_or_dropped(world: World, b: Binding) -> None:
    one, two = ids(world)[:2]
    world.review(one, label="One")
    world.review(two, label="One")
    assert b.reconcile().held is not None
    held = b.held()
    assert held is not None
    assert b.status().exit_code == 4
    assert b.apply(held).to_database == 2
    assert b.held() is None
    world.review(one, label="Two")
    world.review(two, label="Two")
    assert b.reconcile().held
    b.drop_held()
    assert b.held() is None


def test_conflicts_are_rows_that_are_paged_and_counted_in_sql(world: World, b: Binding) -> None:
    some = ids(world)[:3]
    disagree(world, *some)
    every = b.conflicts()
    assert (len(every), every.total) == (3, 3)
    assert {each.annotation_id for each in every} == set(some)
    assert every[0].fiftyone == "One"
    with pytest.raises(FrozenInstanceError):
        every[0].status = "resolved"  # type: ignore[misc]
    second = b.conflicts(limit=1, offset=1)
    assert (second.rows, second.total) == (every[1:2], 3)
    assert b.conflicts(offset=2).rows == every[2:]
    for label, found in (("One", 3), ("Other", 3), (world.data.rows[0].label, 1)):
        assert b.conflicts(label=label, limit=1).total >= found
        assert b.conflicts(label=label).total == sum(
            label in (each.fiftyone, each.database, each.base) for each in every
        )
    assert b.conflicts(kind="edit_edit", field="label").total == 3
    assert b.conflicts(kind="moved").total == 0
    with pytest.raises(ConfigError, match=r"^kind 'edit_edti' names nothing") as caught:
        b.conflicts(kind="edit_edti")
    assert caught.value.remedy == "Did you mean edit_edit?"


def test_conflicts_are_resolved_in_the_name_of_the_actor(world: World, b: Binding) -> None:
    one, two = ids(world)[:2]
    disagree(world, one, two)
    first, second = b.conflicts()
    with b.actor("ada"):
        done = b.resolve(first.id, take="fiftyone", note="asked Bob")
        assert (done.left, done.exit_code) == (0, 0)
    b.resolve([second], value="Third")
    assert {both(world, each)[1]["label"] for each in (one, two)} == {"One", "Third"}
    words = {each.id: each.resolution for each in b.conflicts(resolved=True)}
    assert words[first.id] == "took fiftyone, ada: asked Bob"
    assert "ada" not in words[second.id]
    assert {
        each.actor for each in b.log() if each.reason == "resolved" and each.annotation_id == first.annotation_id
    } == {"ada"}
    with pytest.raises(ConfigError, match="not open any more"):
        b.resolve(first.id, take="database")
    with pytest.raises(ConfigError, match="once"):
        b.resolve(first.id)
    quiet(world)


def test_an_actor_is_of_its_context_alone(b: Binding) -> None:
    from syncd.actor import person

    seen: list[str] = []
    with b.actor("ada"):
        with b.actor("bob"):
            assert person() == "bob"
        thread = threading.Thread(target=lambda: seen.append(person()))
        thread.start()
        thread.join()
        assert person() == "ada"
    assert "ada" not in (person(), *seen)
    with pytest.raises(ConfigError):
        b.actor(" ")


def test_the_log_is_rows_with_the_notes_of_their_runs_and_an_undo_is_one_call(world: World, b: Binding) -> None:
    one = ids(world)[0]
    before = world.rows()[one]["label"]
    world.review(one, label="One")
    run = b.reconcile().run_id
    (entry,) = b.history(one)
    assert (entry.seq, entry.old, entry.new, entry.status) == (entry.seq, before, "One", "applied")
    with b.actor("ada"):
        undone = b.undo(run=run, note="a mistake")
    assert [each.new for each in undone.plan.changes] == [before, before]
    assert both(world, one)[0]["label"] == both(world, one)[1]["label"] == before
    log = b.log()
    assert {each.actor for each in log if each.reason == "undone"} == {"ada"}
    assert log.as_json()["changes"][-1]["note"] == "a mistake"
    with pytest.raises(ConfigError, match="nothing to take back"):
        b.undo(change=10**6)
    with pytest.raises(ConfigError, match="once"):
        b.undo(run=run, change=1)
    quiet(world)


@pytest.mark.parametrize("world", [TAGGED], indirect=True)
def test_what_waits_is_rows_that_are_paged(world: World, b: Binding) -> None:
    some = ids(world)[:3]
    for each in some:
        world.review(each, label="One")
    b.reconcile()
    waiting = b.waiting()
    assert (len(waiting), {each.new for each in waiting}) == (3, {"One"})
    page = b.waiting(limit=2, offset=2)
    assert (page.rows, page.total) == (waiting[2:], 3)
    assert b.waiting(kind="error").total == 0


def test_both_sides_are_verified_and_progress_has_a_fraction(world: World, b: Binding) -> None:
    told: list[tuple[str, float]] = []
    assert b.verify(progress=lambda phase, fraction: told.append((phase, fraction))).as_json()["agrees"]
    world.review(ids(world)[0], label="One")
    assert b.verify().unexplained
    b.reconcile(progress=lambda phase, fraction: told.append((phase, fraction)))
    assert told[-1] == ("done", 1.0)
    assert {"comparing", "applying"} <= {phase for phase, _ in told}
    one_call = [fraction for _, fraction in told[next(i for i, each in enumerate(told) if each[1] == 1.0) + 1 :]]
    assert one_call == sorted(one_call)


def test_a_report_is_a_document_and_a_file(world: World, b: Binding, tmp_path: Path) -> None:
    world.review(ids(world)[0], label="One")
    b.reconcile()
    made = b.report(title="Of today")
    assert made.content.totals.changes == 1
    assert made.as_json()["title"] == "Of today"
    assert len(made.as_json()["changes"]) == 1
    made.write(tmp_path / "today.md")
    assert "Of today" in (tmp_path / "today.md").read_text()
    with pytest.raises(ConfigError, match="which format"):
        made.write(tmp_path / "today.xyz")


def test_a_notebook_shows_plan_log_and_conflicts_as_tables_in_which_nothing_is_markup(world: World, b: Binding) -> None:
    evil = "<script>alert(1)</script>"
    one, two = ids(world)[:2]
    world.review(one, label=evil)
    for shown in (b.plan(), b.reconcile() and b.log()):
        html = shown._repr_html_()
        assert "<table>" in html
        assert "<script>" not in html
        assert "&lt;script&gt;" in html
    disagree(world, two)
    html = b.conflicts()._repr_html_()
    assert "edit_edit" in html
    assert "1 of 1 conflicts" in html


def test_documents_are_those_of_the_commands(world: World, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from syncd.cli.main import app

    file = tmp_path / "syncd.yaml"
    file.write_text(yaml.safe_dump(world.document()), encoding="utf-8")

    def command(*arguments: str) -> Any:
        done = CliRunner().invoke(app, [*arguments, "--config", str(file), "--json"])
        return json.loads(done.stdout)

    def plain(document: Any) -> Any:
        return json.loads(json.dumps(document))

    one, two = ids(world)[:2]
    disagree(world, one)
    world.review(two, label="One")
    world.reconcile(config=load_config(file))
    passing = ("seconds", "lag_seconds")
    with open_binding(BINDING, file) as b:
        planned, told = plain(b.plan().as_json()), command("reconcile", "--dry-run")["bindings"][0]
        assert {k: v for k, v in planned.items() if k not in passing} == {
            k: v for k, v in told.items() if k not in passing
        }
        b.reconcile()
        assert plain(b.log().as_json()) == command("log")
        assert plain(b.conflicts().as_json()) == command("conflicts", "list")
        assert plain(b.waiting().as_json()) == command("review", "list")
        status, told = plain(b.status().as_json()), command("status")["bindings"][0]
        assert {k: v for k, v in status.items() if k not in passing} == {
            k: v for k, v in told.items() if k not in passing
        }
        verdict, told = plain(b.verify().as_json()), command("verify", BINDING)
        assert {k: v for k, v in verdict.items() if k not in passing} == {
            k: v for k, v in told.items() if k not in passing
        }
        assert plain(b.why(one).as_json()) == command("why", one)


GUEST = """
import gc, logging, signal, sys, warnings, os
before = (gc.get_threshold(), gc.get_freeze_count(), list(warnings.filters), os.umask(0o22), signal.getsignal(15))
levels = {name: each.level for name, each in logging.root.manager.loggerDict.items() if hasattr(each, "level")}
os.umask(0o22)
from syncd import open_binding
with open_binding(%(binding)r, %(config)r) as b:
    b.status(), b.plan(), b.reconcile(), b.verify(), b.conflicts(), b.log(), b.waiting(), b.report()
assert (gc.get_threshold(), gc.get_freeze_count()) == before[:2], "the collector"
assert os.umask(0o22) == 0o22, "the umask"
assert signal.getsignal(15) == before[4], "signals"
assert logging.root.level == logging.WARNING and not logging.root.handlers, "logging"
assert "fiftyone" not in sys.modules, "FiftyOne's SDK is not needed for any of it"
ours = [each for each in warnings.filters if each not in before[2] and "fiftyone" in str(each)]
assert not ours, ours
"""


def test_the_process_of_who_calls_is_left_as_it_was(world: World, tmp_path: Path) -> None:
    file = tmp_path / "lab.yaml"
    file.write_text(yaml.safe_dump(world.document()), encoding="utf-8")
    program = GUEST % {"binding": BINDING, "config": str(file)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert (done.stdout, done.stderr) == ("", ""), "nothing is said where nobody asked"
