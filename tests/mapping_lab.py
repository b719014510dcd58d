"""A laboratory with tables of its own, a dataset ingested from them, and people who edit both."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from bson import ObjectId
from PIL import Image

import servers
from syncd.adapters.connect import open_database
from syncd.config import Config, parse_config
from syncd.engine.options import Options
from syncd.engine.result import RunResult
from syncd.engine.run import reconcile_binding
from syncd.ingest.result import IngestResult
from syncd.ingest.run import IngestOptions, ingest
from syncd.store.migrate import migrate

LABELS = "ground_truth"


@dataclass
class MappingLab:
    """Tables in ``url``, images of ``size`` pixels in ``folder``, and one binding, ``lab``."""

    url: str
    mongo_uri: str
    folder: Path
    binding: dict[str, Any]
    size: tuple[int, int] = (200, 100)
    dataset: str = field(default_factory=lambda: f"mapping_{uuid.uuid4().hex[:12]}")

    # The database

    def sql(self, statement: str, **parameters: Any) -> list[dict[str, Any]]:
        """One statement in a transaction of its own, as the lab's people and programs write it."""
        engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            if not parameters:
                result = connection.execution_options(no_parameters=True).exec_driver_sql(statement)
            else:
                result = connection.execute(sa.text(statement), parameters)
            return [dict(row) for row in result.mappings()] if result.returns_rows else []

    # The runs

    def config(self, **binding: Any) -> Config:
        """The configuration, checked; ``binding`` is laid over the lab's own."""
        document = {
            "fiftyone": {"database_uri": self.mongo_uri, "database_name": os.environ["FIFTYONE_DATABASE_NAME"]},
            "database": {"url": self.url},
            "bindings": [
                {
                    "name": "lab",
                    "dataset": self.dataset,
                    "label_field": LABELS,
                    "sample_key": "media_uri",
                    "ingest": {"media": str(self.folder)},
                    "brakes": {"min_rows": 1_000_000},
                }
                | self.binding
                | binding
            ],
        }
        return parse_config(document)

    def ingest(self, **options: Any) -> IngestResult:
        """One ingest."""
        return ingest(self.config(), "lab", IngestOptions(**options))

    def reconcile(self, *, binding: dict[str, Any] | None = None, **options: Any) -> RunResult:
        """One run."""
        return reconcile_binding(self.config(**(binding or {})), "lab", Options(**options))

    def until_quiet(self, most: int = 4) -> list[RunResult]:
        """Runs until there is nothing more to do."""
        results = []
        for _ in range(most):
            results.append(self.reconcile())
            if not results[-1].recorded:
                return results
        raise AssertionError(f"not quiet after {most} runs: {results[-1].recorded}")

    def log(self, *statuses: str) -> list[dict[str, Any]]:
        """The change log in order, of these statuses or all."""
        entries = self.sql("SELECT * FROM syncd.change ORDER BY seq")
        return [each for each in entries if not statuses or each["status"] in statuses]

    def conflicts(self) -> list[dict[str, Any]]:
        """Open conflicts."""
        return self.sql("SELECT * FROM syncd.conflict WHERE status = 'open' ORDER BY id")

    # FiftyOne

    @contextmanager
    def samples(self) -> Iterator[Any]:
        """The dataset's collection."""
        with servers.mongo_client(self.mongo_uri) as client:
            database = client[os.environ["FIFTYONE_DATABASE_NAME"]]
            found = database["datasets"].find_one({"name": self.dataset})
            assert found is not None
            yield database[found["sample_collection_name"]]

    def documents(self) -> list[dict[str, Any]]:
        """The samples as stored, by media."""
        with self.samples() as samples:
            return list(samples.find().sort("media_uri"))

    def labels(self) -> dict[str, dict[str, Any]]:
        """The labels by annotation id (``label:…`` where there is none)."""
        return {
            str(each.get("annotation_id") or f"label:{each['_id']}"): each
            for document in self.documents()
            for each in (document.get(LABELS) or {}).get("detections") or []
        }

    def named(self) -> dict[str, str]:
        """{annotation id: label}."""
        return {each: label["label"] for each, label in self.labels().items()}

    def review(self, annotation_id: str, **values: Any) -> None:
        """A reviewer changes attributes of a label; ``None`` removes one."""
        path = f"{LABELS}.detections.$[it]"
        sets = {f"{path}.{name}": value for name, value in values.items() if value is not None}
        unsets = {f"{path}.{name}": "" for name, value in values.items() if value is None}
        update: dict[str, Any] = {"$set": sets | {"last_modified_at": _now()}}
        if unsets:
            update["$unset"] = unsets
        which = {f"{LABELS}.detections.annotation_id": annotation_id}
        with self.samples() as samples:
            done = samples.update_one(which, update, array_filters=[{"it.annotation_id": annotation_id}])
        assert done.matched_count == 1

    def draw(self, media: str, label: str, **values: Any) -> None:
        """A reviewer draws a label, as the App does it: without an annotation id."""
        document = {"_id": ObjectId(), "_cls": "Detection", "label": label, "bounding_box": [0.5, 0.5, 0.2, 0.2]}
        pushed = {f"{LABELS}.detections": document | values}
        with self.samples() as samples:
            done = samples.update_one({"media_uri": media}, {"$push": pushed, "$set": {"last_modified_at": _now()}})
        assert done.matched_count == 1

    def erase(self, annotation_id: str) -> None:
        """A reviewer deletes a label."""
        pulled = {f"{LABELS}.detections": {"annotation_id": annotation_id}}
        with self.samples() as samples:
            done = samples.update_one(
                {f"{LABELS}.detections.annotation_id": annotation_id},
                {"$pull": pulled, "$set": {"last_modified_at": _now()}},
            )
        assert done.modified_count == 1


def _now() -> datetime:
    return datetime.now(timezone.utc).replace(tzinfo=None)


@contextmanager
def mapping_lab(
    url: str, mongo_uri: str, folder: Path, statements: Sequence[str], binding: dict[str, Any], media: Sequence[str]
) -> Iterator[MappingLab]:
    """A lab after these statements, with these images; its dataset is gone afterwards."""
    lab = MappingLab(url, mongo_uri, folder, binding)
    for name in media:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", lab.size, color=90).save(folder / name)
    for statement in statements:
        lab.sql(statement)
    with open_database(url) as connection:
        migrate(connection, "syncd")
    connection.engine.dispose()
    try:
        yield lab
    finally:
        with servers.mongo_client(mongo_uri) as client:
            database = client[os.environ["FIFTYONE_DATABASE_NAME"]]
            for each in database["datasets"].find({"name": lab.dataset}):
                database[each["sample_collection_name"]].drop()
                database["datasets"].delete_one({"_id": each["_id"]})
