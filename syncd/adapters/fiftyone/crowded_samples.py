"""Many changes to the labels of one sample, in a few operations: MongoDB writes a document whole for each of them.

One by one, each of thousands of changes would go through a list of thousands. Here some hundred are one operation: the
place of each label in the list is looked up first, and the operation asks whether each label is still in its place and
holds what the diff saw. It is carried out as a whole or not at all; then its halves are tried, down to so few that they
are sent one by one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne
from pymongo.collection import Collection
from pymongo.errors import DocumentTooLarge, OperationFailure, WriteError

from syncd.adapters.fiftyone.bulk_write import NOBODYS_FAULT, TOO_LARGE
from syncd.adapters.fiftyone.compat import BUMP
from syncd.adapters.fiftyone.mapping import LabelMapping

WORTH_IT = 16
"""Changes to one sample; fewer are sent one by one, with those of other samples."""

TOGETHER = 200
"""Changes in one operation."""

Places = Mapping[ObjectId, int]


@dataclass(frozen=True)
class Write:
    """One change as an update of its own (``alone``), and as a part of a larger one.

    ``label_id`` is the label that must be in its place; ``seen`` are conditions on what it holds, by key, and
    ``sample`` one on the sample. ``sets`` and ``unsets`` are keys of the label; ``removed``: it goes. ``new`` is a
    label that is put into the list, where ``id_condition`` finds no other under its id.
    """

    position: int
    alone: UpdateOne
    label_id: ObjectId | None = None
    seen: Mapping[str, Any] | None = None
    sample: Mapping[str, Any] | None = None
    sets: Mapping[str, Any] | None = None
    unsets: tuple[str, ...] = ()
    removed: bool = False
    new: dict[str, Any] | None = None
    id_condition: Any = None


def write_together(
    samples: Collection[dict[str, Any]], labels: LabelMapping, sample_id: str, writes: Sequence[Write]
) -> list[Write]:
    """Carries out writes to one sample's labels; returns those that are to be sent one by one, after the others.

    Labels are changed, then removed, then put into the list; in a plan that is their order. Of several that would be
    put there under one id the first is.
    """
    left: list[Write] = []
    first = {str(each.id_condition): each for each in reversed(writes) if each.new is not None}
    twice = [each for each in writes if each.new is not None and first[str(each.id_condition)] is not each]
    writes = [each for each in writes if each.new is None or first[str(each.id_condition)] is each]
    for sort in (_is_update, _is_removal, _is_new):
        alike = [each for each in writes if sort(each)]
        for start in range(0, len(alike), TOGETHER):
            left += _tried(samples, labels, ObjectId(sample_id), alike[start : start + TOGETHER])
    return left + twice


def _is_update(write: Write) -> bool:
    return not write.removed and write.new is None


def _is_removal(write: Write) -> bool:
    return write.removed


def _is_new(write: Write) -> bool:
    return write.new is not None


def _tried(
    samples: Collection[dict[str, Any]], labels: LabelMapping, sample_id: ObjectId, writes: Sequence[Write]
) -> list[Write]:
    """The writes of a part that could not be carried out together with others."""
    if len(writes) < WORTH_IT:
        return list(writes)
    missing: list[Write] = []
    update: tuple[dict[str, Any], dict[str, Any]] | None
    if writes[0].new is not None:
        update = _insertion(labels, sample_id, writes)
    else:
        places = _places(samples, labels, sample_id)
        # One that is not there any more is superseded, which is found when it is read back.
        there = [each for each in writes if each.label_id in places]
        missing = [each for each in writes if each.label_id not in places]
        writes = there
        update = _in_places(labels, sample_id, places, writes) if there else None
    if update is None or _is_carried_out(samples, update):
        return missing
    if len(writes) == 1:
        return [*missing, *writes]
    half = len(writes) // 2
    parts = (writes[:half], writes[half:])
    return [*missing, *(each for part in parts for each in _tried(samples, labels, sample_id, part))]


def _is_carried_out(samples: Collection[dict[str, Any]], update: tuple[dict[str, Any], dict[str, Any]]) -> bool:
    try:
        return samples.update_one(*update).matched_count > 0
    except DocumentTooLarge:
        return False
    except OperationFailure as error:
        # One of them is refused; which one, and why, is told when they are sent one by one.
        is_refused = isinstance(error, WriteError) or error.code in TOO_LARGE
        if error.code in NOBODYS_FAULT or not is_refused:
            raise
        return False


def _places(samples: Collection[dict[str, Any]], labels: LabelMapping, sample_id: ObjectId) -> Places:
    """Where in the list each label stands; without those whose id stands there twice."""
    found: Any = samples.find_one({"_id": sample_id}, {f"{labels.path}._id": 1})
    for part in labels.path.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    listed = found if isinstance(found, list) else []
    ids = [each.get("_id") if isinstance(each, dict) else None for each in listed]
    times = Counter(each for each in ids if isinstance(each, ObjectId))
    return {each: place for place, each in enumerate(ids) if isinstance(each, ObjectId) and times[each] == 1}


def _in_places(
    labels: LabelMapping, sample_id: ObjectId, places: Places, writes: Sequence[Write]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The operation that changes, or removes, labels in their places."""
    conditions: list[dict[str, Any]] = []
    sets: dict[str, Any] = {}
    unsets: dict[str, str] = {}
    removed: list[ObjectId] = []
    samples: list[Mapping[str, Any]] = []
    nothing: dict[tuple[str, str], tuple[Any, list[ObjectId]]] = {}
    for each in writes:
        assert each.label_id is not None, "it is in its place"
        place = f"{labels.path}.{places[each.label_id]}"
        conditions.append({f"{place}._id": each.label_id})
        seen = each.seen or {}
        conditions += [{f"{place}.{name}": value} for name, value in seen.items() if _is_something(value)]
        for name, value in seen.items():
            if not _is_something(value):
                nothing.setdefault((name, repr(value)), (value, []))[1].append(each.label_id)
        if each.sample and each.sample not in samples:
            samples.append(each.sample)
        sets |= {f"{place}.{name}": value for name, value in (each.sets or {}).items()}
        unsets |= {f"{place}.{name}": "" for name in each.unsets}
        if each.removed:
            removed.append(each.label_id)
    # By its place, "null" would be true of whatever stands there: no label has a key that is called 17. So it is asked
    # whether any of these labels holds something.
    for (name, _), (value, ids) in nothing.items():
        conditions.append({"$nor": [{labels.path: {"$elemMatch": {"_id": {"$in": ids}, name: _opposite(value)}}}]})
    query = {"_id": sample_id, "$and": [*conditions, *map(dict, samples)]}
    parts = {"$set": sets, "$unset": unsets}
    update: dict[str, Any] = {name: part for name, part in parts.items() if part}
    if removed:
        update["$pull"] = {labels.path: {"_id": {"$in": removed}}}
    return query, update | BUMP


def _is_something(condition: Any) -> bool:
    """Whether only a value that is there meets a condition."""
    if isinstance(condition, dict):
        return set(condition) == {"$regex", "$options"} or (
            set(condition) == {"$in"} and None not in condition["$in"] and bool(condition["$in"])
        )
    return condition is not None


def _opposite(condition: Any) -> Any:
    """The condition that a value meets which does not meet this one."""
    if condition is None:
        return {"$ne": None}
    return condition["$not"] if set(condition) == {"$not"} else {"$not": condition}


def _insertion(
    labels: LabelMapping, sample_id: ObjectId, writes: Sequence[Write]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The operation that appends labels, none of whose ids is in the list."""
    name = labels.id_attribute
    forms = [form for each in writes for form in _listed(each.id_condition)]
    others = [{name: each.id_condition} for each in writes if not _listed(each.id_condition)]
    there = [{name: {"$in": forms}}] * bool(forms) + others
    query = {"_id": sample_id, labels.path: {"$not": {"$elemMatch": {"$or": there}}, "$type": "array"}}
    return query, {"$push": {labels.path: {"$each": [each.new for each in writes]}}} | BUMP


def _listed(condition: Any) -> list[Any]:
    """The values that a condition takes, where it names them; a pattern names none."""
    return list(condition["$in"]) if isinstance(condition, dict) and set(condition) == {"$in"} else []
