"""Partitioned flat here or by the server: the same labels, whatever stands in a document."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import polars as pl
import pytest
from bson import Decimal128, Int64, ObjectId
from polars.testing import assert_frame_equal
from pymongo.collection import Collection

import servers
from syncd.adapters.fiftyone import read
from syncd.adapters.fiftyone.fast_decode import can_be_plain, read_plain
from syncd.adapters.fiftyone.mapping import LabelMapping
from syncd.model import Kind, LabelType

KINDS = {"label": Kind.TEXT, "box": Kind.BOX, "count": Kind.INTEGER, "depth": Kind.FLOAT, "seen": Kind.TIMESTAMP}
NOTHING = object()
WHEN = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
VALUES: dict[str, list[Any]] = {
    "_id": [ObjectId(), "text", None, NOTHING],
    "annotation_id": ["a-1", "", 7, Int64(8), 1.5, ObjectId(), None, NOTHING, {"x": 1}],
    "label": ["copepod", "", "null", "海", WHEN, 3, None, NOTHING, ["x"]],
    "bounding_box": [[0.1, 0.2, 0.3, 0.4], [0, 1, 0.5, 1], [0.1], [], ["a", 0, 0, 0], None, NOTHING, "box", {}],
    "count": [1, Int64(2**40), 1.0, True, "1", None, NOTHING],
    "depth": [1.5, 2, float("nan"), float("inf"), "deep", Decimal128("1.5"), None, NOTHING],
    "seen": [WHEN, "2026", 1, None, NOTHING],
    "tags": [[], ["x", "y"], ["x", 1, None], "x", None, NOTHING],
    "by": ["ada", 1, None, NOTHING],
}
SOUND = {"annotation_id": "a-0", "label": "copepod", "bounding_box": [0.1, 0.2, 0.3, 0.4], "count": 1, "depth": 0.5}


def mapping(label_type: LabelType, **changed: Any) -> LabelMapping:
    given: dict[str, Any] = {
        "label_field": "ground_truth",
        "label_type": label_type,
        "id_attribute": "annotation_id",
        "id_kind": Kind.TEXT,
        "sample_key": "filepath",
        "kinds": {name: kind for name, kind in KINDS.items() if name != "box" or label_type is LabelType.DETECTIONS},
        "actor_attribute": "by",
    }
    return LabelMapping(**given | changed)


def label(*values: tuple[str, Any]) -> dict[str, Any]:
    made = SOUND | {"_id": ObjectId()} | dict(values)
    return {name: value for name, value in made.items() if value is not NOTHING}


def held() -> Iterator[Any]:
    """What may stand in the place of a label: each value alone, then many at random, then what is no label."""
    yield from (label((name, value)) for name, values in VALUES.items() for value in values)
    chance = random.Random(7)
    yield from (label(*((name, chance.choice(values)) for name, values in VALUES.items())) for _ in range(200))
    yield from ({}, None, "text", 3, [], [label()])


def documents(label_type: LabelType) -> Iterator[dict[str, Any]]:
    media = itertools.cycle(["/data/1.png"] * 9 + [None, 7, NOTHING])
    for number, each in enumerate(held()):
        field = each
        if label_type is LabelType.DETECTIONS:
            lists: list[Any] = [[label(), each], [each], [each, each, label()], each]
            field = {"detections": lists[number % 4]}
        document = {
            "_id": ObjectId(),
            "filepath": next(media),
            "ground_truth": field,
            "last_modified_at": WHEN if number % 5 else "yesterday",
            "tags": VALUES["tags"][number % 6],
            "last_modified_by": VALUES["by"][number % 4],
        }
        yield {name: value for name, value in document.items() if value is not NOTHING}
    yield {"_id": ObjectId(), "filepath": "/data/none.png", "last_modified_at": WHEN}
    yield {"_id": ObjectId(), "filepath": "/data/none.png", "last_modified_at": WHEN, "ground_truth": None}
    yield {"_id": ObjectId(), "filepath": "/data/none.png", "last_modified_at": WHEN, "ground_truth": "text"}


@pytest.fixture
def samples(mongo_uri: str) -> Iterator[Collection[dict[str, Any]]]:
    with servers.mongo_client(mongo_uri) as client:
        collection = client["syncd_plain"][f"samples.{ObjectId()}"]
        yield collection
        collection.drop()


@pytest.mark.parametrize("label_type", [LabelType.DETECTIONS, LabelType.CLASSIFICATION])
@pytest.mark.parametrize(
    "changed",
    [{}, {"id_kind": Kind.INTEGER}, {"sample_key": "id"}, {"actor_attribute": None}],
    ids=["text", "integer", "by-sample", "nobody"],
)
def test_it_is_as_the_server_lays_it_flat(
    samples: Collection[dict[str, Any]], label_type: LabelType, changed: dict[str, Any]
) -> None:
    samples.insert_many(documents(label_type))
    labels = mapping(label_type, **changed)
    assert can_be_plain(labels)
    plain = read_plain(samples, labels, {}, None)
    found = pl.concat([plain.rows, *read._unwound(samples, labels, plain.others, None)], how="diagonal")
    wanted = read.flattened(samples, labels, {}, None)
    order = ["sample_id", "position"]
    assert plain.rows.height and plain.others
    assert_frame_equal(found.select(wanted.columns).sort(order), wanted.sort(order))


def test_a_value_that_is_read_in_two_ways_is_left_to_the_server() -> None:
    assert not can_be_plain(mapping(LabelType.DETECTIONS, actor_attribute="count"))
    assert not can_be_plain(mapping(LabelType.DETECTIONS, kinds={"label": Kind.TEXT, "a.b": Kind.TEXT}))
