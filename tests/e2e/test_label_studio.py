"""A reviewer's story with Label Studio as the authority, over the double; and over a real server, if one is named.

``SYNCD_TEST_LABEL_STUDIO_URL`` and ``SYNCD_TEST_LABEL_STUDIO_TOKEN`` name one. It installs from packages in an
environment of its own (``pip install label-studio``), and each test makes a project of its own there.
"""

from __future__ import annotations

import itertools
import json
import os
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fiftyone as fo
import httpx
import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner

from label_studio_double import LabelStudio
from syncd.adapters.label_studio.store import LabelStudioFactory
from syncd.cli.main import app

URL = os.environ.get("SYNCD_TEST_LABEL_STUDIO_URL")
SETUP = """
<View><Image name="image" value="$image"/>
<RectangleLabels name="label" toName="image"><Label value="Copepoda"/><Label value="Ostracoda"/><Label value="Krill"/>
</RectangleLabels><Number name="depth" toName="image" perRegion="true"/></View>
"""


@dataclass
class Lab:
    """A project, its people's client, the configuration file, and the dataset's name."""

    http: httpx.Client
    project: int
    config: Path
    dataset_name: str
    token: str

    def syncd(self, *arguments: str, code: int = 0) -> Any:
        done = CliRunner().invoke(app, [*arguments, "--config", str(self.config), "--json"], env={"COLUMNS": "200"})
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == code, (done.exit_code, done.stdout, done.stderr)
        assert self.token not in done.stdout + done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    def reconcile(self, code: int = 0, *options: str) -> Any:
        return self.syncd("reconcile", "plankton", *options, code=code)["bindings"][0]

    def tasks(self) -> list[dict[str, Any]]:
        query = {"project": self.project, "page": 1, "page_size": 100, "fields": "all"}
        found: list[dict[str, Any]] = self.http.get("tasks", params=query).json()["tasks"]
        return found

    def there(self) -> dict[str, str]:
        """Label Studio's labels by region."""
        return {
            item["id"]: item["value"]["rectanglelabels"][0]
            for task in self.tasks()
            for annotation in task["annotations"]
            for item in annotation["result"]
            if item["from_name"] == "label"
        }

    def curate(self, region: str, label: str | None) -> None:
        """Somebody gives a region another label, or removes it (None), as the page does: by the whole annotation."""
        for task in self.tasks():
            for annotation in task["annotations"]:
                result = annotation["result"]
                for item in [each for each in result if each["id"] == region]:
                    if label is None:
                        result.remove(item)
                    elif item["from_name"] == "label":
                        item["value"]["rectanglelabels"] = [label]
                self.http.patch(f"annotations/{annotation['id']}/", json={"result": result}).raise_for_status()

    @property
    def dataset(self) -> Any:
        dataset = fo.load_dataset(self.dataset_name)
        dataset.reload()
        return dataset

    def labels(self) -> dict[str, str]:
        names = ["ground_truth.detections.annotation_id", "ground_truth.detections.label"]
        ids, labels = self.dataset.values(names)
        return dict(zip(itertools.chain(*ids), itertools.chain(*labels), strict=True))

    def relabel(self, region: str, label: str) -> None:
        for sample in self.dataset.iter_samples(autosave=True):
            for each in sample["ground_truth"].detections:
                if each["annotation_id"] == region:
                    each.label = label


def region(name: str, label: str, number: int) -> list[dict[str, Any]]:
    size = {"original_width": 40, "original_height": 30, "image_rotation": 0}
    place = {"x": 10.0 * number, "y": 10.0, "width": 20.0, "height": 20.0, "rotation": 0}
    item = {"id": name, "from_name": "label", "to_name": "image", "type": "rectanglelabels", **size}
    return [item | {"value": place | {"rectanglelabels": [label]}}]


@pytest.fixture
def lab(fiftyone: Any, mongo_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    double = None if URL else LabelStudio()
    token = os.environ["SYNCD_TEST_LABEL_STUDIO_TOKEN"] if double is None else double.token
    url = URL or LabelStudio.url
    if double is not None:
        monkeypatch.setattr(LabelStudioFactory, "transport", double.transport())
    http = httpx.Client(base_url=url + "/api/", headers={"Authorization": f"Token {token}"}, timeout=60)
    if double is not None:
        http = double.person()
    images = [tmp_path / "images" / f"{number}.png" for number in range(4)]
    for each in images:
        each.parent.mkdir(exist_ok=True)
        Image.new("RGB", (40, 30)).save(each)
    names = [each.name for each in images]
    project = _filled(http, double, names)
    name = f"label_studio_{uuid.uuid4().hex[:12]}"
    document = {
        "fiftyone": {"database_uri": mongo_uri, "database_name": os.environ["FIFTYONE_DATABASE_NAME"]},
        "state": {"url": f"sqlite:///{tmp_path}/state.sqlite"},
        "daemon": {"quiet_period": "0s"},
        "bindings": [
            {
                "name": "plankton",
                "dataset": name,
                "label_field": "ground_truth",
                "store": {"kind": "label-studio", "url": url, "token": token, "project": project},
                "columns": {"label": "label"},
                "sample_key": "media_name",
                "attributes": {"depth": {"column": "depth", "direction": "both"}},
                "ingest": {"media": str(tmp_path / "images")},
                "brakes": {"min_rows": 1000, "min_count": 1000},
            }
        ],
    }
    path = tmp_path / "syncd.yaml"
    path.write_text(yaml.safe_dump(document))
    yield Lab(http, project, path, name, token)
    http.close()


def _filled(http: httpx.Client, double: LabelStudio | None, names: list[str]) -> int:
    """A project with a task per image, and two regions in each."""
    if double is not None:
        for number, name in enumerate(names):
            double.annotate(
                double.task(name), [*region(f"r{number}a", "Copepoda", 1), *region(f"r{number}b", "Krill", 5)]
            )
        return double.project
    project = int(http.post("projects/", json={"title": "syncd test", "label_config": SETUP}).json()["id"])
    http.post(f"projects/{project}/import", json=[{"image": name} for name in names]).raise_for_status()
    time.sleep(1)
    query = {"project": project, "page": 1, "page_size": 100, "fields": "all"}
    for number, task in enumerate(http.get("tasks", params=query).json()["tasks"]):
        result = [*region(f"r{number}a", "Copepoda", 1), *region(f"r{number}b", "Krill", 5)]
        http.post(f"tasks/{task['id']}/annotations/", json={"result": result}).raise_for_status()
    return project


def test_regions_come_into_fiftyone_and_both_sides_are_kept_in_agreement(lab: Lab) -> None:
    lab.syncd("migrate")
    assert lab.syncd("ingest", "plankton")["samples_added"] == 4
    assert lab.labels() == lab.there()
    assert lab.reconcile()["applied"] == {"to_database": 0, "to_fiftyone": 0}
    lab.relabel("r0a", "Ostracoda")
    lab.curate("r1a", "Krill")
    assert lab.reconcile()["applied"] == {"to_database": 1, "to_fiftyone": 1}
    assert lab.there()["r0a"] == "Ostracoda"
    assert lab.labels() == lab.there()

    lab.relabel("r2a", "Ostracoda")
    lab.curate("r2a", "Krill")
    assert lab.reconcile(3)["conflicts"]["open"] == 1
    found = lab.syncd("conflicts", "list")
    [conflict] = found["conflicts"] if isinstance(found, dict) else found
    lab.syncd("conflicts", "resolve", str(conflict["id"]), "--take", "fiftyone")
    assert lab.there()["r2a"] == "Ostracoda"

    log = lab.syncd("log")
    entries = log["changes"] if isinstance(log, dict) else log
    mine = next(each for each in entries if each["annotation_id"] == "r0a")
    lab.syncd("undo", str(mine["seq"]))
    assert (lab.there()["r0a"], lab.labels()["r0a"]) == ("Copepoda", "Copepoda")
    lab.syncd("verify", "plankton")
    lab.syncd("report", "--format", "json")


def test_a_drawn_label_becomes_a_region_and_a_removed_region_a_removed_label(lab: Lab) -> None:
    lab.syncd("migrate")
    lab.syncd("ingest", "plankton")
    sample = lab.dataset.match(fo.ViewField("media_name") == "3.png").first()
    sample["ground_truth"].detections.append(
        fo.Detection(label="Krill", bounding_box=[0.5, 0.5, 0.25, 0.25], depth=7.5)
    )
    sample.save()
    lab.curate("r1b", None)
    done = lab.reconcile(0, "--full")
    assert done["applied"] == {"to_database": 1, "to_fiftyone": 1}
    assert "r1b" not in lab.labels()
    assert lab.labels() == lab.there()
    items = [item for task in lab.tasks() for each in task["annotations"] for item in each["result"]]
    [drawn] = [each for each in items if each["value"]["y"] == 50 and each["from_name"] == "label"]
    assert drawn["value"]["width"] == 25
    beside = [each for each in items if each["id"] == drawn["id"] and each["from_name"] == "depth"]
    assert [each["value"]["number"] for each in beside] == [7.5]
    assert lab.reconcile(0, "--full")["applied"] == {"to_database": 0, "to_fiftyone": 0}
