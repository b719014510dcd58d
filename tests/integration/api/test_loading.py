"""How data get into a binding, by its methods: the documents and the order of the commands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest
import yaml
from typer.testing import CliRunner

from inbox_lab import InboxLab
from ingest_lab import ingest_lab
from syncd import Binding, ConfigError, Counting, SyncdError, diagnose, grants, migrate, open_binding
from syncd.cli.main import app
from syncd.ingest.inbox.result import Became, InboxResult


@pytest.fixture
def lab(database_url: str, mongo_uri: str, tmp_path: Path) -> Iterator[InboxLab]:
    for name in ("media", "inbox"):
        (tmp_path / name).mkdir()
    with ingest_lab(database_url, mongo_uri, tmp_path / "media") as made:
        yield InboxLab(made, tmp_path / "inbox")


@pytest.fixture
def b(lab: InboxLab) -> Iterator[Binding]:
    with open_binding("lab", lab.config()) as binding:
        yield binding


def command(lab: InboxLab, tmp_path: Path, *arguments: str) -> object:
    """What a command prints with ``--json``."""
    file = tmp_path / "syncd.yaml"
    file.write_text(yaml.safe_dump(lab.lab.document(ingest={"inbox": str(lab.inbox)})), encoding="utf-8")
    done = CliRunner().invoke(app, ["--config", str(file), *arguments, "--json"])
    assert done.exit_code in (0, 3), done.output
    return json.loads(done.stdout)


def test_an_ingest_is_the_documents_of_the_command_and_its_progress_grows_to_the_end(
    lab: InboxLab, b: Binding, tmp_path: Path
) -> None:
    lab.lab.fill(3)
    lab.lab.row("astray", "nowhere.png")
    told: list[tuple[str, float]] = []
    rejected = tmp_path / "rejected.csv"

    done = b.ingest(rejected=rejected, progress=lambda phase, part: told.append((phase, part)))

    assert (done.samples, done.recorded, done.faults_file) == (3, 3, str(rejected))
    assert "nowhere.png" in rejected.read_text(encoding="utf-8")
    parts = [part for _, part in told]
    assert parts == sorted(parts)
    assert told[-1] == ("done", 1.0)
    assert max(part for phase, part in told if phase == "loading") == pytest.approx(0.7)
    again = command(lab, tmp_path, "ingest", "lab", "--rejected", str(rejected))
    expected = b.ingest(rejected=rejected).as_json()
    assert isinstance(again, dict)
    varying = {"run_id", "seconds"}
    assert again.keys() - expected.keys() == {"evaluations", "evaluation_notes"}
    assert all(again[name] == value for name, value in expected.items() if name not in varying)


def test_who_counts_is_told_numbers(lab: InboxLab, b: Binding) -> None:
    lab.lab.fill(2)
    told: list[tuple[str, int, int]] = []
    b.ingest(progress=Counting(lambda *numbers: told.append(numbers)))
    assert ("loading", 2, 2) in told
    assert "done" not in {phase for phase, _, _ in told}


def test_without_predictions_nothing_is_evaluated(b: Binding) -> None:
    with pytest.raises(ConfigError, match="maps no predictions"):
        b.evaluation_keys()


def test_an_inbox_is_emptied_and_watched(lab: InboxLab, b: Binding) -> None:
    assert b.inbox == lab.inbox
    lab.drop("image,label,x,y,w,h\none.png,Copepoda,0,0,1,1\n", one=1)
    dry = b.empty_inbox(dry_run=True)
    assert [each.added for each in dry.outcomes] == [1]
    assert lab.rows() == []

    stop, seen, failed = Event(), list[InboxResult](), list[SyncdError]()

    def told(result: InboxResult) -> None:
        if result.of(Became.LOADED):
            seen.append(result)
            stop.set()

    watcher = Thread(target=lambda: b.watch_inbox(stop, on_result=told, on_error=failed.append), daemon=True)
    watcher.start()
    watcher.join(60)
    assert not watcher.is_alive()
    assert (len(seen), failed) == (1, [])
    assert list(lab.labels().values()) == ["Copepoda"]


def test_what_is_no_place_in_s3_is_said_before_anything_is_read(b: Binding) -> None:
    with pytest.raises(ConfigError, match="is no place in S3"):
        b.upload_media("s3://")


def test_the_doctor_grants_and_migration_are_the_documents_of_the_commands(
    lab: InboxLab, b: Binding, tmp_path: Path
) -> None:
    lab.lab.fill(1)
    b.ingest()
    found = b.doctor()
    assert found.healthy == (found.exit_code == 0)
    assert {each.scope for each in found.findings} == {"servers", "lab"}
    seen: list[str] = []
    everything = diagnose(lab.config(), tell=lambda each: seen.append(each.check))
    assert seen == [each.check for each in everything.findings]
    assert command(lab, tmp_path, "database", "grants") == grants(lab.config()).as_json() == b.grants().as_json()
    assert "GRANT" in b.grants(role="someone").text
    done = migrate(lab.config())
    assert done.before == done.after
    assert command(lab, tmp_path, "migrate") == done.as_json()


def test_capture_is_shown_installed_and_removed(lab: InboxLab, b: Binding, tmp_path: Path) -> None:
    shown = b.install_capture(dry_run=True)
    assert shown.statements
    assert command(lab, tmp_path, "database", "install-capture", "lab", "--dry-run") == shown.as_json()
    assert b.install_capture().statements == shown.statements
    assert b.install_capture().statements == ()
    assert b.remove_capture().statements
    assert b.remove_capture().statements == ()


def test_a_vocabulary_is_checked_corrected_by_a_plan_and_pushed(lab: InboxLab, tmp_path: Path) -> None:
    lab.lab.fill(3)
    config = lab.config(vocabulary={"classes": ["Copepoda", "diatom", "Ciliate"]})
    with open_binding("lab", config) as b:
        b.ingest()
        assert b.check_vocabulary().exit_code == 3
        plan = tmp_path / "fix.json"
        done = b.check_vocabulary(fix=plan, force=True)
        assert (done.plan, done.as_json()["fix"]) == (plan, {"plan": str(plan), "changes": 2, "left": {}})
        b.apply(plan)
        assert b.check_vocabulary(fix=plan).plan is None
        pushed = b.push_vocabulary()
        assert (pushed.labels, pushed.as_json()["binding"]) == (3, "lab")
