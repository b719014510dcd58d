"""Compare-and-set writes to labels, addressed by sample id and label id and never by list position.

Every write moves the sample's ``last_modified_at`` by the server's clock, so that the App's own check refuses to
overwrite it ("Moving the stamp" in docs/fiftyone-facts.md). Lists are changed in place or appended to, never reordered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne
from pymongo.collection import Collection

from syncd.adapters.fiftyone import crowded_samples
from syncd.adapters.fiftyone.bulk_write import Operation, empty_lists, send
from syncd.adapters.fiftyone.compat import BUMP
from syncd.adapters.fiftyone.crowded_samples import Write, write_together
from syncd.adapters.fiftyone.documents import label_document
from syncd.adapters.fiftyone.mapping import LabelMapping, key
from syncd.adapters.fiftyone.move import move
from syncd.adapters.fiftyone.values import UnstorableError, condition, encode, encode_id, id_condition
from syncd.model import ID_FIELD, SAMPLE_FIELD, Action, Change, Content, Mapping, Value


class Writer:
    """Turns changes into update operations on one dataset's collection."""

    def __init__(self, samples: Collection[dict[str, Any]], labels: LabelMapping, mapping: Mapping) -> None:
        self.samples = samples
        self.labels = labels
        self.mapping = mapping

    def write(self, changes: Sequence[Change]) -> dict[int, str]:
        """Sends the operations. What became of each is seen by reading back; returned are {position: refusal}."""
        refused: dict[int, str] = {}
        operations: list[Operation] = []
        many = self._crowded(changes)
        together: dict[str, list[Write]] = {}
        moves = {position: each for position, each in enumerate(changes) if each.field == SAMPLE_FIELD}
        for position, change in enumerate(changes):
            if position in moves or not _is_addressed(change):
                continue
            try:
                if change.sample_id in many:
                    together.setdefault(str(change.sample_id), []).append(self._write(change, position))
                else:
                    operations.append(Operation(str(change.sample_id), self._operation(change), position))
            except UnstorableError as error:
                refused[position] = str(error)
        sent = [change for position, change in enumerate(changes) if position not in refused]
        inserts = [each for each in sent if each.action is Action.INSERT and _is_addressed(each)]
        if inserts and self.labels.is_list:
            send(self.samples, empty_lists(self.labels, (str(each.sample_id) for each in inserts)))
        for sample_id, writes in together.items():
            left = write_together(self.samples, self.labels, sample_id, writes)
            operations += [Operation(sample_id, each.alone, each.position) for each in left]
        refused |= send(self.samples, operations)
        return refused | move(
            self.samples, self.labels, {at: each for at, each in moves.items() if _is_addressed(each)}
        )

    def _crowded(self, changes: Sequence[Change]) -> frozenset[str]:
        """The samples of which so many labels change that they are changed together."""
        if not self.labels.is_list or len(changes) < crowded_samples.WORTH_IT:
            return frozenset()
        counted = Counter(str(each.sample_id) for each in changes if each.field != SAMPLE_FIELD)
        return frozenset(sample_id for sample_id, count in counted.items() if count >= crowded_samples.WORTH_IT)

    def _write(self, change: Change, position: int) -> Write:
        """A change as a part of what is written together."""
        alone = self._operation(change)
        if change.action is Action.INSERT:
            there = id_condition(self.labels.id_kind, change.annotation_id)
            return Write(position, alone, new=self._document(change), id_condition=there)
        label_id = ObjectId(change.label_id)
        if change.action is Action.DELETE:
            untagged = _no_other_tag(change)
            seen = dict(self._conditions(change)) | untagged
            return Write(position, alone, label_id, seen, sample=untagged, removed=True)
        name, old, value = self._stored(change)
        if value is None:
            return Write(position, alone, label_id, {name: old}, unsets=(name,))
        return Write(position, alone, label_id, {name: old}, sets={name: value})

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
        # "$" is the place in the list of the label that matched: whatever happened to the list, it is this one.
        query[path] = {"$elemMatch": {"_id": label_id, name: seen}}
        return UpdateOne(query, self._set(f"{path}.$.{name}", value))

    def _set(self, path: str, value: Any) -> dict[str, Any]:
        # What is missing stays missing: a null would be a value of its own to FiftyOne's schema.
        return ({"$unset": {path: ""}} if value is None else {"$set": {path: value}}) | BUMP

    def _stored(self, change: Change) -> tuple[str, Any, Any]:
        """The label's key for the changed field, the condition on its old value, and its new value."""
        if change.field == ID_FIELD:
            kind = self.labels.id_kind
            return self.labels.id_attribute, id_condition(kind, _text(change.old)), encode_id(kind, _text(change.new))
        assert change.field is not None, "an update names its field"
        kind, stored = self.mapping.field(change.field).kind, self.labels.kinds[change.field]
        return (
            key(change.field),
            condition(kind, stored, _single(change.old)),
            encode(kind, stored, _single(change.new)),
        )

    def _insert(self, change: Change) -> UpdateOne:
        path = self.labels.path
        query: dict[str, Any] = {"_id": ObjectId(change.sample_id)}
        document = self._document(change)
        if not self.labels.is_list:
            return UpdateOne(query | {path: None}, {"$set": {path: document}} | BUMP)
        there = id_condition(self.labels.id_kind, change.annotation_id)
        query[path] = {"$not": {"$elemMatch": {self.labels.id_attribute: there}}}
        return UpdateOne(query, {"$push": {path: document}} | BUMP)

    def _document(self, change: Change) -> dict[str, Any]:
        """A new label, under the id that the change bears: so it can be told from one that somebody else put there."""
        content = change.new if isinstance(change.new, dict) else {}
        return label_document(self.labels, self.mapping, change.annotation_id, change.label_id, content)

    def _delete(self, change: Change) -> UpdateOne:
        untagged = _no_other_tag(change)
        seen = {"_id": ObjectId(change.label_id)} | dict(self._conditions(change)) | untagged
        path = self.labels.path
        query: dict[str, Any] = {"_id": ObjectId(change.sample_id)} | untagged
        if not self.labels.is_list:
            query |= {f"{path}.{name}": value for name, value in seen.items()}
            return UpdateOne(query, {"$set": {path: None}} | BUMP)
        query[path] = {"$elemMatch": seen}
        return UpdateOne(query, {"$pull": {path: seen}} | BUMP)

    def _conditions(self, change: Change) -> Iterator[tuple[str, Any]]:
        content = change.old if isinstance(change.old, dict) else {}
        for field, stored in self.labels.kinds.items():
            yield key(field), condition(self.mapping.field(field).kind, stored, content.get(field))
        yield self.labels.id_attribute, id_condition(self.labels.id_kind, change.annotation_id)


def _no_other_tag(change: Change) -> dict[str, Any]:
    """The condition that nobody has put on a tag which was not there when the label was read."""
    if change.seen_tags is None:
        return {}
    return {"tags": {"$not": {"$elemMatch": {"$type": "string", "$nin": list(change.seen_tags)}}}}


def _is_addressed(change: Change) -> bool:
    """Whether the change names a sample, and a label in it, that can be there."""
    labelled = change.action is Action.INSERT or ObjectId.is_valid(str(change.label_id))
    return labelled and ObjectId.is_valid(str(change.sample_id))


def _single(content: Content) -> Value:
    assert not isinstance(content, dict), "an update holds the value of one field"
    return content


def _text(content: Content) -> str | None:
    return None if content is None else str(content)
