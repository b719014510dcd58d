"""Edits as people make them on either side, without syncd; and the passing of time."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import pymongo
import sqlalchemy as sa
from bson import ObjectId
from pymongo import UpdateOne
from pymongo.collection import Collection

from benchmarks.build import AGE
from benchmarks.data import CLASSES, annotation_id
from benchmarks.errors import BenchmarkError
from benchmarks.place import DATASET, ID_ATTRIBUTE, TABLE, Place, Shape
from syncd.model import Side

SEED = 20240607
BATCH = 1_000


@dataclass(frozen=True)
class Edit:
    """One label to be changed: where it stands, what it says, and what it is to say."""

    annotation_id: str
    sample_id: ObjectId
    label_id: ObjectId
    old: str
    new: str


class Editor:
    """Both sides, as a reviewer and a curator reach them."""

    def __init__(self, place: Place, samples: Collection[dict[str, Any]], database: sa.Connection) -> None:
        self.place = place
        self.samples = samples
        self.database = database

    def choose(self, side: Side, count: int) -> list[Edit]:
        """Labels for the people of one side; those of the other are never among them.

        Each becomes the next class after what it is now. Were both sides given the same labels, what one run wrote
        to FiftyOne could be taken back by the next edit, and syncd would rightly ask a person about it.
        """
        own = range(0 if side is Side.FIFTYONE else 1, self.place.labels, 2)
        chosen = random.Random(SEED + count).sample(own, count)
        ids = [annotation_id(number) for number in chosen]
        return [edit for start in range(0, count, BATCH) for edit in self._found(ids[start : start + BATCH])]

    def _found(self, ids: list[str]) -> Iterator[Edit]:
        path = self.place.shape.path
        wanted = set(ids)
        for document in self.samples.find({f"{path}.{ID_ATTRIBUTE}": {"$in": ids}}, {path: 1}):
            for label in _labels(self.place.shape, document):
                if label[ID_ATTRIBUTE] in wanted:
                    new = CLASSES[(CLASSES.index(label["label"]) + 1) % len(CLASSES)]
                    yield Edit(label[ID_ATTRIBUTE], document["_id"], label["_id"], label["label"], new)

    def in_fiftyone(self, edits: Sequence[Edit]) -> None:
        """Compare-and-sets by label id, each moving its sample's stamp by the server's clock; nothing is read back."""
        written = 0
        for start in range(0, len(edits), BATCH):
            operations = [self._operation(each) for each in edits[start : start + BATCH]]
            written += self.samples.bulk_write(operations, ordered=False).matched_count
        _demand(written, len(edits))

    def _operation(self, edit: Edit) -> UpdateOne:
        path, bump = self.place.shape.path, {"$currentDate": {"last_modified_at": True}}
        if self.place.shape is Shape.CLASSIFICATION:
            query: dict[str, Any] = {"_id": edit.sample_id, f"{path}._id": edit.label_id, f"{path}.label": edit.old}
            return UpdateOne(query, {"$set": {f"{path}.label": edit.new}} | bump)
        seen = {"_id": edit.label_id, "label": edit.old}
        return UpdateOne(
            {"_id": edit.sample_id, path: {"$elemMatch": seen}},
            {"$set": {f"{path}.$[label].label": edit.new}} | bump,
            array_filters=[{f"label.{name}": value for name, value in seen.items()}],
        )

    def in_database(self, edits: Sequence[Edit]) -> None:
        """One UPDATE for all of them, in one transaction."""
        statement = (
            f"UPDATE {TABLE} AS t SET label = v.new, updated_at = clock_timestamp(), updated_by = 'curator' "
            "FROM unnest(%s::uuid[], %s::text[], %s::text[]) AS v(id, old, new) "
            "WHERE t.annotation_id = v.id AND t.label = v.old"
        )
        columns = ([e.annotation_id for e in edits], [e.old for e in edits], [e.new for e in edits])
        with self.database.begin():
            written = self.database.exec_driver_sql(statement, columns).rowcount
        _demand(written, len(edits))

    def age(self) -> None:
        """Lets an hour pass over everything that was stamped since the build."""
        recent, old = datetime.now(timezone.utc) - AGE / 2, datetime.now(timezone.utc) - AGE
        naive = old.replace(tzinfo=None)
        self.samples.update_many(
            {"last_modified_at": {"$gte": recent.replace(tzinfo=None)}}, {"$set": {"last_modified_at": naive}}
        )
        with self.database.begin():
            self.database.exec_driver_sql(f"UPDATE {TABLE} SET updated_at = %s WHERE updated_at >= %s", (old, recent))


def back(edits: Sequence[Edit]) -> list[Edit]:
    """The edits that undo these."""
    return [Edit(e.annotation_id, e.sample_id, e.label_id, e.new, e.old) for e in edits]


def _labels(shape: Shape, document: dict[str, Any]) -> list[dict[str, Any]]:
    found: Any = document
    for part in shape.path.split("."):
        found = found[part]
    return found if shape is Shape.DETECTIONS else [found]


def _demand(written: int, wanted: int) -> None:
    if written != wanted:
        raise BenchmarkError(f"{written} of {wanted} edits were made: the two sides are not as they were built")


@contextmanager
def editor(place: Place) -> Iterator[Editor]:
    """The people of both sides, on connections of their own."""
    engine = sa.create_engine(place.postgres_url, poolclass=sa.NullPool)
    with pymongo.MongoClient[dict[str, Any]](place.mongo_uri) as client, engine.connect() as connection:
        database = client[place.mongo_database]
        dataset = database["datasets"].find_one({"name": DATASET})
        if dataset is None:
            raise BenchmarkError(f"there is no dataset {DATASET!r}: it was not built")
        yield Editor(place, database[dataset["sample_collection_name"]], connection)


WITHIN = timedelta(hours=6)
"""An overlap that reaches back to when everything was built, however long the run takes."""
