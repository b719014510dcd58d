"""Benches of FiftyOne: datasets made and edited with its SDK, on a replica set and on a standalone server."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database

from syncd.adapters.fiftyone import read_all
from syncd.adapters.fiftyone.adapter import FiftyOneAdapter
from syncd.adapters.fiftyone.dataset import describe
from syncd.adapters.fiftyone.mapping import LabelMapping, stored_kinds
from syncd.model import BOX, LABEL, Kind, LabelType, Value
from syncd.model.values import canonical_value
from syncd.testing.contract.bench import KINDS, PLACE, Bench, Content, Item, mapping_of

FIELD = "ground_truth"


def declared_types() -> dict[str, Any]:
    """FiftyOne's field types of the attributes in the contract."""
    import fiftyone as fo

    return {
        "annotation_id": fo.StringField,
        "note": fo.StringField,
        "count": fo.IntField,
        "depth": fo.FloatField,
        "price": fo.FloatField,
        "verified": fo.BooleanField,
        "day": fo.DateField,
        "seen": fo.DateTimeField,
        "ref": fo.StringField,
    }


def make_dataset(name: str, label_type: LabelType) -> Any:
    """A dataset with one label field, its attributes declared."""
    import fiftyone as fo

    dataset = fo.Dataset(name, persistent=True, overwrite=True)
    dataset.add_sample_field(FIELD, fo.EmbeddedDocumentField, embedded_doc_type=getattr(fo, label_type.value))
    path = ".".join(part for part in (FIELD, label_type.list_name) if part)
    for attribute, type_ in declared_types().items():
        dataset.add_sample_field(f"{path}.{attribute}", type_)
    return dataset


class FiftyOneBench(Bench):
    """A dataset on the server that FiftyOne itself uses."""

    def __init__(self, dataset: Any, label_type: LabelType, database: Database[dict[str, Any]]) -> None:
        kinds = {name: kind for name, kind in KINDS.items() if name != BOX or label_type is LabelType.DETECTIONS}
        self.mapping = mapping_of(kinds, label_type)
        self.dataset = dataset
        self.label_type = label_type
        self.several = label_type.list_name is not None
        self.database = database
        info = describe(database, dataset.name, FIELD)
        declared = {name: info.attribute_kind(name) for name in kinds if name not in (LABEL, BOX)}
        mapping = LabelMapping(
            label_field=FIELD,
            label_type=label_type,
            id_attribute="annotation_id",
            id_kind=Kind.TEXT,
            sample_key="filepath",
            kinds=stored_kinds(self.mapping, declared),
        )
        self.adapter = FiftyOneAdapter(database, dataset.name, info.identity, mapping, self.mapping)

    @property
    def samples(self) -> Any:
        """The dataset's collection."""
        return self.adapter.samples

    def read_in_small_parts(self, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(read_all, "PAGE", 3)

    def reset(self) -> None:
        """Makes the dataset empty again, and the server content with every value."""
        self.database.command("collMod", self.samples.name, validator={})
        self.dataset.clear()

    def label(self, each: Item) -> Any:
        """An SDK label of this item."""
        import fiftyone as fo

        values = {name: stored(name, value) for name, value in each.values.items() if name in self.names}
        place = values.pop(BOX, None)
        given = {name: value for name, value in values.items() if value is not None}
        if each.id is not None:
            given["annotation_id"] = each.id
        if self.label_type is LabelType.DETECTIONS:
            return fo.Detection(bounding_box=place, **given)
        return fo.Classification(**given)

    def field(self, labels: list[Any]) -> Any:
        """The value of the label field for these labels."""
        import fiftyone as fo

        if not self.several:
            return labels[0] if labels else None
        return getattr(fo, self.label_type.value)(**{str(self.label_type.list_name): labels})

    def put(self, *items: Item) -> None:
        import fiftyone as fo

        samples = []
        for media in dict.fromkeys(each.media for each in items):
            labels = [self.label(each) for each in items if each.media == media]
            samples.append(fo.Sample(filepath=media, **{FIELD: self.field(labels)}))
        self.dataset.add_samples(samples)

    def put_many(self, ids: Sequence[str]) -> None:
        now = datetime.now(timezone.utc)
        documents = []
        for each in ids:
            label: dict[str, Any] = {"_id": ObjectId(), "tags": [], "annotation_id": each, "label": "Copepoda"}
            label["_cls"] = "Detection" if self.label_type is LabelType.DETECTIONS else "Classification"
            if self.label_type is LabelType.DETECTIONS:
                label |= {"attributes": {}, "bounding_box": PLACE}
            name = self.label_type.list_name
            held = {"_cls": self.label_type.value, name: [label]} if name else label
            documents.append(
                {
                    "_id": ObjectId(),
                    "filepath": f"/images/{each}.png",
                    "_media_type": "image",
                    "tags": [],
                    "_dataset_id": self.dataset._doc.id,
                    "created_at": now,
                    "last_modified_at": now,
                    FIELD: held,
                }
            )
        self.samples.insert_many(documents)

    def put_sample(self, media: str) -> None:
        import fiftyone as fo

        self.dataset.add_sample(fo.Sample(filepath=media))

    def edit(self, id_: str, **values: Any) -> None:
        for sample, label in self._labels():
            if value_of(label, "annotation_id") == id_:
                for name, value in values.items():
                    label["bounding_box" if name == BOX else name] = stored(name, value)
                sample.save()

    def remove(self, id_: str) -> None:
        for sample, label in self._labels():
            if value_of(label, "annotation_id") == id_:
                if self.several:
                    sample[FIELD][self.label_type.list_name].remove(label)
                else:
                    sample[FIELD] = None
                sample.save()

    def stamp(self, id_: str, moment: datetime) -> None:
        path = f"{self.adapter.labels.path}.annotation_id"
        self.samples.update_many({path: id_}, {"$set": {"last_modified_at": moment}})

    def commit(self) -> None:
        pass

    def refuse(self, name: str, value: Value) -> None:
        path = f"{self.adapter.labels.path}.{name}"
        self.database.command("collMod", self.samples.name, validator={path: {"$ne": value}})

    def stored(self) -> list[tuple[str | None, Content]]:
        return [(value_of(label, "annotation_id"), self._content(label)) for _, label in self._labels()]

    def raw(self, id_: str) -> dict[str, Any]:
        """A label's own document."""
        return next(each for each in self.raw_labels() if each.get("annotation_id") == id_)

    def raw_labels(self) -> list[dict[str, Any]]:
        """Every label's own document."""
        found = []
        for document in self.samples.find():
            held = document.get(FIELD)
            found += held[str(self.label_type.list_name)] if held and self.several else [held] if held else []
        return found

    def _labels(self) -> list[tuple[Any, Any]]:
        """Every sample and label, as the SDK loads them."""
        self.dataset.reload()
        found = []
        for sample in self.dataset:
            held = sample[FIELD]
            if held is not None:
                labels = held[self.label_type.list_name] if self.several else [held]
                found += [(sample, each) for each in labels]
        return found

    def _content(self, label: Any) -> Content:
        content: Content = {}
        for name in self.names:
            found = value_of(label, "bounding_box" if name == BOX else name)
            content[name] = list(found) if name == BOX else canonical_value(KINDS[name], found)
        return content


class StandaloneBench(FiftyOneBench):
    """The same on a server that is no replica set: what the SDK does on its own server is copied to and fro."""

    def __init__(
        self, dataset: Any, label_type: LabelType, home: Database[dict[str, Any]], away: Database[dict[str, Any]]
    ) -> None:
        self.home = home
        away["datasets"].drop()
        away["datasets"].insert_many(home["datasets"].find({"name": dataset.name}))
        away.drop_collection(dataset._sample_collection_name)
        away.create_collection(dataset._sample_collection_name)
        super().__init__(dataset, label_type, away)

    def reset(self) -> None:
        self.database.command("collMod", self.samples.name, validator={})
        self.samples.delete_many({})
        self.dataset.clear()

    def put(self, *items: Item) -> None:
        super().put(*items)
        self._to_away()

    def put_sample(self, media: str) -> None:
        super().put_sample(media)
        self._to_away()

    def edit(self, id_: str, **values: Any) -> None:
        super().edit(id_, **values)
        self._to_away()

    def remove(self, id_: str) -> None:
        super().remove(id_)
        self._to_away()

    def stamp(self, id_: str, moment: datetime) -> None:
        super().stamp(id_, moment)
        _copy(self.samples, self.home[self.samples.name])

    def _labels(self) -> list[tuple[Any, Any]]:
        _copy(self.samples, self.home[self.samples.name])
        return super()._labels()

    def _to_away(self) -> None:
        _copy(self.home[self.samples.name], self.samples)


def value_of(label: Any, name: str) -> Any:
    """An attribute as the SDK gives it; of an undeclared or absent one it knows nothing at all."""
    return label[name] if label.has_field(name) else None


def _copy(source: Any, target: Any) -> None:
    target.delete_many({})
    documents = list(source.find())
    if documents:
        target.insert_many(documents)


def stored(name: str, value: Any) -> Any:
    """A value as the SDK takes it."""
    if KINDS[name] is Kind.DECIMAL and value is not None:
        return float(Decimal(str(value)))
    return value


def sdk_database(uri_client: Any) -> Database[dict[str, Any]]:
    """The database of the SDK, over a client of our own."""
    database: Database[dict[str, Any]] = uri_client[os.environ["FIFTYONE_DATABASE_NAME"]]
    return database
