"""A lab and a dataset in their first agreement, made once and copied for each test, and people who edit both.

What is edited here is edited as others do it: plain SQL on one side; on the other FiftyOne's documents as its SDK
leaves them, value and stamp. The copies are a day old, so that an incremental run finds in them only what is new.
"""

from __future__ import annotations

import functools
import os
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from bson import ObjectId
from pymongo.database import Database

import servers
from syncd.adapters.connect import open_database
from syncd.config import Config, parse_config
from syncd.demo import images, lab
from syncd.demo.data import DemoData
from syncd.demo.dataset import create_dataset
from syncd.engine.options import Options
from syncd.engine.result import RunResult
from syncd.engine.run import reconcile_binding
from syncd.store.migrate import migrate

BINDING = lab.BINDING
IMAGES = 60
SEED = 7
LIST = f"{lab.LABEL_FIELD}.detections"
NO_BRAKES = {"min_rows": 1_000_000}


@dataclass(frozen=True)
class Template:
    """Both sides after their first reconcile: a PostgreSQL database to copy from, and FiftyOne's documents."""

    admin_url: str
    mongo_uri: str
    database: str
    dataset: dict[str, Any]
    samples: tuple[dict[str, Any], ...]
    data: DemoData

    @contextmanager
    def copy(self, **overrides: Any) -> Iterator[World]:
        """A world of its own; ``overrides`` are laid over its binding's configuration."""
        name = f"world_{uuid.uuid4().hex[:12]}"
        with fresh_database(self.admin_url, name, self.database) as url, servers.mongo_client(self.mongo_uri) as client:
            mongo = client[os.environ["FIFTYONE_DATABASE_NAME"]]
            identity = self._copy_dataset(mongo, name)
            world = World(url, self.mongo_uri, mongo, name, self.data, overrides)
            world.sql("UPDATE syncd.cursor SET identity = :identity WHERE side = 'fiftyone'", identity=identity)
            # The copy is a database of another name.
            world.sql(
                "UPDATE syncd.cursor SET identity = replace(identity, :template, :copy) WHERE side = 'database'",
                template=self.database,
                copy=name,
            )
            try:
                yield world
            finally:
                for document in mongo["datasets"].find({"name": name}):
                    mongo[document["sample_collection_name"]].drop()
                    mongo["datasets"].delete_one({"_id": document["_id"]})

    def drop(self) -> None:
        """Drops the database that worlds are copied from."""
        with servers.engine_for_admin(self.admin_url).connect() as connection:
            connection.exec_driver_sql(f'DROP DATABASE IF EXISTS "{self.database}" WITH (FORCE)')

    def _copy_dataset(self, mongo: Database[dict[str, Any]], name: str) -> str:
        """The same samples and labels under another dataset's name; returns its identity."""
        own = ObjectId()
        collection = f"samples.{own}"
        mongo[collection].insert_many([each | {"_dataset_id": own} for each in self.samples])
        mongo[collection].create_index("last_modified_at")
        mongo[collection].create_index("filepath")
        mongo[collection].create_index(f"{LIST}.annotation_id")
        mongo["datasets"].insert_one(
            self.dataset
            | {"_id": own, "name": name, "slug": name.replace("_", "-"), "sample_collection_name": collection}
        )
        return f"{own}/{collection}"


@contextmanager
def fresh_database(admin_url: str, name: str | None = None, template: str = "template1") -> Iterator[str]:
    """The URL of a new database, dropped afterwards, whoever is still connected."""
    name = name or f"syncd_test_{uuid.uuid4().hex[:12]}"
    with servers.engine_for_admin(admin_url).connect() as connection:
        connection.exec_driver_sql(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    try:
        yield sa.make_url(admin_url).set(database=name).render_as_string(hide_password=False)
    finally:
        with servers.engine_for_admin(admin_url).connect() as connection:
            connection.exec_driver_sql(f'DROP DATABASE "{name}" WITH (FORCE)')


@functools.cache
def template(admin_url: str, mongo_uri: str) -> Template:
    """The template of this session's servers."""
    data = images.generate(Path(tempfile.mkdtemp(prefix="syncd-test-worlds-")), IMAGES, SEED)
    name = f"syncd_test_{uuid.uuid4().hex[:12]}"
    with servers.engine_for_admin(admin_url).connect() as connection:
        connection.exec_driver_sql(f'CREATE DATABASE "{name}"')
    url = sa.make_url(admin_url).set(database=name).render_as_string(hide_password=False)
    lab.create_lab(url, data)
    create_dataset(name, data)
    with open_database(url) as connection:
        migrate(connection, "syncd")
    connection.engine.dispose()
    with servers.mongo_client(mongo_uri) as client:
        mongo = client[os.environ["FIFTYONE_DATABASE_NAME"]]
        world = World(url, mongo_uri, mongo, name, data, {})
        first = world.reconcile()
        assert first.plan is not None and first.plan.is_empty and first.plan.counts.first_met == len(data.rows)
        world.age(timedelta(days=1))
        dataset = mongo["datasets"].find_one({"name": name})
        assert dataset is not None
        samples = tuple(world.samples.find())
        world.samples.drop()
        mongo["datasets"].delete_one({"_id": dataset["_id"]})
    return Template(admin_url, mongo_uri, name, dataset, samples, data)


@dataclass(frozen=True)
class World:
    """One lab, one dataset, one binding. Ids are annotation ids throughout."""

    url: str
    mongo_uri: str
    mongo: Database[dict[str, Any]]
    dataset: str
    data: DemoData
    overrides: Mapping[str, Any]

    # The run

    def document(self, **overrides: Any) -> dict[str, Any]:
        """The configuration as it would stand in the file."""
        document = lab.demo_config(self.url, self.mongo_uri, self.mongo.name, self.dataset)
        for part in (dict(self.overrides), overrides):
            state = part.pop("state", None)
            if state is not None:
                document["state"] = state
            document["bindings"][0] |= part
        return document

    def config(self, **overrides: Any) -> Config:
        """The configuration, checked."""
        return self.parse(self.document(**overrides))

    @staticmethod
    def parse(document: dict[str, Any]) -> Config:
        """A configuration that was changed by hand."""
        return parse_config(document)

    def reconcile(self, *, config: Config | None = None, **options: Any) -> RunResult:
        """One run."""
        return reconcile_binding(config or self.config(), BINDING, Options(**options))

    def until_quiet(self, *, config: Config | None = None, most: int = 4) -> list[RunResult]:
        """Runs until there is nothing more to do."""
        results = []
        for _ in range(most):
            results.append(self.reconcile(config=config))
            if not results[-1].recorded:
                return results
        raise AssertionError(f"not quiet after {most} runs: {results[-1].recorded}")

    # The database

    def sql(self, statement: str, **parameters: Any) -> list[dict[str, Any]]:
        """One statement in a transaction of its own."""
        engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            result = connection.execute(sa.text(statement), parameters)
            return [dict(row) for row in result.mappings()] if result.returns_rows else []

    def correct(self, annotation_id: str, **columns: Any) -> None:
        """The curator changes a row."""
        sets = ", ".join(f"{name} = :{name}" for name in columns)
        self.sql(
            f"UPDATE annotation SET {sets}, updated_by = 'curator' WHERE annotation_id = :id",
            id=annotation_id,
            **columns,
        )

    def add_row(self, image: Path | str, label: str, annotation_id: str | None = None) -> str:
        """The curator adds a row."""
        box = (0.1, 0.1, 0.3, 0.3)
        chosen = annotation_id or str(uuid.uuid4())
        self.sql("INSERT INTO media VALUES (DEFAULT, :uri, 8, 8) ON CONFLICT DO NOTHING", uri=str(image))
        self.sql(
            "INSERT INTO annotation (annotation_id, media_uri, label, x, y, w, h, updated_by) "
            "VALUES (:id, :uri, :label, :x, :y, :w, :h, 'curator')",
            id=chosen,
            uri=str(image),
            label=label,
            **dict(zip("xywh", box, strict=True)),
        )
        return chosen

    def remove_row(self, annotation_id: str) -> None:
        """The curator deletes a row."""
        self.sql("DELETE FROM annotation WHERE annotation_id = :id", id=annotation_id)

    def rows(self) -> dict[str, dict[str, Any]]:
        """The lab's table, each row as FiftyOne would have it."""
        return {
            str(row["annotation_id"]): {
                "label": row["label"],
                "box": [None if row[name] is None else float(row[name]) for name in "xywh"],
                "depth": None if row["depth_m"] is None else float(row["depth_m"]),
                "verified": row["verified"],
            }
            for row in self.sql("SELECT * FROM annotation")
        }

    # FiftyOne

    @property
    def samples(self) -> Any:
        """The dataset's collection of samples."""
        document = self.mongo["datasets"].find_one({"name": self.dataset})
        assert document is not None
        return self.mongo[document["sample_collection_name"]]

    def raw_labels(self) -> list[dict[str, Any]]:
        """Every label's document, with its sample's id under ``sample``."""
        return [
            label | {"sample": sample["_id"]}
            for sample in self.samples.find().sort("_id")
            for label in (sample.get(lab.LABEL_FIELD) or {}).get("detections") or []
        ]

    def labels(self) -> dict[str, dict[str, Any]]:
        """FiftyOne's side by annotation id (``label:…`` where there is none), each label as the lab would have it."""
        return {
            str(each.get("annotation_id") or f"label:{each['_id']}"): {
                "label": each.get("label"),
                "box": each.get("bounding_box"),
                "depth": each.get("depth"),
                "verified": each.get("verified"),
            }
            for each in self.raw_labels()
        }

    def place(self, annotation_id: str) -> tuple[ObjectId, ObjectId]:
        """(sample, label) of an annotation."""
        found = next(each for each in self.raw_labels() if each.get("annotation_id") == annotation_id)
        return found["sample"], found["_id"]

    def review(self, annotation_id: str, /, *, stamp: datetime | None = None, **values: Any) -> None:
        """A reviewer changes attributes of a label; ``None`` removes one."""
        sample, label = self.place(annotation_id)
        sets = {f"{LIST}.$[it].{name}": value for name, value in values.items() if value is not None}
        unsets = {f"{LIST}.$[it].{name}": "" for name, value in values.items() if value is None}
        update: dict[str, Any] = {"$set": sets | {"last_modified_at": stamp or utc()}}
        if unsets:
            update["$unset"] = unsets
        done = self.samples.update_one({"_id": sample}, update, array_filters=[{"it._id": label}])
        assert done.matched_count == 1

    def draw(self, image: Path | str, label: str, *, label_id: ObjectId | None = None, **values: Any) -> ObjectId:
        """A reviewer draws a label, as the App does it: without an annotation id."""
        own = label_id or ObjectId()
        document = {"_id": own, "_cls": "Detection", "label": label, "bounding_box": [0.5, 0.5, 0.2, 0.2]} | values
        done = self.samples.update_one(
            {"filepath": str(image)}, {"$push": {LIST: document}, "$set": {"last_modified_at": utc()}}
        )
        assert done.matched_count == 1
        return own

    def erase(self, annotation_id: str) -> None:
        """A reviewer deletes a label."""
        sample, label = self.place(annotation_id)
        self.samples.update_one({"_id": sample}, {"$pull": {LIST: {"_id": label}}, "$set": {"last_modified_at": utc()}})

    # syncd's own tables

    def log(self, *statuses: str) -> list[dict[str, Any]]:
        """The change log in order, of these statuses or all."""
        entries = self.sql("SELECT * FROM syncd.change ORDER BY seq")
        return [each for each in entries if not statuses or each["status"] in statuses]

    def conflicts(self, status: str = "open") -> list[dict[str, Any]]:
        """Conflicts of that status."""
        return self.sql("SELECT * FROM syncd.conflict WHERE status = :status ORDER BY id", status=status)

    def baseline(self) -> dict[str, dict[str, Any]]:
        """The baseline's values by annotation id."""
        return {row["annotation_id"]: row["fields"] for row in self.sql("SELECT * FROM syncd.baseline")}

    def cursors(self) -> dict[str, dict[str, Any]]:
        """The cursors by side."""
        return {row["side"]: row for row in self.sql("SELECT * FROM syncd.cursor")}

    def runs(self) -> list[dict[str, Any]]:
        """The runs, the oldest first."""
        return self.sql("SELECT * FROM syncd.run ORDER BY started_at")

    # Both

    def disagreements(self) -> dict[str, tuple[Any, Any]]:
        """{id: (label, row)} wherever plain comparison finds a difference; 0.01 is the lab's own precision."""
        labels, rows = self.labels(), self.rows()
        return {
            each: (labels.get(each), rows.get(each))
            for each in sorted(labels.keys() | rows.keys())
            if not _alike(labels.get(each), rows.get(each))
        }

    def age(self, by: timedelta) -> None:
        """Makes every stamp older, as if nothing had been touched since."""
        self.sql("ALTER TABLE annotation DISABLE TRIGGER annotation_touch")
        self.sql("UPDATE annotation SET updated_at = updated_at - :by", by=by)
        self.sql("ALTER TABLE annotation ENABLE TRIGGER annotation_touch")
        milliseconds = int(by.total_seconds() * 1000)
        self.samples.update_many(
            {}, [{"$set": {"last_modified_at": {"$subtract": ["$last_modified_at", milliseconds]}}}]
        )


def _alike(label: dict[str, Any] | None, row: dict[str, Any] | None) -> bool:
    if label is None or row is None:
        return False
    boxes = zip(label["box"], row["box"], strict=True)
    return all(label[name] == row[name] for name in ("label", "depth", "verified")) and all(
        abs(one - two) < 1e-9 for one, two in boxes
    )


def utc() -> datetime:
    """This machine's time as FiftyOne's SDK stores it."""
    return datetime.now(timezone.utc).replace(tzinfo=None)


def at_step(wanted: Any, act: Callable[[], None], *, times: int = 1) -> Callable[[Any], None]:
    """An observer of steps that acts when the step is reached, the first ``times`` times."""
    left = [times]

    def observer(step: Any) -> None:
        if step is wanted and left[0]:
            left[0] -= 1
            act()

    return observer
