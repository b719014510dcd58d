"""Tags put on and taken off labels and samples: each operation names the tags it is about and touches no other.

Two people's tags never meet: what is to be taken off is pulled by name, what is to be put on is added where it is not
there yet. Nothing is written, and no sample is stamped, where the tags are as they should be.

A mark of syncd's own stamps no sample: the stamp says when somebody edited it, by which ``on_conflict: latest`` judges.
The App may overwrite such a mark; the run that sees what the App saved sets it again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne

from syncd.adapters.fiftyone.bulk_write import Operation
from syncd.adapters.fiftyone.compat import BUMP
from syncd.adapters.fiftyone.mapping import LabelMapping
from syncd.model import TagEdit


def tag_operations(labels: LabelMapping, edits: Sequence[TagEdit]) -> Iterator[Operation]:
    """The update operations of these edits; an edit that names no sample or label that can be there has none."""
    alike: dict[tuple[object, ...], list[ObjectId]] = {}
    of: dict[tuple[object, ...], TagEdit] = {}
    for each in edits:
        if not ObjectId.is_valid(each.sample_id):
            continue
        if each.label_id is None:
            yield from (Operation(each.sample_id, update) for update in _on_sample(each))
        elif ObjectId.is_valid(each.label_id):
            # Labels of one sample that get the same tags are one operation, however many they are.
            key: tuple[object, ...] = (each.sample_id, each.add, each.remove, each.after_changes)
            alike.setdefault(key, []).append(ObjectId(each.label_id))
            of[key] = each
    for key, label_ids in alike.items():
        yield from (Operation(of[key].sample_id, update) for update in _on_labels(labels, of[key], label_ids))


def _on_sample(edit: TagEdit) -> Iterator[UpdateOne]:
    sample = {"_id": ObjectId(edit.sample_id)}
    if edit.remove:
        named = {"$in": list(edit.remove)}
        yield UpdateOne(sample | {"tags": named}, {"$pull": {"tags": named}} | _stamp(edit))
    if edit.add:
        yield UpdateOne(
            sample | _lacks(edit.add, "tags"), {"$addToSet": {"tags": {"$each": list(edit.add)}}} | _stamp(edit)
        )


def _on_labels(labels: LabelMapping, edit: TagEdit, label_ids: Sequence[ObjectId]) -> Iterator[UpdateOne]:
    """One edit of the tags of these labels of a sample."""
    sample: dict[str, Any] = {"_id": ObjectId(edit.sample_id)}
    label_id: Any = label_ids[0] if len(label_ids) == 1 else {"$in": list(label_ids)}
    named = {"$in": list(edit.remove)}
    more = {"$each": list(edit.add)}
    path = labels.path
    if not labels.is_list:
        own = sample | {f"{path}._id": label_id}
        if edit.remove:
            yield UpdateOne(own | {f"{path}.tags": named}, {"$pull": {f"{path}.tags": named}} | _stamp(edit))
        if edit.add:
            yield UpdateOne(
                own | _lacks(edit.add, f"{path}.tags"), {"$addToSet": {f"{path}.tags": more}} | _stamp(edit)
            )
        return
    target = f"{path}.$[label].tags"
    if edit.remove:
        yield UpdateOne(
            sample | {path: {"$elemMatch": {"_id": label_id, "tags": named}}},
            {"$pull": {target: named}} | _stamp(edit),
            array_filters=[{"label._id": label_id, "label.tags": named}],
        )
    if edit.add:
        yield UpdateOne(
            sample | {path: {"$elemMatch": {"_id": label_id} | _lacks(edit.add, "tags")}},
            {"$addToSet": {target: more}} | _stamp(edit),
            array_filters=[{"label._id": label_id} | _lacks(edit.add, "label.tags")],
        )


def _stamp(edit: TagEdit) -> dict[str, Any]:
    return BUMP if edit.after_changes else {}


def _lacks(tags: Sequence[str], path: str) -> dict[str, Any]:
    """The condition that not all of these tags are in the list at this path; what is no list is left as it is."""
    return {path: {"$not": {"$all": list(tags)}}, "$or": [{path: {"$exists": False}}, {path: {"$type": "array"}}]}
