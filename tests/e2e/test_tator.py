"""From nothing to a synced dataset, with Tator as the authority: what a user does, by the command line."""

from __future__ import annotations

import io
import itertools
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner

from syncd.cli.main import app
from tator_double import FaultKind, Row, Tator, serving

CLASSES = ["Copepoda", "Ostracoda", "Krill"]
TYPES: list[dict[str, Any]] = [
    {"name": "Label", "dtype": "enum", "choices": CLASSES},
    {"name": "verified", "dtype": "bool"},
    {"name": "depth", "dtype": "float"},
]


@dataclass
class Lab:
    """The server, the configuration file, and the dataset's name."""

    server: Tator
    config: Path
    dataset_name: str

    def syncd(self, *arguments: str, code: int = 0) -> Any:
        """Calls a command, whose exit code is checked; returns its document."""
        done = CliRunner().invoke(app, [*arguments, "--config", str(self.config), "--json"], env={"COLUMNS": "200"})
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == code, (done.exit_code, done.stdout, done.stderr)
        assert self.server.token not in done.stdout + done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    def reconcile(self, code: int = 0, *options: str) -> dict[str, Any]:
        found = self.syncd("reconcile", "plankton", *options, code=code)
        result: dict[str, Any] = found["bindings"][0] if "bindings" in found else found
        return result

    @property
    def dataset(self) -> Any:
        dataset = fo.load_dataset(self.dataset_name)
        dataset.reload()
        return dataset

    def labels(self) -> dict[str, str]:
        ids, labels = self.dataset.values(["ground_truth.detections.annotation_id", "ground_truth.detections.label"])
        return dict(zip(itertools.chain(*ids), itertools.chain(*labels), strict=True))

    def relabel(self, row: Row, label: str) -> None:
        """A reviewer gives a label another class in FiftyOne."""
        for sample in self.dataset.iter_samples(autosave=True):
            for each in sample["ground_truth"].detections:
                if each["annotation_id"] == row.elemental_id:
                    each.label = label

    def now(self, row: Row) -> Row:
        return self.server.rows.of(str(row.elemental_id), 102)[-1]

    def curate(self, row: Row, label: str) -> None:
        """A curator does so in Tator."""
        with self.server.person(self.server.curator_token) as curator:
            curator.patch(f"Localization/102/{row.elemental_id}", json={"attributes": {"Label": label}})


def png(number: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (40 + number, 30), color=(number * 20 % 255, 10, 10)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def lab(fiftyone: Any, mongo_uri: str, tmp_path: Path) -> Iterator[Lab]:
    server = Tator([dict(each) for each in TYPES])
    name = f"tator_{uuid.uuid4().hex[:12]}"
    with serving(server) as url:
        document = {
            "fiftyone": {"database_uri": mongo_uri, "database_name": os.environ["FIFTYONE_DATABASE_NAME"]},
            "state": {"url": f"sqlite:///{tmp_path}/state.sqlite"},
            "s3": {"cache": str(tmp_path / "cache")},
            "daemon": {"quiet_period": "0s"},
            "bindings": [
                {
                    "name": "plankton",
                    "dataset": name,
                    "label_field": "ground_truth",
                    "store": {
                        "kind": "tator",
                        "url": url,
                        "token": server.token,
                        "project": "Plankton",
                        "version": "ground_truth",
                        "type": "Box",
                    },
                    "columns": {"label": "Label"},
                    "sample_key": "media_name",
                    "attributes": {"verified": {"column": "verified", "direction": "both"}, "depth": "depth"},
                    "brakes": {"min_rows": 1000, "min_count": 1000},
                }
            ],
        }
        config = tmp_path / "syncd.yaml"
        config.write_text(yaml.safe_dump(document))
        yield Lab(server, config, name)


def filled(lab: Lab, images: int = 6, each: int = 2) -> list[Row]:
    rows = []
    for number in range(images):
        medium = lab.server.add_medium(f"image {number}.png", png(number))
        for index in range(each):
            attributes = {"Label": CLASSES[(number + index) % 3], "depth": 1.5 * number}
            box = {"x": 0.1 * index, "y": 0.1, "width": 0.3, "height": 0.3}
            rows.append(lab.server.put(media=medium.id, attributes=attributes, **box))
    return rows


def test_a_new_user_brings_a_tator_project_into_fiftyone_and_keeps_both_in_agreement(lab: Lab) -> None:
    rows = filled(lab)
    lab.syncd("migrate")
    ingested = lab.syncd("ingest", "plankton")
    assert (ingested["samples_added"], ingested["new"]) == (6, 12)
    assert lab.labels() == {each.elemental_id: each.attributes["Label"] for each in rows}
    sample = self_of(lab, "image 3.png")
    assert (sample["media_name"], sample.metadata.width) == ("image 3.png", 43)
    nothing = lab.reconcile()
    assert nothing["applied"] == {"to_database": 0, "to_fiftyone": 0}

    # Both sides are edited, and one annotation on both.
    lab.relabel(rows[0], "Krill")
    lab.curate(rows[1], "Copepoda")
    done = lab.reconcile()
    assert done["applied"] == {"to_database": 1, "to_fiftyone": 1}
    assert lab.now(rows[0]).attributes["Label"] == "Krill"
    assert lab.labels()[str(rows[1].elemental_id)] == "Copepoda"
    assert [each.attributes["Label"] for each in lab.server.rows.of(str(rows[0].elemental_id), 102)] == [
        "Copepoda",
        "Krill",
    ]

    lab.relabel(rows[2], "Krill")
    lab.curate(rows[2], "Copepoda")
    conflicted = lab.reconcile(3)
    assert conflicted["conflicts"]["open"] == 1
    found = lab.syncd("conflicts", "list")
    [conflict] = found["conflicts"] if isinstance(found, dict) else found
    assert (conflict["fiftyone"], conflict["database"]) == ("Krill", "Copepoda")
    lab.syncd("conflicts", "resolve", str(conflict["id"]), "--take", "fiftyone")
    assert lab.now(rows[2]).attributes["Label"] == "Krill"
    assert lab.reconcile()["conflicts"]["open"] == 0

    log = lab.syncd("log")
    entries = log["changes"] if isinstance(log, dict) else log
    mine = next(each for each in entries if each["annotation_id"] == rows[0].elemental_id)
    lab.syncd("undo", str(mine["seq"]))
    assert lab.now(rows[0]).attributes["Label"] == "Copepoda"
    assert lab.labels()[str(rows[0].elemental_id)] == "Copepoda"

    found = lab.syncd("doctor", "plankton")
    told = {each["check"]: each["status"] for each in found["findings"]}
    assert "fault" not in told.values()
    assert told["Store answers"] == told["search by time"] == told["Mapping"] == "ok"
    agreed = lab.syncd("verify", "plankton")
    assert agreed is not None
    lab.syncd("report", "--format", "json", code=0)


def self_of(lab: Lab, name: str) -> Any:
    return lab.dataset.match(fo.ViewField("media_name") == name).first()


def test_bulk_edits_and_deletions_in_tator_arrive_and_a_drawn_box_gets_an_id(lab: Lab) -> None:
    rows = filled(lab)
    lab.syncd("migrate")
    lab.syncd("ingest", "plankton")
    with lab.server.person(lab.server.curator_token) as curator:
        body = {"ids": [lab.now(rows[0]).id, lab.now(rows[2]).id], "attributes": {"Label": "Krill"}}
        curator.patch("Localizations/1", params={"version": 102}, json=body)
        curator.request("DELETE", f"Localization/102/{rows[4].elemental_id}", json={})
    sample = self_of(lab, "image 5.png")
    sample["ground_truth"].detections.append(fo.Detection(label="Krill", bounding_box=[0.5, 0.5, 0.25, 0.25]))
    sample.save()
    done = lab.reconcile(0, "--full")
    assert done["applied"]["to_database"] == 1
    labels = lab.labels()
    assert [labels[str(rows[each].elemental_id)] for each in (0, 2)] == ["Krill", "Krill"]
    assert str(rows[4].elemental_id) not in labels
    drawn = [each for each in lab.server.live() if each.x == 0.5]
    assert [each.attributes["Label"] for each in drawn] == ["Krill"]
    assert str(drawn[0].elemental_id) in labels
    assert lab.reconcile(0, "--full")["applied"] == {"to_database": 0, "to_fiftyone": 0}


def test_a_value_overwritten_in_a_race_is_put_back_and_becomes_a_conflict(lab: Lab) -> None:
    rows = filled(lab)
    lab.syncd("migrate")
    lab.syncd("ingest", "plankton")
    lab.relabel(rows[0], "Krill")
    lab.server.at("detail.loaded", lambda: lab.curate(rows[0], "Ostracoda"))
    done = lab.reconcile(3)
    assert done["conflicts"]["opened"] == 1
    assert lab.now(rows[0]).attributes["Label"] == "Ostracoda", "theirs is put back"
    found = lab.syncd("conflicts", "list")
    [conflict] = found["conflicts"] if isinstance(found, dict) else found
    assert (conflict["base"], conflict["fiftyone"], conflict["database"]) == ("Copepoda", "Krill", "Ostracoda")


def test_a_run_whose_answer_was_lost_is_recovered_by_the_history(lab: Lab) -> None:
    rows = filled(lab)
    lab.syncd("migrate")
    lab.syncd("ingest", "plankton")
    lab.relabel(rows[0], "Krill")
    lab.server.fails(FaultKind.LOST_ANSWER, "PATCH")
    lab.syncd("reconcile", "plankton", code=1)
    lab.curate(rows[0], "Ostracoda")
    lab.reconcile(3)
    log = lab.syncd("log")
    entries = log["changes"] if isinstance(log, dict) else log
    mine = [each for each in entries if each["annotation_id"] == rows[0].elemental_id]
    assert [(each["direction"], each["new"], each["status"]) for each in mine] == [("to_database", "Krill", "applied")]
    found = lab.syncd("conflicts", "list")
    [conflict] = found["conflicts"] if isinstance(found, dict) else found
    assert (conflict["fiftyone"], conflict["database"]) == ("Krill", "Ostracoda"), "a person decides"
    assert lab.now(rows[0]).attributes["Label"] == "Ostracoda"


def test_crops_of_boxes_become_samples(lab: Lab) -> None:
    rows = filled(lab, images=3)
    lab.syncd("migrate")
    ingested = lab.syncd("ingest", "plankton", "--crops")
    assert ingested["samples_added"] == 6
    assert sorted(lab.dataset.values("ground_truth.annotation_id")) == sorted(str(each.elemental_id) for each in rows)
    assert lab.reconcile()["applied"] == {"to_database": 0, "to_fiftyone": 0}
    for sample in lab.dataset.iter_samples(autosave=True):
        if sample["ground_truth"]["annotation_id"] == rows[0].elemental_id:
            sample["ground_truth"].label = "Krill"
    assert lab.reconcile()["applied"]["to_database"] == 1
    assert lab.now(rows[0]).attributes["Label"] == "Krill"


def test_an_ingest_that_was_stopped_goes_on_and_fetches_no_image_twice(lab: Lab) -> None:
    filled(lab)
    lab.syncd("migrate")
    lab.syncd("ingest", "plankton", "--limit", "2")
    lab.server.calls.clear()
    again = lab.syncd("ingest", "plankton")
    assert again["samples_added"] == 4
    assert lab.syncd("ingest", "plankton")["samples_added"] == 0


def test_a_token_that_expired_ends_a_run_with_a_sentence(lab: Lab) -> None:
    filled(lab)
    lab.syncd("migrate")
    lab.syncd("ingest", "plankton")
    lab.server.users[0].token = "renewed-token-987654"
    done = CliRunner().invoke(app, ["reconcile", "plankton", "--config", str(lab.config)])
    assert done.exit_code == 1
    assert "refuses the token" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr + done.stdout


def test_the_daemon_brings_both_sides_together_by_itself(lab: Lab) -> None:
    rows = filled(lab)
    lab.syncd("migrate")
    lab.syncd("ingest", "plankton")
    document = yaml.safe_load(lab.config.read_text())
    document["daemon"] |= {"poll_interval": "1s", "http": "127.0.0.1:0"}
    lab.config.write_text(yaml.safe_dump(document))
    start = "from syncd.cli.main import main; main()"
    daemon = subprocess.Popen([sys.executable, "-c", start, "run", "--config", str(lab.config)], stderr=subprocess.PIPE)
    try:
        lab.relabel(rows[0], "Krill")
        lab.curate(rows[1], "Copepoda")
        until = time.monotonic() + 120
        while time.monotonic() < until and daemon.poll() is None:
            if (
                lab.now(rows[0]).attributes["Label"] == "Krill"
                and lab.labels()[str(rows[1].elemental_id)] == "Copepoda"
            ):
                break
            time.sleep(1)
        assert lab.now(rows[0]).attributes["Label"] == "Krill"
        assert lab.labels()[str(rows[1].elemental_id)] == "Copepoda"
    finally:
        daemon.terminate()
        _, told = daemon.communicate(timeout=60)
    assert lab.server.token not in told.decode()
    assert daemon.returncode == 0
