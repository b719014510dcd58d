"""What FiftyOne's own documents say of a dataset and its label field; read, never written."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from bson import ObjectId
from pymongo.database import Database

from syncd.adapters.fiftyone.compat import (
    COLLECTION,
    DATASETS,
    EMBEDDED_CLASS,
    FIELD_CLASS,
    FIELDS,
    LABELS,
    SAMPLE_FIELDS,
    require_known_storage,
    warn_of_untested,
)
from syncd.adapters.fiftyone.errors import asking
from syncd.errors import MappingError, SyncdError
from syncd.model import Kind, LabelType, Mark

KINDS = {
    "StringField": Kind.TEXT,
    "IntField": Kind.INTEGER,
    "FloatField": Kind.FLOAT,
    "BooleanField": Kind.BOOLEAN,
    "DateField": Kind.DATE,
    "DateTimeField": Kind.TIMESTAMP,
}
"""FiftyOne's field types that syncd can map; a declared attribute must be written as its own type.

UUIDs travel as strings: FiftyOne's UUIDField stores one of two binary subtypes, which cannot be read as columns.
"""


class DatasetMissing(MappingError):
    """FiftyOne has no dataset of that name (any more)."""


class FieldMissing(MappingError):
    """The dataset has no such label field (any more)."""


class DatasetChanged(SyncdError):
    """The dataset was dropped or made anew while it was in use."""


@dataclass(frozen=True)
class DatasetInfo:
    """A dataset as FiftyOne describes it. ``attributes`` are the label's declared attributes.

    ``crops``: syncd made it of one sample per annotation, cut from its box. ``marks`` are those of its bindings.
    """

    name: str
    dataset_id: str
    collection: str
    label_field: str
    label_type: LabelType
    attributes: dict[str, str] = field(default_factory=dict)
    sample_fields: frozenset[str] = frozenset()
    last_deletion_at: datetime | None = None
    crops: bool = False
    marks: dict[str, Mark] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """Changes when the dataset is deleted and made anew, even under its old name."""
        return f"{self.dataset_id}/{self.collection}"

    def attribute_kind(self, name: str) -> Kind | None:
        """The kind of a declared attribute; ``None`` where it is not declared."""
        declared = self.attributes.get(name)
        if declared is None:
            return None
        kind = KINDS.get(declared)
        if kind is None:
            raise MappingError(
                f"The attribute {name!r} of {self.name}.{self.label_field} is declared as {declared}, "
                f"expected one of {', '.join(KINDS)}.",
                remedy="Leave it out of `attributes`, or map another attribute.",
            )
        return kind


def describe(database: Database[dict[str, Any]], name: str, label_field: str) -> DatasetInfo:
    """Looks the dataset up; ``MappingError`` names what is missing and what there is instead."""
    with asking("Reading from"):
        document = database[DATASETS].find_one({"name": name})
    if document is None:
        with asking("Reading from"):
            names = sorted(each["name"] for each in database[DATASETS].find({}, {"name": 1}).limit(20))
        there = f"it has {', '.join(map(repr, names))}" if names else "it has none"
        raise DatasetMissing(
            f"FiftyOne ({database.name}) has no dataset {name!r}; {there}.",
            remedy="Mend `dataset` of the binding, or create the dataset.",
        )
    require_known_storage(document)
    warn_of_untested(document.get("version"))
    fields = {each["name"]: each for each in document.get(SAMPLE_FIELDS) or []}
    found = fields.get(label_field)
    usable = {key: _label_type(each) for key, each in fields.items() if _label_type(each) is not None}
    if found is None:
        raise FieldMissing(
            f"The dataset {name!r} has no field {label_field!r}; its label fields are "
            f"{', '.join(map(repr, usable)) or 'none'}.",
            remedy="Mend `label_field` of the binding.",
        )
    label_type = usable.get(label_field)
    if label_type is None:
        declared = str(found.get(EMBEDDED_CLASS) or found.get(FIELD_CLASS)).rpartition(".")[2]
        raise MappingError(
            f"The field {label_field!r} of {name!r} holds {declared}, expected Classification, Classifications or "
            "Detections.",
            remedy="Mend `label_field` of the binding.",
        )
    deleted = document.get("last_deletion_at")
    return DatasetInfo(
        name=name,
        dataset_id=str(document["_id"]),
        collection=str(document[COLLECTION]),
        label_field=label_field,
        label_type=label_type,
        attributes=_attributes(found, label_type),
        sample_fields=frozenset(fields),
        last_deletion_at=deleted.replace(tzinfo=timezone.utc) if isinstance(deleted, datetime) else None,
        crops=bool(((document.get("info") or {}).get("syncd") or {}).get("crops")),
        marks=marks_in(document),
    )


def label_fields(document: dict[str, Any]) -> dict[str, tuple[LabelType, dict[str, str]]]:
    """The fields of a dataset's document that syncd can bind, each with the types of its declared attributes."""
    fields = {str(each["name"]): each for each in document.get(SAMPLE_FIELDS) or []}
    types = {name: _label_type(each) for name, each in fields.items()}
    return {name: (type_, _attributes(fields[name], type_)) for name, type_ in types.items() if type_ is not None}


def _label_type(found: dict[str, Any]) -> LabelType | None:
    declared = str(found.get(EMBEDDED_CLASS) or "")
    name = declared.removeprefix(LABELS)
    return LabelType(name) if declared.startswith(LABELS) and name in set(LabelType) else None


def _attributes(found: dict[str, Any], label_type: LabelType) -> dict[str, str]:
    fields = found.get("fields") or []
    if label_type.list_name is not None:
        listed: dict[str, Any] = next((each for each in fields if each["name"] == label_type.list_name), {})
        fields = listed.get("fields") or []
    return {each["name"]: str(each.get(FIELD_CLASS)).removeprefix(FIELDS) for each in fields}


def marks_in(document: dict[str, Any]) -> dict[str, Mark]:
    """{binding: its mark} in a dataset's document. One that was copied with another dataset's ``info`` is none."""
    found = ((document.get("info") or {}).get("syncd") or {}).get("marks") or []
    own = [each for each in found if each.get("dataset") == str(document["_id"])]
    return {each["binding"]: Mark(each["first"], each["run"], int(each["seq"]), each["hash"]) for each in own}


def leave_mark(database: Database[dict[str, Any]], dataset_id: str, binding: str, mark: Mark) -> None:
    """Replaces the binding's mark, which says how far the change log had come.

    It stands in the dataset's own ``info``, where a restored database cannot take it back; no sample is touched by it.
    An ``info["syncd"]`` that is somebody else's is left as it is.
    """
    made = {
        "binding": binding,
        "dataset": dataset_id,
        "first": mark.first,
        "run": mark.run,
        "seq": mark.seq,
        "hash": mark.hash,
    }
    others = {
        "$filter": {
            "input": {"$ifNull": ["$info.syncd.marks", []]},
            "cond": {"$ne": ["$$this.binding", binding]},
        }
    }
    marks = {"marks": {"$concatArrays": [others, [{"$literal": made}]]}}
    ours = {"syncd": {"$mergeObjects": ["$info.syncd", marks]}}
    usable = {"$or": [{"info.syncd": None}, {"info.syncd": {"$type": "object"}}]}
    database[DATASETS].update_one(
        {"_id": ObjectId(dataset_id), **usable}, [{"$set": {"info": {"$mergeObjects": ["$info", ours]}}}]
    )


@dataclass(frozen=True)
class LabelCounts:
    """Labels by their text; ``no_text`` counts those that are a date or a number, which FiftyOne cannot load."""

    counts: dict[str, int]
    no_text: int = 0


def count_labels(database: Database[dict[str, Any]], info: DatasetInfo) -> LabelCounts:
    """Labels of the field, counted by the server; those without a label are left out."""
    listed = info.label_type.list_name
    path = f"{info.label_field}.{listed}" if listed else info.label_field
    label = f"${path}.label"
    text = {"$cond": [{"$eq": [{"$type": label}, "string"]}, label, None]}
    stages: list[dict[str, Any]] = [
        *([{"$unwind": f"${path}"}] if listed else []),
        {"$match": {f"{path}.label": {"$ne": None}}},
        {"$group": {"_id": text, "n": {"$sum": 1}}},
    ]
    with asking("Reading from"):
        found = {each["_id"]: int(each["n"]) for each in database[info.collection].aggregate(stages)}
    return LabelCounts({name: count for name, count in found.items() if name is not None}, found.get(None, 0))
