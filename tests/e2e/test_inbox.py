"""``syncd inbox`` as somebody at a terminal, or a service manager, calls it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from lab import SYNCD
from typer.testing import CliRunner

from inbox_lab import InboxLab, picture
from ingest_lab import ingest_lab
from syncd.cli.main import app


@pytest.fixture
def dropped(database_url: str, mongo_uri: str, tmp_path: Path) -> Iterator[InboxLab]:
    """A lab with an inbox; its configuration is ``syncd.yaml`` beside the inbox."""
    for name in ("media", "inbox"):
        (tmp_path / name).mkdir()
    with ingest_lab(database_url, mongo_uri, tmp_path / "media") as made:
        document = made.document(ingest={"inbox": "inbox"})
        (tmp_path / "syncd.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
        yield InboxLab(made, tmp_path / "inbox")


def call(lab: InboxLab, *arguments: str) -> Any:
    """The command in this process."""
    given = ["inbox", "lab", *arguments, "--config", str(lab.inbox.parent / "syncd.yaml")]
    return CliRunner().invoke(app, given, env={"COLUMNS": "200"}, catch_exceptions=False)


def test_a_call_loads_and_rejects_and_says_so_to_people_and_programs(dropped: InboxLab) -> None:
    dropped.drop("image,label\na.png,Copepoda\n", a=1)
    dropped.drop("image,label\na[1].png,\n", name="bad.csv")
    picture(dropped.inbox / "a[1].png", 3)
    dry = call(dropped, "--dry-run", "--json")
    assert dry.exit_code == 3
    told = {each["manifest"]: each for each in json.loads(dry.stdout)["manifests"]}
    assert (told["station7"]["outcome"], told["station7"]["added"], told["station7"]["moved_to"]) == ("loaded", 1, None)
    assert told["bad"]["faults"]["first"][0]["column"] == "label"
    assert dropped.rows() == []
    shown = call(dropped)
    assert shown.exit_code == 3
    assert "station7: 1 of 1 rows added, 1 images" in shown.stdout
    assert "bad: rejected, 1 fault; nothing of it was loaded" in shown.stdout
    assert "the cell is empty" in shown.stdout
    assert "1 label loaded" in shown.stdout
    [folder] = (dropped.inbox / "rejected").iterdir()
    assert f"rejected/{folder.name}/report.md" in shown.stdout
    quiet = call(dropped)
    assert (quiet.exit_code, "no manifests" in quiet.stdout) == (0, True)


def test_what_is_not_whole_is_left_alone_and_named(dropped: InboxLab) -> None:
    dropped.drop("image,label\na.png,Copepoda\nb.png,Diatom\n", a=1)
    done = call(dropped, "--json")
    assert done.exit_code == 0
    [told] = json.loads(done.stdout)["manifests"]
    assert (told["outcome"], told["waiting_for"]) == (
        "waiting",
        "1 of its 2 images have not arrived, such as b.png",
    )


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_watching_goes_on_until_it_is_told_to_stop(dropped: InboxLab, end: signal.Signals) -> None:
    config = str(dropped.inbox.parent / "syncd.yaml")
    command = [*SYNCD, "inbox", "lab", "--watch", "--json", "--config", config]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    ) as process:
        assert process.stdout is not None
        dropped.drop("image,label\na.png,Copepoda\n", a=1)
        line = json.loads(process.stdout.readline())
        assert [(each["manifest"], each["outcome"]) for each in line["manifests"]] == [("station7", "loaded")]
        begun = time.monotonic()
        process.send_signal(end)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    assert "Traceback" not in err
    assert time.monotonic() - begun < 20
    assert len(dropped.labels()) == 1


def test_a_binding_without_an_inbox_is_told_what_to_set(dropped: InboxLab) -> None:
    document = dropped.lab.document()
    (dropped.inbox.parent / "syncd.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    done = call(dropped)
    assert done.exit_code == 1
    assert "has no inbox" in done.stderr
    assert "ingest.inbox" in done.stderr
