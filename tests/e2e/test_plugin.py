"""``syncd plugin``: from an empty folder of plugins to an App that has all of it, and back."""

from __future__ import annotations

import json
import os
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest
from lab import SYNCD


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    return tmp_path / "plugins"


def plugin(plugins: Path, *arguments: str) -> tuple[int, Any]:
    done = subprocess.run(
        [*SYNCD, "plugin", *arguments, "--json"],
        capture_output=True,
        text=True,
        env=os.environ | {"FIFTYONE_PLUGINS_DIR": str(plugins)},
        cwd=plugins.parent,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


def test_it_is_installed_checked_and_removed(plugins: Path) -> None:
    code, found = plugin(plugins, "check")
    assert (code, found["ok"]) == (1, False)
    assert found["checks"][0]["remedy"] == "Run: syncd plugin install"

    code, done = plugin(plugins, "install")
    assert (code, done["how"], done["before"]) == (0, "link", False)
    code, found = plugin(plugins, "check")
    assert code == 0, found
    assert [each["check"] for each in found["checks"]] == ["found", "version", "enabled", "imported", "registered"]
    assert all(each["ok"] for each in found["checks"])

    assert plugin(plugins, "remove")[1]["removed"] == [str(plugins / "syncd")]
    assert plugin(plugins, "check")[0] == 1


def test_a_plugin_that_lost_a_part_fails_the_check(plugins: Path) -> None:
    plugin(plugins, "install", "--copy")
    metadata = plugins / "syncd" / "fiftyone.yml"
    metadata.write_text(metadata.read_text().replace("operators:", "operators:\n  - nothing_such", 1))
    code, found = plugin(plugins, "check")
    assert code == 1
    said = {each["check"]: each for each in found["checks"]}
    assert said["version"]["ok"] is False
    assert "missing: nothing_such" in said["registered"]["said"]


def test_the_archive_is_written_where_it_is_wanted(plugins: Path) -> None:
    code, done = plugin(plugins, "zip", "-o", "for-enterprise.zip")
    assert code == 0
    with zipfile.ZipFile(plugins.parent / "for-enterprise.zip") as archive:
        assert archive.namelist() == done["contents"]
    code, said = plugin(plugins, "zip", "-o", "no/such/folder.zip")
    assert code == 1
    assert "cannot be written" in said
