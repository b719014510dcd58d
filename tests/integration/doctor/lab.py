"""A small lab on real servers, in which all is well until a test breaks something."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from types import ModuleType
from typing import Any

import sqlalchemy as sa
import yaml
from bson import ObjectId
from pymongo import IndexModel
from pymongo.collection import Collection
from pymongo.database import Database

from syncd.config import Config, parse_config
from syncd.doctor import Finding, diagnose

TEMPLATE = "plankton-template"
PATH = "ground_truth.detections"
SIZE = 6
IDS = [f"00000000-0000-4000-8000-{index:012d}" for index in range(SIZE)]
MEDIA = [f"/images/{index}.png" for index in range(SIZE)]
PASSWORD = "Tr0ub4dor&3"

TABLES = """
CREATE TABLE media (media_uri text PRIMARY KEY, camera text);
CREATE TABLE annotation (
    annotation_id uuid PRIMARY KEY DEFAULT gen_random_uuid(), media_uri text NOT NULL, label text,
    x float8, y float8, w float8, h float8, depth_m numeric(8, 2), verified boolean NOT NULL DEFAULT false,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(), updated_by text);
CREATE INDEX ON annotation (updated_at);
CREATE VIEW annotation_with_media AS SELECT a.*, m.camera FROM annotation a LEFT JOIN media m USING (media_uri);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN NEW.updated_at := clock_timestamp(); RETURN NEW; END $$;
CREATE TRIGGER touched BEFORE UPDATE ON annotation FOR EACH ROW EXECUTE FUNCTION touch();
"""


class _Shell(yaml.SafeLoader):
    """YAML in which ``!id`` is an ObjectId."""


_Shell.add_constructor("!id", lambda loader, node: ObjectId(node.value or None))


@dataclass
class Lab:
    """Both sides of one binding; ``binding`` and ``settings`` are what the configuration is made of."""

    url: str
    mongo: Database[dict[str, Any]]
    mongo_uri: str
    binding: dict[str, Any]
    settings: dict[str, Any] = field(default_factory=dict)

    def sql(self, statements: str, *, url: str | None = None) -> None:
        engine = sa.create_engine(url or self.url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(statements.replace("%", "%%"))

    @property
    def fo(self) -> ModuleType:
        import fiftyone

        return fiftyone

    @cached_property
    def dataset(self) -> Any:
        return self.fo.load_dataset(self.binding["dataset"])

    @cached_property
    def samples(self) -> Collection[dict[str, Any]]:
        document = self.mongo["datasets"].find_one({"name": self.binding["dataset"]})
        assert document is not None
        return self.mongo[document["sample_collection_name"]]

    def _in_mongosh(self, remedy: str, right: object) -> None:
        """Run an ``updateOne`` without a shell: its arguments are nearly YAML."""
        place = f'db.getSiblingDB("{self.mongo.name}").getCollection("{self.samples.name}").updateOne('
        given = remedy.removeprefix(f"Run in mongosh: {place}")
        assert given != remedy
        given = re.sub(r'ObjectId\("(\w+)"\)', r"!id \1", given.removesuffix(")")).replace("ObjectId()", "!id ''")
        arguments = yaml.load(f"[{given}]", _Shell)  # noqa: S506 - a safe loader with one more tag
        query, update, *options = arguments
        if isinstance(update, dict):
            placeholders = ("THE RIGHT VALUE", "THE RIGHT LABEL")
            update["$set"] = {path: right if each in placeholders else each for path, each in update["$set"].items()}
        filters = options[0]["arrayFilters"] if options else None
        assert self.samples.update_one(query, update, array_filters=filters).modified_count == 1

    @property
    def config(self) -> Config:
        base = {
            "fiftyone": {"database_uri": self.mongo_uri, "database_name": self.mongo.name},
            "database": {"url": self.url},
            "bindings": [self.binding],
        }
        return parse_config(base | self.settings)

    def diagnose(self) -> list[Finding]:
        return list(diagnose(self.config))

    def finding(self, check: str, scope: str = "plankton") -> Finding:
        """The finding of one check; what comes after it is not looked at."""
        with closing(diagnose(self.config)) as findings:  # type: ignore[type-var]
            seen: list[str] = []
            for each in findings:
                if (each.scope, each.check) == (scope, check):
                    return each
                seen.append(each.check)
        raise AssertionError(f"{check!r} is not one of {seen}")

    def follow(self, finding: Finding, right: object = None) -> None:
        """Do what the remedy says, which must be a command that can be copied; ``right`` is the value to fill in."""
        assert finding.remedy is not None
        if finding.remedy.startswith("Run in mongosh: "):
            self._in_mongosh(finding.remedy, right)
            return
        command = finding.remedy.removeprefix("Run: ")
        if command.startswith("python -c "):
            exec(shlex.split(command)[2])  # noqa: S102 - what the remedy says is what is tested
            return
        self.sql(finding.remedy.removeprefix("Run in the database: ").partition("; Then")[0].partition("; Or")[0])


def find(findings: Sequence[Finding], check: str, scope: str) -> Finding:
    found = [each for each in findings if (each.scope, each.check) == (scope, check)]
    assert len(found) == 1, f"{check!r} is not one of {[each.check for each in findings if each.scope == scope]}"
    return found[0]


def wanting(findings: Sequence[Finding], *statuses: str) -> list[tuple[str, str, str]]:
    """What is not well, short enough to be compared."""
    chosen = statuses or ("warning", "fault", "skipped")
    return [(each.scope, each.check, each.detail) for each in findings if each.status in chosen]


def change(path: str, value: object) -> Callable[[Lab], object]:
    """A raw write to the first sample, such as a script or the App's own route makes."""
    return lambda lab: lab.samples.update_one({"filepath": MEDIA[0]}, {"$set": {path: value}})


def binding(dataset: str) -> dict[str, Any]:
    return {
        "name": "plankton",
        "dataset": dataset,
        "label_field": "ground_truth",
        "table": "public.annotation",
        "read": "public.annotation_with_media",
        "columns": {
            "id": "annotation_id",
            "label": "label",
            "box": ["x", "y", "w", "h"],
            "media": "media_uri",
            "updated_at": "updated_at",
            "updated_by": "updated_by",
        },
        "attributes": {"depth": {"column": "depth_m"}, "verified": {"column": "verified", "direction": "both"}},
    }


def rows() -> str:
    values = ", ".join(
        f"('{each}', '{media}', 'Copepod', 0.1, 0.2, 0.3, 0.4, 5.5)" for each, media in zip(IDS, MEDIA, strict=True)
    )
    return f"INSERT INTO annotation (annotation_id, media_uri, label, x, y, w, h, depth_m) VALUES {values}"


def samples(fo: ModuleType) -> list[Any]:
    return [
        fo.Sample(
            filepath=media,
            ground_truth=fo.Detections(
                detections=[
                    fo.Detection(
                        label="Copepod",
                        bounding_box=[0.1, 0.2, 0.3, 0.4],
                        annotation_id=each,
                        depth=5.5,
                        verified=False,
                    )
                ]
            ),
        )
        for each, media in zip(IDS, MEDIA, strict=True)
    ]


def copy_dataset(mongo: Database[dict[str, Any]], name: str) -> None:
    """Copy the template as FiftyOne would, in a fiftieth of the time."""
    document = mongo["datasets"].find_one({"name": TEMPLATE})
    assert document is not None
    original = mongo[document["sample_collection_name"]]
    identity = ObjectId()
    samples = mongo[f"samples.{identity}"]
    samples.insert_many([{**each, "_dataset_id": identity} for each in original.find()])
    keys = [each["key"] for each in original.index_information().values()]
    samples.create_indexes([IndexModel(key) for key in keys if key != [("_id", 1)]])
    mongo["datasets"].insert_one(
        {**document, "_id": identity, "name": name, "slug": name, "sample_collection_name": samples.name}
    )


def remove_dataset(mongo: Database[dict[str, Any]], name: str) -> None:
    for document in mongo["datasets"].find({"name": name}):
        mongo.drop_collection(document["sample_collection_name"])
        mongo["datasets"].delete_one({"_id": document["_id"]})
