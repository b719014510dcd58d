"""Compare-and-set writes to labels, addressed by sample id and label id and never by list position.

Every write moves the sample's ``last_modified_at`` by the server's clock, so that the App's own check refuses to
overwrite it (facts §6.2). Lists are changed in place or appended to, never reordered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne
from pymongo.collection import Collection

from syncd.adapters.fiftyone.mapping import LabelMapping, key
from syncd.adapters.fiftyone.values import condition, encode
from syncd.model import ID_FIELD, Action, Change, Content, Kind, Mapping, Value

BATCH = 1_000
"""Operations per bulk write; larger batches were no faster (facts §6.1)."""

BUMP = {"$currentDate": {"last_modified_at": True}}


class Writer:
    """Turns changes into update operations on one dataset's collection."""

    def __init__(self, samples: Collection[dict[str, Any]], labels: LabelMapping, mapping: Mapping) -> None:
        self.samples = samples
        self.labels = labels
        self.mapping = mapping

    def write(self, changes: Sequence[Change]) -> None:
        """Sends the operations; what became of each is seen by reading back."""
        inserts = [each for each in changes if each.action is Action.INSERT]
        if inserts and self.labels.is_list:
            self._send(self._empty_lists(inserts))
        self._send([self._operation(each) for each in changes])

    def _send(self, operations: Sequence[UpdateOne]) -> None:
        for start in range(0, len(operations), BATCH):
            self.samples.bulk_write(list(operations[start : start + BATCH]), ordered=False)

    def _operation(self, change: Change) -> UpdateOne:
        if change.action is Action.INSERT:
            return self._insert(change)
        if change.action is Action.DELETE:
            return self._delete(change)
        return self._update(change)

    def _update(self, change: Change) -> UpdateOne:
        name, seen, value = self._stored(change)
        label_id = ObjectId(change.label_id)
        path = self.labels.path
        query: dict[str, Any] = {"_id": ObjectId(change.sample_id)}
        if not self.labels.is_list:
            query |= {f"{path}._id": label_id, f"{path}.{name}": seen}
            return UpdateOne(query, self._set(f"{path}.{name}", value))
        query[path] = {"$elemMatch": {"_id": label_id, name: seen}}
        return UpdateOne(
            query,
            self._set(f"{path}.$[label].{name}", value),
            array_filters=[{"label._id": label_id, f"label.{name}": seen}],
        )

    def _set(self, path: str, value: Any) -> dict[str, Any]:
        # What is missing stays missing: a null would be a value of its own to FiftyOne's schema.
        return ({"$unset": {path: ""}} if value is None else {"$set": {path: value}}) | BUMP

    def _stored(self, change: Change) -> tuple[str, Any, Any]:
        """The label's key for the changed field, the condition on its old value, and its new value."""
        if change.field == ID_FIELD:
            text = None if change.new is None else str(change.new)
            return self.labels.id_attribute, self._id_condition(change.old), self._id_value(text)
        assert change.field is not None, "an update names its field"
        kind, stored = self.mapping.field(change.field).kind, self.labels.kinds[change.field]
        return (
            key(change.field),
            condition(kind, stored, _single(change.old)),
            encode(kind, stored, _single(change.new)),
        )

    def _id_condition(self, old: Content) -> Any:
        return None if old is None else self._id_value(str(old))

    def _id_value(self, text: str | None) -> Any:
        """An annotation id as its attribute holds it (an integer where FiftyOne declares one)."""
        return int(text) if text is not None and self.labels.id_kind is Kind.INTEGER else text

    def _empty_lists(self, inserts: Sequence[Change]) -> list[UpdateOne]:
        """Gives the samples that hold no list yet an empty one to append to."""
        container: dict[str, Any] = {"_cls": self.labels.label_type.value, str(self.labels.label_type.list_name): []}
        field = self.labels.label_field
        absent = [{field: None}, {self.labels.path: None}]
        return [
            UpdateOne({"_id": ObjectId(sample), "$or": absent}, {"$set": {field: container}} | BUMP)
            for sample in sorted({str(each.sample_id) for each in inserts})
        ]

    def _insert(self, change: Change) -> UpdateOne:
        path = self.labels.path
        query: dict[str, Any] = {"_id": ObjectId(change.sample_id)}
        document = self._document(change)
        if not self.labels.is_list:
            return UpdateOne(query | {path: None}, {"$set": {path: document}} | BUMP)
        query[f"{path}.{self.labels.id_attribute}"] = {"$ne": document[self.labels.id_attribute]}
        return UpdateOne(query, {"$push": {path: document}} | BUMP)

    def _document(self, change: Change) -> dict[str, Any]:
        """A new label as FiftyOne itself would store it; what has no value is left out."""
        content = change.new if isinstance(change.new, dict) else {}
        name = "Detection" if self.labels.label_type.value == "Detections" else "Classification"
        own = ObjectId(change.label_id) if change.label_id else ObjectId()
        document: dict[str, Any] = {"_id": own, "_cls": name, "tags": []}
        if name == "Detection":
            document["attributes"] = {}
        document[self.labels.id_attribute] = self._id_value(change.annotation_id)
        for field, stored in self.labels.kinds.items():
            value = encode(self.mapping.field(field).kind, stored, content.get(field))
            if value is not None:
                document[key(field)] = value
        return document

    def _delete(self, change: Change) -> UpdateOne:
        seen = {"_id": ObjectId(change.label_id)} | dict(self._conditions(change))
        path = self.labels.path
        query: dict[str, Any] = {"_id": ObjectId(change.sample_id)}
        if not self.labels.is_list:
            query |= {f"{path}.{name}": value for name, value in seen.items()}
            return UpdateOne(query, {"$set": {path: None}} | BUMP)
        query[path] = {"$elemMatch": seen}
        return UpdateOne(query, {"$pull": {path: seen}} | BUMP)

    def _conditions(self, change: Change) -> Iterator[tuple[str, Any]]:
        content = change.old if isinstance(change.old, dict) else {}
        for field, stored in self.labels.kinds.items():
            yield key(field), condition(self.mapping.field(field).kind, stored, content.get(field))
        yield self.labels.id_attribute, self._id_condition(change.annotation_id)


def _single(content: Content) -> Value:
    assert not isinstance(content, dict), "an update holds the value of one field"
    return content
