"""Labels that go to another sample: whole, as they stand, with whatever is not mapped of them, under their own ids.

A label is written to its new sample first and taken from the old one last, and only if it is still, to the last byte,
what was written; else the new one is taken away again. Whoever is killed in between leaves two labels that are alike,
and loses nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import bson
from bson import ObjectId
from bson.errors import BSONError
from pymongo import UpdateOne
from pymongo.collection import Collection

from syncd.adapters.fiftyone.bulk_write import Operation, empty_lists, send
from syncd.adapters.fiftyone.compat import BUMP
from syncd.adapters.fiftyone.invalid_text import exact
from syncd.adapters.fiftyone.mapping import LabelMapping
from syncd.adapters.fiftyone.values import id_condition
from syncd.model import Change, Kind

CHUNK = 1_000
"""Samples that are looked at together."""

Label = dict[str, Any]

UUID_MARKS = str.maketrans("", "", "{}-")
"""What may be left out of a UUID."""

NO_TEXT = "the label holds text that is not UTF-8, which cannot be written again as it is"
DIFFERENT = "the sample of the row's image holds another label under this id"


def _can_be_written(label: Label) -> bool:
    """Whether the label holds nothing but text where it holds text."""
    try:
        bson.encode(label)
    except (BSONError, UnicodeEncodeError):
        return False
    return True


def move(samples: Collection[dict[str, Any]], labels: LabelMapping, changes: Mapping[int, Change]) -> dict[int, str]:
    """Moves labels, the changes being those of ``SAMPLE_FIELD``; returns {position: refusal}."""
    if not changes:
        return {}
    return _Mover(samples, labels, changes).move()


class _Mover:
    def __init__(
        self, samples: Collection[dict[str, Any]], labels: LabelMapping, changes: Mapping[int, Change]
    ) -> None:
        self.samples = exact(samples)
        self.labels = labels
        self.changes = changes

    def move(self) -> dict[int, str]:
        there = self._labels(str(each.sample_id) for each in self.changes.values())
        leaving = {at: label for at, each in self.changes.items() if (label := self._old(there, each)) is not None}
        unwritable = {at: NO_TEXT for at, label in leaving.items() if not _can_be_written(label)}
        leaving = {at: label for at, label in leaving.items() if at not in unwritable}
        if self.labels.is_list:
            send(self.samples, empty_lists(self.labels, (str(self.changes[at].new) for at in leaving)))
        refused = unwritable | send(self.samples, (self._put(at, label) for at, label in leaving.items()))
        there = self._labels(str(self.changes[at].new) for at in leaving)
        arrived: dict[int, Label] = {}
        for at, label in leaving.items():
            found = self._at(there, str(self.changes[at].new), self.changes[at].label_id)
            if found is not None and _can_be_written(found) and bson.encode(found) == bson.encode(label):
                arrived[at] = label
            elif found is not None:
                refused.setdefault(at, DIFFERENT)
        send(self.samples, (self._take(str(self.changes[at].sample_id), label) for at, label in arrived.items()))
        there = self._labels(str(self.changes[at].sample_id) for at in arrived)
        # Somebody has edited it meanwhile: it stays where it is, and what was written elsewhere goes.
        edited = {at: label for at, label in arrived.items() if self._old(there, self.changes[at]) is not None}
        send(self.samples, (self._take(str(self.changes[at].new), label) for at, label in edited.items()))
        return refused

    def _put(self, at: int, label: Label) -> Operation:
        change, path = self.changes[at], self.labels.path
        sample = str(change.new)
        query: dict[str, Any] = {"_id": ObjectId(sample)}
        if not self.labels.is_list:
            return Operation(sample, UpdateOne(query | {path: None}, {"$set": {path: label}} | BUMP), at)
        named = {self.labels.id_attribute: id_condition(self.labels.id_kind, change.annotation_id)}
        either = {"$or": [named, {"_id": ObjectId(change.label_id)}]}
        query[path] = {"$not": {"$elemMatch": either}}
        return Operation(sample, UpdateOne(query, {"$push": {path: label}} | BUMP), at)

    def _take(self, sample: str, label: Label) -> Operation:
        path = self.labels.path
        query = {"_id": ObjectId(sample), path: label}
        removal: dict[str, Any] = (
            {"$pull": {path: {"_id": label["_id"]}}} if self.labels.is_list else {"$set": {path: None}}
        )
        return Operation(sample, UpdateOne(query, removal | BUMP))

    def _old(self, there: dict[str, dict[str, Label]], change: Change) -> Label | None:
        """The label in its old place, if it still bears its id there."""
        found = self._at(there, str(change.sample_id), change.label_id)
        if found is None or self._plain(found.get(self.labels.id_attribute)) != self._plain(change.annotation_id):
            return None
        return found

    def _plain(self, annotation_id: object) -> str:
        """An id in one spelling."""
        text = str(annotation_id)
        return text.translate(UUID_MARKS).lower() if self.labels.id_kind is Kind.UUID else text

    @staticmethod
    def _at(there: dict[str, dict[str, Label]], sample: str, label_id: str | None) -> Label | None:
        return there.get(sample, {}).get(str(label_id))

    def _labels(self, sample_ids: Iterator[str]) -> dict[str, dict[str, Label]]:
        """The labels of these samples by their ids, as they are stored; of those that share an id the first."""
        wanted = sorted(set(sample_ids))
        found: dict[str, dict[str, Label]] = {}
        for start in range(0, len(wanted), CHUNK):
            chosen = {"_id": {"$in": [ObjectId(each) for each in wanted[start : start + CHUNK]]}}
            for sample in self.samples.find(chosen, {self.labels.path: 1}):
                held = sample
                for part in self.labels.path.split("."):
                    held = held.get(part) or {}
                listed = [each for each in (held if self.labels.is_list else [held]) if isinstance(each, dict) and each]
                found[str(sample["_id"])] = {str(each.get("_id")): each for each in reversed(listed)}
        return found
