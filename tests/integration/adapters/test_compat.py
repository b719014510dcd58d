"""FiftyOne's storage is the one that syncd knows: what its SDK stores is what syncd would store."""

from __future__ import annotations

import logging
from types import ModuleType
from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database

from integration.adapters.support import GT, labels_of
from syncd.adapters.fiftyone import compat
from syncd.adapters.fiftyone.dataset import describe
from syncd.adapters.fiftyone.documents import bare_label, label_field, sample_document
from syncd.errors import MappingError
from syncd.model import LabelType

Mongo = Database[dict[str, Any]]


def shape(value: Any) -> Any:
    """The keys of a stored document and the types of its values, in any depth; a class by its name."""
    if isinstance(value, dict):
        return {key: each if key == "_cls" else shape(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [shape(each) for each in value]
    return type(value).__name__


@pytest.mark.parametrize("label_type", ["Detections", "Classifications", "Classification"])
def test_what_the_sdk_stores_is_what_syncd_would_store(fiftyone: ModuleType, mongo: Mongo, label_type: str) -> None:
    kind = LabelType(label_type)
    dataset = labels_of(fiftyone, mongo, label_type=label_type).dataset
    made = fiftyone.Detection if kind is LabelType.DETECTIONS else fiftyone.Classification
    own = made(label="a", **({"bounding_box": [0.0, 0.0, 1.0, 1.0]} if kind is LabelType.DETECTIONS else {}))
    container = getattr(fiftyone, label_type)
    value = container(**{kind.list_name: [own]}) if kind.list_name else own
    dataset.add_sample(fiftyone.Sample(filepath="/1.png", **{GT: value}))
    document = mongo["datasets"].find_one({"name": dataset.name}) or {}
    stored = mongo[document["sample_collection_name"]].find_one({}) or {}

    label = bare_label(kind, ObjectId()) | {"label": "a"}
    if kind is LabelType.DETECTIONS:
        label["bounding_box"] = [0.0, 0.0, 1.0, 1.0]
    ours = sample_document(ObjectId(), document["_id"], "/1.png", stored[compat.STAMP])
    ours[GT] = label_field(kind, [label])

    assert shape(stored) == shape(ours)
    assert compat.numbers(document["version"])[:2] <= compat.NEWEST
    assert describe(mongo, dataset.name, GT).label_type is kind


def test_the_clean_up_that_is_taken_back_is_there(fiftyone: ModuleType) -> None:
    from fiftyone.core.odm import database

    assert callable(getattr(database, compat.CLEAN_UP))
    assert callable(getattr(database, compat.DISCONNECT))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"$unset": {"sample_collection_name": 1}}, "names no collection of samples"),
        ({"$pull": {"sample_fields": {"name": compat.STAMP}}}, "'last_modified_at' of its samples is absent"),
        (
            {"$set": {"sample_fields.$[each].ftype": "fiftyone.core.fields.ZonedField"}},
            "'last_modified_at' of its samples is declared as fiftyone.core.fields.ZonedField, expected DateTimeField",
        ),
    ],
)
def test_a_dataset_that_is_stored_otherwise_is_refused(
    fiftyone: ModuleType, mongo: Mongo, change: dict[str, Any], why: str
) -> None:
    labels_of(fiftyone, mongo)
    filters = [{"each.name": compat.STAMP}] if "$set" in change else None
    mongo["datasets"].update_one({"name": "odd"}, change, array_filters=filters)
    try:
        with pytest.raises(MappingError, match="otherwise than this syncd knows") as refused:
            describe(mongo, "odd", GT)
        assert why in refused.value.message
        assert "fiftyone migrate --dataset-name odd" in str(refused.value.remedy)
    finally:
        mongo["datasets"].delete_one({"name": "odd"})


@pytest.mark.parametrize(("version", "told"), [("99.0.1", True), ("1.22.1", False), ("1.12.0", False), (None, False)])
def test_a_version_that_was_not_tested_is_named_once(
    caplog: pytest.LogCaptureFixture, version: str | None, told: bool
) -> None:
    compat._warn_once.cache_clear()
    with caplog.at_level(logging.WARNING):
        compat.warn_of_untested(version)
        compat.warn_of_untested(version)
    assert len(caplog.records) == int(told)
    assert ("newer than the versions that this syncd was tested with" in caplog.text) is told
