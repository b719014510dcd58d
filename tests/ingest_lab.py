"""A folder of images and a table that names them, from which a dataset is to be made."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
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

TABLE = """
CREATE TABLE annotation (
    annotation_id text PRIMARY KEY, media_uri text, label text, x float8, y float8, w float8, h float8,
    depth_m numeric(8, 2), verified boolean, width_px int, height_px int,
    guess text, score float8, second text, second_score float8,
    updated_at timestamptz NOT NULL DEFAULT now(), updated_by text)
"""
COLUMNS = ("annotation_id", "media_uri", "label", "x", "y", "w", "h")
CLASSES = ("Copepoda", "Diatom", "Ciliate")


@dataclass
class IngestLab:
    """Images in ``folder``, rows in ``url``, and the binding that ties them to ``dataset``."""

    url: str
    mongo_uri: str
    folder: Path
    dataset: str = field(default_factory=lambda: f"ingest_{uuid.uuid4().hex[:12]}")

    def image(self, name: str, size: tuple[int, int] = (12, 8), mode: str = "L") -> Path:
        """A small image of its own."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new(mode, size, color=len(name) % 200).save(path)
        return path

    def row(self, annotation_id: str, media: str | None, label: str | None = "Copepoda", **more: Any) -> None:
        """One row; its box is the whole image unless given as ``box``."""
        box = more.pop("box", (0.0, 0.0, 1.0, 1.0))
        values = {"annotation_id": annotation_id, "media_uri": media, "label": label} | dict(
            zip("xywh", box, strict=True)
        )
        self.rows([values | more])

    def rows(self, rows: list[dict[str, Any]]) -> None:
        """Many rows."""
        names = list(rows[0])
        given = ", ".join(f":{name}" for name in names)
        engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            connection.execute(sa.text(f"INSERT INTO annotation ({', '.join(names)}) VALUES ({given})"), rows)

    def fill(self, images: int, each: int = 1) -> None:
        """So many images with so many rows each."""
        rows = []
        for number in range(images):
            name = f"image {number:04}.png"
            self.image(name)
            for index in range(each):
                box = (0.1 * index, 0.0, 0.1, 1.0) if each > 1 else (0.0, 0.0, 1.0, 1.0)
                label = CLASSES[(number + index) % len(CLASSES)]
                values = (f"a-{number:04}-{index}", name, label, *box)
                rows.append(dict(zip(COLUMNS, values, strict=True)))
        self.rows(rows)

    def sql(self, statement: str, **parameters: Any) -> list[dict[str, Any]]:
        """One statement in a transaction of its own."""
        engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            result = connection.execute(sa.text(statement), parameters)
            return [dict(row) for row in result.mappings()] if result.returns_rows else []

    def document(self, **binding: Any) -> dict[str, Any]:
        """The configuration as it would stand in the file; ``s3`` is its own section, ``columns`` are added to."""
        sections = {name: binding.pop(name) for name in ("s3", "credentials") if name in binding}
        columns = {"id": "annotation_id", "label": "label", "box": ["x", "y", "w", "h"], "media": "media_uri"}
        columns |= {"updated_at": "updated_at", "updated_by": "updated_by"} | dict(binding.pop("columns", {}))
        ingest_section: Mapping[str, Any] = {"media": str(self.folder)} | dict(binding.pop("ingest", {}))
        return {
            "fiftyone": {"database_uri": self.mongo_uri, "database_name": os.environ["FIFTYONE_DATABASE_NAME"]},
            "database": {"url": self.url},
            "bindings": [
                {
                    "name": "lab",
                    "dataset": self.dataset,
                    "label_field": "ground_truth",
                    "table": "annotation",
                    "columns": {name: value for name, value in columns.items() if value is not None},
                    "sample_key": "media_uri",
                    "attributes": {"depth": {"column": "depth_m"}, "verified": {"column": "verified"}},
                    "ingest": {name: value for name, value in ingest_section.items() if value is not None},
                }
                | binding
            ],
            **sections,
        }

    def config(self, **binding: Any) -> Config:
        """The configuration, checked."""
        return parse_config(self.document(**binding))

    def ingest(self, config: Config | None = None, **options: Any) -> IngestResult:
        """One ingest."""
        return ingest(config or self.config(), "lab", IngestOptions(**options))

    def reconcile(self, config: Config | None = None, **options: Any) -> RunResult:
        """One reconcile."""
        return reconcile_binding(config or self.config(), "lab", Options(**options))

    def loaded(self) -> Any:
        """The dataset by FiftyOne's SDK."""
        import fiftyone as fo

        dataset = fo.load_dataset(self.dataset)
        dataset.reload()
        return dataset

    def documents(self) -> list[dict[str, Any]]:
        """The samples as stored, by media."""
        with servers.mongo_client(self.mongo_uri) as client:
            database = client[os.environ["FIFTYONE_DATABASE_NAME"]]
            found = database["datasets"].find_one({"name": self.dataset})
            assert found is not None
            return list(database[found["sample_collection_name"]].find().sort("media_uri"))


@contextmanager
def ingest_lab(url: str, mongo_uri: str, folder: Path) -> Iterator[IngestLab]:
    """A lab without images or rows; its dataset is gone afterwards."""
    lab = IngestLab(url, mongo_uri, folder)
    lab.sql(TABLE)
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
