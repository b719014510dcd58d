"""Labels as reviewers, notebooks and the App leave them behind: read whole, and what is odd is named."""

from __future__ import annotations

import json
import math
from datetime import datetime, timezone
from types import ModuleType
from typing import Any

import pytest
from bson import Binary, Decimal128, ObjectId, Regex
from pymongo.database import Database

from integration.adapters.support import GT, Labels, detection, labels_of
from syncd.model import Kind

NEW_YEAR = datetime(2024, 1, 1, tzinfo=timezone.utc)
NOON = datetime(2024, 1, 1, 12, tzinfo=timezone.utc)
Mongo = Database[dict[str, Any]]
KINDS = {
    "note": Kind.TEXT,
    "count": Kind.INTEGER,
    "depth": Kind.FLOAT,
    "verified": Kind.BOOLEAN,
    "day": Kind.DATE,
    "seen": Kind.TIMESTAMP,
    "price": Kind.DECIMAL,
}


@pytest.fixture
def labels(fiftyone: ModuleType, mongo: Mongo) -> Labels:
    """A dataset of detections with undeclared attributes."""
    return labels_of(fiftyone, mongo, kinds=KINDS)


def _hold(labels: Labels, fiftyone: ModuleType, *documents: Any) -> None:
    """One sample whose list holds these documents."""
    labels.dataset.add_sample(fiftyone.Sample(filepath="/1.png", ground_truth=fiftyone.Detections()))
    labels.store("detections", list(documents))


def _problems(labels: Labels, id_: str = "a") -> dict[str, str]:
    text = labels.rows()[id_]["problems"]
    return {} if text is None else dict(json.loads(text))


def test_a_null_label_field_and_an_empty_list_hold_no_labels(labels: Labels, fiftyone: ModuleType) -> None:
    labels.dataset.add_samples(
        [
            fiftyone.Sample(filepath="/null.png"),
            fiftyone.Sample(filepath="/empty.png", ground_truth=fiftyone.Detections()),
            fiftyone.Sample(filepath="/none.png", ground_truth=fiftyone.Detections()),
        ]
    )
    labels.store("detections", None, "/none.png")
    labels.samples.update_one({"filepath": "/null.png"}, {"$unset": {GT: ""}})
    assert labels.rows() == {}
    assert labels.adapter.read_all().complete


def test_null_and_missing_values_are_null_without_a_problem(labels: Labels, fiftyone: ModuleType) -> None:
    _hold(labels, fiftyone, detection(annotation_id="a", **dict.fromkeys([*KINDS, "label"])))
    row = labels.rows()["a"]
    assert all(row[name] is None for name in [*KINDS, "label"])
    assert row["problems"] is None


ODD: list[tuple[str, Any, str]] = [
    ("label", NEW_YEAR, "2024-01-01"),
    ("label", 5, "5"),
    ("label", ["a"], "a"),
    ("label", {"name": "a"}, "name"),
    ("label", True, "true"),
    ("note", ObjectId("6b03dd1e0436f6f28de0993b"), "6b03dd1e0436f6f28de0993b"),
    ("note", Binary(b"xyz"), "eHl6"),
    ("note", Regex("x"), "x"),
    ("count", 3.5, "3.5"),
    ("count", "3", '"3"'),
    ("count", True, "true"),
    ("depth", "deep", "deep"),
    ("depth", True, "true"),
    ("depth", Decimal128("1.5"), "1.5"),
    ("depth", math.inf, "inf"),
    ("verified", 1, "1"),
    ("verified", "yes", "yes"),
    ("day", "2024-01-01", "2024-01-01"),
    ("day", NOON, "12:00"),
    ("seen", 1700000000, "1700000000"),
    ("price", "1.5", "1.5"),
    ("price", math.inf, "inf"),
    ("box", "0.1,0.2", "0.1,0.2"),
    ("box", [0.1, 0.2, "0.3", 0.4], '"0.3"'),
    ("box", ["a", "b", "c", "d"], '"a"'),
    ("box", [0.1, 0.2, 0.3], "0.3"),
    ("box", [0.1, 0.2, 0.3, 0.4, 0.5], "0.5"),
    ("box", [], "[]"),
    ("box", [0.1, None, 0.3, 0.4], "null"),
    ("box", [0.1, math.nan, 0.3, 0.4], "NaN"),
    ("box", {"x": 0.1}, "x"),
]


def test_a_value_of_a_wrong_type_is_named_and_not_taken_for_a_cleared_one(labels: Labels, fiftyone: ModuleType) -> None:
    key = {"box": "bounding_box"}
    odd = [
        detection(annotation_id=str(index), **{key.get(each[0], each[0]): each[1]}) for index, each in enumerate(ODD)
    ]
    _hold(labels, fiftyone, detection(annotation_id="before"), *odd, detection(annotation_id="after"))
    rows = labels.rows()
    for index, (name, value, shown) in enumerate(ODD):
        found = json.loads(rows[str(index)]["problems"] or "{}")
        assert list(found) == [name], value
        assert shown in found[name]
        assert rows[str(index)][name] is None
    assert rows["before"]["problems"] is None
    assert (rows["after"]["problems"], rows["after"]["label"]) == (None, "a")


def test_integers_in_a_float_and_in_a_box_are_numbers(labels: Labels, fiftyone: ModuleType) -> None:
    _hold(labels, fiftyone, detection(annotation_id="a", depth=3, price=7, bounding_box=[0, 0, 1, 1]))
    row = labels.rows()["a"]
    assert (row["depth"], row["price"], row["box"], row["problems"]) == (3.0, "7", [0.0, 0.0, 1.0, 1.0], None)


def test_nan_is_missing_and_no_problem(labels: Labels, fiftyone: ModuleType) -> None:
    _hold(labels, fiftyone, detection(annotation_id="a", depth=math.nan, price=math.nan))
    row = labels.rows()["a"]
    assert (row["depth"], row["price"], row["problems"]) == (None, None, None)


def test_a_time_outside_of_every_calendar_is_a_problem_and_nothing_breaks(labels: Labels, fiftyone: ModuleType) -> None:
    _hold(labels, fiftyone, detection(annotation_id="a"), detection(annotation_id="b", seen=NEW_YEAR))
    # The driver cannot name such a date, but the server can make one.
    beyond = {"$toDate": 2**53}
    detections = {"$concatArrays": [[{"$mergeObjects": [_at(0), {"seen": beyond}]}], [_at(1)]]}
    labels.samples.update_one({}, [{"$set": {f"{GT}.detections": detections}}])
    assert str(2**53) in _problems(labels)["seen"]
    assert labels.rows()["b"]["seen"] == NEW_YEAR


def _at(index: int) -> dict[str, Any]:
    return {"$arrayElemAt": [f"${GT}.detections", index]}


def test_an_element_that_is_no_label_at_all_is_a_row_without_ids(labels: Labels, fiftyone: ModuleType) -> None:
    headless = detection(annotation_id="headless", label=NEW_YEAR)
    del headless["_id"]
    _hold(labels, fiftyone, detection(annotation_id="a"), None, headless, {"label": "x"}, "text", detection(_id="text"))
    rows = labels.adapter.read_all().rows
    assert rows["label_id"].null_count() == 5
    assert rows["annotation_id"].to_list() == ["a", None, "headless", None, None, None]
    assert "2024-01-01" in _problems(labels, "headless")["label"]


def test_twins_of_one_label_id_keep_their_own_problems(labels: Labels, fiftyone: ModuleType) -> None:
    one = detection(annotation_id="a")
    _hold(labels, fiftyone, one, one | {"annotation_id": "b", "label": 5})
    assert _problems(labels, "a") == {}
    assert _problems(labels, "b") == {"label": "5"}


def test_a_field_of_another_shape_is_no_error(labels: Labels, fiftyone: ModuleType) -> None:
    _hold(labels, fiftyone, detection(annotation_id="a"))
    labels.dataset.add_sample(fiftyone.Sample(filepath="/2.png"))
    labels.samples.update_one({"filepath": "/2.png"}, {"$set": {GT: "text"}})
    labels.dataset.add_sample(fiftyone.Sample(filepath="/3.png", ground_truth=fiftyone.Detections()))
    labels.store("detections", {"label": "a"}, "/3.png")
    assert labels.adapter.read_all().rows["annotation_id"].to_list() == ["a", None]


def test_a_dataset_that_fiftyone_cannot_load_is_read_and_written(labels: Labels, fiftyone: ModuleType) -> None:
    _hold(labels, fiftyone, detection(annotation_id="poison", label=NEW_YEAR), detection(annotation_id="a"))
    labels.samples.update_one({}, {"$set": {"undeclared": 1}})
    with pytest.raises(Exception, match=r"undeclared|label"):  # an error of FiftyOne's own
        labels.loaded()
    assert "2024-01-01" in _problems(labels, "poison")["label"]
    assert labels.update("a", "label", "a", "b").after == "b"
    assert labels.update("poison", "label", None, "b").after is None, "a value that nobody could read is no cleared one"
    assert "2024-01-01" in _problems(labels, "poison")["label"]


@pytest.mark.parametrize("label_type", ["Classification", "Classifications"])
def test_the_other_label_types_name_odd_values_too(fiftyone: ModuleType, mongo: Mongo, label_type: str) -> None:
    labels = labels_of(fiftyone, mongo, label_type=label_type, kinds={"depth": Kind.FLOAT})
    label = {"_id": ObjectId(), "_cls": "Classification", "annotation_id": "a", "label": 20240101, "depth": "x"}
    held = label if label_type == "Classification" else {"_cls": label_type, "classifications": [label]}
    labels.dataset.add_sample(fiftyone.Sample(filepath="/1.png"))
    labels.samples.update_one({}, {"$set": {GT: held}})
    assert _problems(labels) == {"label": "20240101", "depth": '"x"'}


def test_an_undeclared_attribute_is_read_and_written_as_the_column_has_it(labels: Labels, fiftyone: ModuleType) -> None:
    _hold(labels, fiftyone, detection(annotation_id="a"))
    values = {"note": "x", "count": 3, "depth": 0.5, "verified": False}
    for name, value in values.items():
        assert labels.update("a", name, None, value).after == value
    [held] = labels.loaded()
    assert {name: held.detections[0][name] for name in values} == values


def test_an_empty_id_is_none(labels: Labels, fiftyone: ModuleType) -> None:
    _hold(labels, fiftyone, detection(annotation_id=""), detection(annotation_id=None), detection())
    assert labels.adapter.read_all().rows["annotation_id"].to_list() == [None] * 3
    for _ in range(3):
        row = labels.rows()[None]
        assert row["label_id"] is not None
        result = labels.update(None, "annotation_id", None, row["label_id"])
        assert result.after == row["label_id"]
    assert labels.adapter.read_all().rows["annotation_id"].null_count() == 0
