"""What is said of change capture: there, not there, or no longer as it should be."""

from __future__ import annotations

import subprocess
from pathlib import Path

import yaml
from typer.testing import CliRunner

from integration.doctor.lab import Lab
from syncd.cli.main import app

CHECK = "Change capture"


def do(lab: Lab, folder: Path, command: str) -> None:
    """A command that a finding names."""
    config = folder / "syncd.yaml"
    settings = {
        "fiftyone": {"database_uri": lab.mongo_uri, "database_name": lab.mongo.name},
        "database": {"url": lab.url},
        "bindings": [lab.binding],
    }
    config.write_text(yaml.safe_dump(settings))
    words = command.split()
    assert words[0] == "syncd"
    done = CliRunner().invoke(app, [*words[1:], "--config", str(config)])
    if done.exit_code:
        raise subprocess.CalledProcessError(done.exit_code, command, done.stdout, done.stderr)


def test_a_table_without_capture_is_polled_and_the_command_is_named(broken_lab: Lab, tmp_path: Path) -> None:
    found = broken_lab.finding(CHECK)
    assert (found.status, found.detail) == (
        "ok",
        "none: the table is looked at every 30s; to be woken at once: syncd database install-capture plankton",
    )
    do(broken_lab, tmp_path, found.detail.rpartition(": ")[2])
    found = broken_lab.finding(CHECK)
    assert (found.status, found.detail) == ("ok", "triggers record what changes, and wake the daemon")


def test_triggers_that_are_off_are_mended_by_the_remedy(broken_lab: Lab, tmp_path: Path) -> None:
    do(broken_lab, tmp_path, "syncd database install-capture plankton")
    broken_lab.sql("ALTER TABLE annotation DISABLE TRIGGER USER")
    found = broken_lab.finding(CHECK)
    assert (found.status, "switched off" in found.detail) == ("warning", True)
    do(broken_lab, tmp_path, str(found.remedy).removeprefix("Run: "))
    assert broken_lab.finding(CHECK).detail == "triggers record what changes, and wake the daemon"
