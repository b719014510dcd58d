"""A data manager's first hour: a schema of keys, flags and pixels that syncd has never seen, and no view or trigger."""

from __future__ import annotations

import json
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
from lab_schemas import SCHEMAS, make
from syncd.cli.main import app

DATASET = "newcomer"
LIST = "ground_truth.detections"


@dataclass
class Newcomer:
    """Her database, her images, and the file that `syncd init --table` wrote."""

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

    def sql(self, statement: str, **values: Any) -> list[Any]:
        engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            result = connection.execute(sa.text(statement), values)
            return list(result) if result.returns_rows else []

    def row(self, number: int) -> Any:
        (found,) = self.sql(
            'SELECT t."ScientificName" AS label, a."Left" AS left, a."Top" AS top, a."Width" AS width, '
            'a."Height" AS height, a."Verified" AS verified, a."DeletedAt" AS deleted, p."Login" AS who, '
            'a."Quality"::text AS quality FROM "Lab"."Annotation" a JOIN "Lab"."Taxon" t USING ("TaxonID") '
            'LEFT JOIN "Lab"."Person" p ON p."PersonID" = a."ReviewedBy" WHERE a."ObjectNo" = :number',
            number=number,
        )
        return found

    @property
    def samples(self) -> Any:
        document = self.mongo["datasets"].find_one({"name": DATASET})
        assert document is not None
        return self.mongo[document["sample_collection_name"]]

    def labels(self) -> dict[str, dict[str, Any]]:
        return {
            str(label.get("annotation_id")).rpartition("|")[2]: label | {"sample": sample}
            for sample in self.samples.find()
            for label in sample["ground_truth"]["detections"]
        }

    def review(self, number: int, update: dict[str, Any]) -> None:
        label = self.labels()[str(number)]
        sets = {f"{LIST}.$[it].{name}": value for name, value in update.items()}
        self.samples.update_one(
            {"_id": label["sample"]["_id"]},
            {"$set": sets | {"last_modified_at": now()}},
            array_filters=[{"it._id": label["_id"]}],
        )

    def agree(self, code: int = 0) -> None:
        """Reconciles all there is, whatever the stamps say."""
        self.on("reconcile", "--full", code=code)


def now() -> datetime:
    return datetime.now(timezone.utc).replace(tzinfo=None)


@pytest.fixture
def newcomer(tmp_path: Path, database_url: str, mongo_uri: str, fiftyone: Any) -> Iterator[Newcomer]:
    make(database_url, next(each for each in SCHEMAS if each.name == "newcomer").statements)
    with servers.mongo_client(mongo_uri) as client:
        made = Newcomer(database_url, client[os.environ["FIFTYONE_DATABASE_NAME"]], tmp_path / "syncd.yaml")
        _put_images(made, tmp_path)
        yield made


def _put_images(made: Newcomer, tmp_path: Path) -> None:
    for number in range(1, 7):
        path = tmp_path / "cruise12" / f"frame_{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("L", (64, 48), number * 30).save(path)
        made.sql(
            'UPDATE "Lab"."Image" SET "FilePath" = :path WHERE "FilePath" LIKE :old',
            path=str(path),
            old=f"%frame_{number}.png",
        )


def test_from_her_schema_to_a_review_without_a_view_or_a_trigger(newcomer: Newcomer) -> None:
    newcomer.syncd("init", str(newcomer.config), "--table", "Lab.Annotation", "--dataset", DATASET, "--yes")
    newcomer.on("migrate")
    newcomer.on("ingest", DATASET)
    assert "healthy" in newcomer.on("doctor")
    found = newcomer.labels()
    # The deleted row is none; the others are boxes of their image, under its name.
    assert sorted(map(int, found)) == list(range(1, 12))
    assert found["2"]["label"] == "Noctiluca"
    assert found["2"]["bounding_box"] == pytest.approx([6 / 64, 4 / 48, 20 / 64, 16 / 48])
    assert found["2"]["sample"]["station"] == "S0"
    assert found["2"]["sample"]["depth_m"] == pytest.approx(31.5)
    newcomer.on("verify", DATASET)

    # She reviews: relabels, verifies, draws, deletes.
    newcomer.review(2, {"label": "Copepoda", "verified": True})
    drawn = ObjectId()
    newcomer.samples.update_one(
        {"_id": found["3"]["sample"]["_id"]},
        {
            "$push": {
                LIST: {
                    "_id": drawn,
                    "_cls": "Detection",
                    "label": "Ostracoda",
                    "bounding_box": [0.25, 0.25, 0.5, 0.5],
                    "tags": [],
                }
            },
            "$set": {"last_modified_at": now()},
        },
    )
    newcomer.samples.update_one(
        {"_id": found["4"]["sample"]["_id"]},
        {"$pull": {LIST: {"_id": found["4"]["_id"]}}, "$set": {"last_modified_at": now()}},
    )
    newcomer.agree(code=3)
    row = newcomer.row(2)
    assert (row.label, row.verified) == ("Copepoda", True)
    row = newcomer.row(13)
    assert (row.label, row.left, row.top, row.width, row.height) == ("Ostracoda", 16, 12, 32, 24)
    assert newcomer.labels()["13"]["_id"] == drawn

    # A deletion is a person's to decide; then the row is flagged, and stays.
    (conflict,) = json.loads(newcomer.on("conflicts", "list", "--json"))["conflicts"]
    assert conflict["kind"] == "deleted_in_fiftyone"
    newcomer.on("conflicts", "resolve", str(conflict["id"]), "--take", "fiftyone")
    newcomer.agree()
    assert newcomer.row(4).deleted is not None
    newcomer.on("verify", DATASET)

    # A colleague works in the database: another taxon, a renamed one, a flag set and one taken away.
    newcomer.sql(
        'UPDATE "Lab"."Annotation" SET "TaxonID" = 3, "Quality" = \'cut\' WHERE "ObjectNo" = 5;'
        'UPDATE "Lab"."Annotation" SET "DeletedAt" = now() WHERE "ObjectNo" = 6;'
        'UPDATE "Lab"."Annotation" SET "DeletedAt" = NULL WHERE "ObjectNo" = 12;'
        'UPDATE "Lab"."Taxon" SET "ScientificName" = \'Noctiluca scintillans\' WHERE "ScientificName" = \'Noctiluca\''
    )
    newcomer.agree()
    found = newcomer.labels()
    assert (found["5"]["label"], found["5"]["quality"]) == ("Ostracoda", "cut")
    assert "6" not in found
    assert "12" in found
    assert {each["label"] for each in found.values()} == {"Copepoda", "Ostracoda", "Noctiluca scintillans"}
    newcomer.on("verify", DATASET)

    # A misspelt taxon is refused with its like, and what was typed is kept.
    newcomer.review(7, {"label": "Copepda"})
    newcomer.agree(code=3)
    assert newcomer.row(7).label != "Copepda"
    (conflict,) = json.loads(newcomer.on("conflicts", "list", "--json"))["conflicts"]
    assert (conflict["kind"], conflict["fiftyone"]) == ("unknown_label", "Copepda")
    assert "Copepoda" in json.dumps(conflict["suggestions"])
    newcomer.on("conflicts", "resolve", str(conflict["id"]), "--take", "database")
    newcomer.agree()

    # The log is whole, and what was done can be taken back.
    newcomer.on("log", "--verify")
    verified = next(
        each
        for each in json.loads(newcomer.on("log", "--json"))["changes"]
        if each["field"] == "verified" and each["direction"] == "to_database"
    )
    newcomer.on("undo", str(verified["seq"]))
    newcomer.agree()
    assert newcomer.row(2).verified is False
    assert newcomer.labels()["2"]["verified"] is False
    newcomer.on("verify", DATASET)
