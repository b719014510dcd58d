"""The dataset itself: what it must be, and what happens when it is no longer what it was."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from types import ModuleType
from typing import Any

import pytest
from pymongo.database import Database

from integration.adapters.support import GT, Labels, detection, labels_of, open_labels
from syncd.adapters.fiftyone.dataset import DatasetChanged, DatasetMissing, describe
from syncd.errors import MappingError
from syncd.model import Kind, LabelType

Mongo = Database[dict[str, Any]]


@pytest.fixture
def labels(fiftyone: ModuleType, mongo: Mongo) -> Labels:
    """Two samples with a label each."""
    found = labels_of(fiftyone, mongo)
    for index in (1, 2):
        label = fiftyone.Detection(label="a", bounding_box=[0, 0, 1, 1], annotation_id=str(index))
        found.dataset.add_sample(
            fiftyone.Sample(filepath=f"/{index}.png", ground_truth=fiftyone.Detections(detections=[label]))
        )
    return found


def test_a_missing_dataset_is_named_with_those_that_are_there(labels: Labels, mongo: Mongo) -> None:
    with pytest.raises(DatasetMissing, match=r"no dataset 'od'; it has .*'odd'"):
        describe(mongo, "od", GT)


def test_a_database_without_datasets_says_so(mongo_database: tuple[str, str], mongo: Mongo) -> None:
    with pytest.raises(DatasetMissing, match="it has none"):
        describe(mongo.client[mongo_database[1]], "odd", GT)


def test_a_missing_field_is_named_with_the_label_fields_there_are(labels: Labels, mongo: Mongo) -> None:
    with pytest.raises(MappingError, match="no field 'truth'; its label fields are 'ground_truth'"):
        describe(mongo, "odd", "truth")


def test_a_field_of_another_type_is_named_with_its_type(labels: Labels, fiftyone: ModuleType, mongo: Mongo) -> None:
    labels.dataset.add_sample_field("shapes", fiftyone.EmbeddedDocumentField, embedded_doc_type=fiftyone.Polylines)
    with pytest.raises(MappingError, match="'filepath' of 'odd' holds StringField, expected Classification"):
        describe(mongo, "odd", "filepath")
    with pytest.raises(MappingError, match="'shapes' of 'odd' holds Polylines"):
        describe(mongo, "odd", "shapes")


def test_an_attribute_of_a_type_that_cannot_be_mapped_is_named(fiftyone: ModuleType, mongo: Mongo) -> None:
    from fiftyone.core.fields import UUIDField

    declared = {"code": UUIDField, "parts": fiftyone.ListField, "count": fiftyone.IntField}
    labels_of(fiftyone, mongo, declared=declared)
    info = describe(mongo, "odd", GT)
    assert info.attribute_kind("count") is Kind.INTEGER
    assert info.attribute_kind("nowhere") is None
    for name in ("code", "parts"):
        with pytest.raises(MappingError, match=f"'{name}' of odd.ground_truth is declared as .*Field, expected"):
            info.attribute_kind(name)


def test_the_label_type_and_the_declared_attributes_are_described(fiftyone: ModuleType, mongo: Mongo) -> None:
    for label_type in ("Classification", "Classifications", "Detections"):
        labels_of(fiftyone, mongo, label_type=label_type, declared={"note": fiftyone.StringField})
        info = describe(mongo, "odd", GT)
        assert info.label_type is LabelType(label_type)
        assert info.attributes["note"] == "StringField"
        assert {"filepath", "tags", GT} <= info.sample_fields


def test_a_renamed_dataset_is_the_same_one(labels: Labels, mongo: Mongo) -> None:
    before = describe(mongo, "odd", GT).identity
    labels.dataset.name = "even"
    assert describe(mongo, "even", GT).identity == before


def test_a_dataset_that_is_dropped_is_missing_and_not_empty(labels: Labels) -> None:
    change = labels.rows()["1"]
    labels.dataset.delete()
    for ask in (
        labels.adapter.origin,
        labels.adapter.read_all,
        lambda: labels.adapter.write([_change(labels, change)]),
    ):
        with pytest.raises(DatasetMissing):
            ask()


def _change(labels: Labels, row: dict[str, Any]) -> Any:
    from integration.adapters.support import change
    from syncd.model import Action

    return change(Action.UPDATE, "1", "label", "a", "b", place=row)


def test_a_dataset_made_anew_under_its_old_name_is_not_read_as_the_old_one(
    labels: Labels, fiftyone: ModuleType, mongo: Mongo
) -> None:
    before, row = labels.adapter.origin(), labels.rows()["1"]
    labels.dataset.delete()
    again = labels_of(fiftyone, mongo)
    again.dataset.add_sample(fiftyone.Sample(filepath="/1.png", ground_truth=fiftyone.Detections()))
    again.store("detections", [detection(annotation_id="1")])
    with pytest.raises(DatasetChanged, match="replaced by another of the same name"):
        labels.adapter.read_all()
    with pytest.raises(DatasetChanged):
        labels.adapter.write([_change(labels, row)])
    assert labels.adapter.origin().identity != before.identity
    assert again.rows()["1"]["label"] == "a"


def test_a_dataset_that_is_replaced_while_it_is_read_gives_no_snapshot(
    labels: Labels, fiftyone: ModuleType, mongo: Mongo, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = labels.adapter._read

    def replaced_meanwhile(match: dict[str, Any]) -> Any:
        found = read(match)
        labels.dataset.delete()
        labels_of(fiftyone, mongo)
        return found

    monkeypatch.setattr(labels.adapter, "_read", replaced_meanwhile)
    with pytest.raises(DatasetChanged):
        labels.adapter.read_all()


def test_an_emptied_dataset_is_the_same_one_and_says_when_it_lost_samples(labels: Labels) -> None:
    before = labels.adapter.origin()
    labels.dataset.clear()
    after = labels.adapter.origin()
    assert after.identity == before.identity
    assert (before.rows, after.rows) == (2, 0)
    assert after.deleted_at is not None
    assert before.deleted_at is None or before.deleted_at < after.deleted_at
    assert abs(after.deleted_at - datetime.now(timezone.utc)) < timedelta(minutes=1)


def test_a_clone_is_another_dataset(labels: Labels, mongo: Mongo) -> None:
    labels.dataset.clone("copy", persistent=True)
    copy = open_labels(mongo, "copy", {"label": Kind.TEXT}, Kind.TEXT)
    assert copy.identity != labels.adapter.identity
    assert copy.read_all().size == 2


def test_the_samples_are_found_by_any_field_that_ties_them_to_their_rows(
    labels: Labels, fiftyone: ModuleType, mongo: Mongo
) -> None:
    from dataclasses import replace

    from syncd.adapters.fiftyone.adapter import FiftyOneAdapter

    labels.dataset.add_sample_field("frame", fiftyone.IntField)
    sample = labels.dataset.first()
    sample["frame"] = 17
    sample.save()
    for sample_key, media in (("frame", "17"), ("id", sample.id), ("filepath", "/1.png")):
        mapping = replace(labels.adapter.labels, sample_key=sample_key)
        adapter = FiftyOneAdapter(mongo, "odd", labels.adapter.identity, mapping, labels.adapter.mapping)
        assert adapter.find_samples([media, "nothing"]).drop("edited_at").rows() == [(sample.id, media, False)]
        assert media in adapter.read_all().rows["media"].to_list()
