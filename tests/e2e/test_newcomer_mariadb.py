"""A data manager with keys, flags and pixels in MariaDB: from `init --table` to a review."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from bson import ObjectId
from PIL import Image
from typer.testing import CliRunner

import servers
from lab_schemas import FOLDER
from syncd.cli.main import app

DATASET = "newcomer-mariadb"
LIST = "ground_truth.detections"


@dataclass
class Lab:
    """Her database, and the file that `syncd init --table` wrote."""

    url: str
    mongo: Any
    config: Path

    def syncd(self, *arguments: str, code: int = 0) -> str:
        environment = {"COLUMNS": "200", "SYNCD_DATABASE_URL": self.url}
        done = CliRunner().invoke(app, list(arguments), env=environment)
        assert done.exit_code == code, f"{arguments}: {done.output}\n{done.exception!r}"
        return done.stdout

    def on(self, command: str, *arguments: str, code: int = 0) -> str:
        return self.syncd(command, *arguments, "--config", str(self.config), code=code)

    def sql(self, statement: str) -> list[Any]:
        engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            result = connection.exec_driver_sql(statement)
            return list(result) if result.returns_rows else []

    @property
    def samples(self) -> Any:
        document = self.mongo["datasets"].find_one({"name": DATASET})
        assert document is not None
        return self.mongo[document["sample_collection_name"]]

    def labels(self) -> dict[str, dict[str, Any]]:
        return {
            str(label.get("annotation_id")): label | {"sample": sample}
            for sample in self.samples.find()
            for label in sample["ground_truth"]["detections"]
        }


@pytest.fixture
def lab(tmp_path: Path, mariadb_url: str, mongo_uri: str, fiftyone: Any) -> Iterator[Lab]:
    statements = (FOLDER / "newcomer-mariadb.sql").read_text(encoding="utf-8").replace("FOLDER", str(tmp_path))
    for number in (1, 2):
        Image.new("L", (64, 48), 100 * number).save(tmp_path / f"{number}.png")
    with servers.mongo_client(mongo_uri) as client:
        made = Lab(mariadb_url, client[os.environ["FIFTYONE_DATABASE_NAME"]], tmp_path / "syncd.yaml")
        for statement in statements.split(";\n"):
            made.sql(statement)
        yield made


def test_from_her_schema_to_a_review(lab: Lab) -> None:
    lab.syncd("init", str(lab.config), "--table", "annotation", "--dataset", DATASET, "--yes")
    text = lab.config.read_text()
    assert "kept by ON UPDATE CURRENT_TIMESTAMP" in text
    assert "syncd-state.sqlite" in text
    lab.on("migrate")
    lab.on("ingest", DATASET)
    assert "healthy" in lab.on("doctor")
    found = lab.labels()
    assert sorted(found) == ["1", "2", "3"]
    assert found["1"]["label"] == "Copepoda"
    assert found["1"]["bounding_box"] == [0.125, 0.125, 0.5, 0.5]
    assert found["1"]["sample"]["station"] == "S1"
    lab.on("verify", DATASET)

    now = datetime.now(timezone.utc).replace(tzinfo=None)
    label = found["1"]
    lab.samples.update_one(
        {"_id": label["sample"]["_id"]},
        {"$set": {f"{LIST}.$[it].label": "Ostracoda", f"{LIST}.$[it].verified": True, "last_modified_at": now}},
        array_filters=[{"it._id": label["_id"]}],
    )
    drawn = {"_cls": "Detection", "label": "Copepoda", "bounding_box": [0.25, 0.25, 0.5, 0.5], "tags": []}
    lab.samples.update_one({"_id": found["3"]["sample"]["_id"]}, {"$push": {LIST: drawn | {"_id": ObjectId()}}})
    lab.sql("UPDATE annotation SET deleted_at = UTC_TIMESTAMP(6) WHERE annotation_id = 2")
    lab.sql("UPDATE annotation SET taxon_id = 3 WHERE annotation_id = 3")
    lab.on("reconcile", "--full")
    rows = lab.sql(
        "SELECT annotation_id, scientific_name, verified, `left`, top, width, height FROM annotation "
        "JOIN taxon USING (taxon_id) WHERE deleted_at IS NULL ORDER BY 1"
    )
    assert rows == [
        (1, "Ostracoda", 1, 8, 6, 32, 24),
        (3, "Ostracoda", 0, 8, 6, 32, 24),
        (5, "Copepoda", 0, 16, 12, 32, 24),
    ]
    found = lab.labels()
    assert {name: each["label"] for name, each in found.items()} == {
        "1": "Ostracoda",
        "3": "Ostracoda",
        "5": "Copepoda",
    }
    # What the table gave the new row by itself goes to the label with the next run.
    lab.on("reconcile", "--full")
    assert lab.labels()["5"]["quality"] == "good"
    lab.on("verify", DATASET)
    lab.on("log", "--verify")
