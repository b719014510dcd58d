"""Sends update operations to MongoDB, over two connections: one is at work for one of its cores at most."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, DocumentTooLarge, OperationFailure

from syncd.adapters.fiftyone.compat import BUMP, CLASS
from syncd.adapters.fiftyone.errors import said
from syncd.adapters.fiftyone.mapping import LabelMapping

BATCH = 1_000
"""Operations that are sent together; larger batches were no faster."""

LANES = 2
"""Connections. Two took 0.6 of the time of one on two cores, three as long as two."""

WORTH_A_LANE = 50
"""Operations; fewer are sent before another thread has started."""

NOBODYS_FAULT = frozenset({13, 50, 89, 91, 112, 189, 10107, 11600, 11602, 13435, 13436})
"""MongoDB's codes of writes that failed for a reason other than what they would have written."""

TOO_LARGE = frozenset({10334, 17419, 17420})
"""MongoDB's codes of an operation, or of what would come of it, that is too large for it."""


@dataclass(frozen=True)
class Operation:
    """An update of one sample, and the position of the change that it carries out, where somebody asks what became."""

    sample_id: str
    update: UpdateOne
    position: int | None = None


def send(samples: Collection[dict[str, Any]], operations: Iterable[Operation]) -> dict[int, str]:
    """Sends the operations; returns {position: refusal}. One that is refused leaves its target as it is.

    Invariant: operations on one sample are carried out in the order in which they are given.
    """
    refused: dict[int, str] = {}
    given = list(operations)
    for start in range(0, len(given), BATCH):
        lanes = list(_lanes(given[start : start + BATCH]))
        if len(lanes) == 1:
            refused |= _send(samples, lanes[0])
            continue
        with ThreadPoolExecutor(len(lanes), thread_name_prefix="lane") as pool:
            for found in pool.map(_send, [samples] * len(lanes), lanes):
                refused |= found
    return refused


def _lanes(batch: Sequence[Operation]) -> Iterator[list[Operation]]:
    """The operations divided by their samples."""
    if len(batch) < LANES * WORTH_A_LANE:
        yield list(batch)
        return
    lane_of: dict[str, int] = {}
    for each in batch:
        lane_of.setdefault(each.sample_id, len(lane_of) % LANES)
    for lane in range(LANES):
        if found := [each for each in batch if lane_of[each.sample_id] == lane]:
            yield found


def _send(samples: Collection[dict[str, Any]], batch: Sequence[Operation]) -> dict[int, str]:
    """One bulk write. It is called unordered, so that a refusal ends nothing; MongoDB keeps the order all the same."""
    try:
        samples.bulk_write([each.update for each in batch], ordered=False)
    except BulkWriteError as error:
        failed = error.details.get("writeErrors", [])
        if error.details.get("writeConcernErrors") or any(each["code"] in NOBODYS_FAULT for each in failed):
            raise
        # The others of an unordered batch are carried out all the same.
        refused = ((batch[each["index"]].position, said(each["errmsg"])) for each in failed)
        return {position: why for position, why in refused if position is not None}
    except (DocumentTooLarge, OperationFailure) as error:
        if not isinstance(error, DocumentTooLarge) and error.code not in TOO_LARGE:
            raise
        return _without_too_large(samples, batch)
    return {}


def _without_too_large(samples: Collection[dict[str, Any]], batch: Sequence[Operation]) -> dict[int, str]:
    """Sends a batch, that was refused as a whole for one operation, in ever smaller parts.

    What a part of it has already done, is not done again: every operation expects what it replaces.
    """
    if len(batch) > 1:
        half = len(batch) // 2
        return _send(samples, batch[:half]) | _send(samples, batch[half:])
    position = batch[0].position
    return {} if position is None else {position: "it is larger than MongoDB's limit of 16 MB for an operation"}


def empty_lists(labels: LabelMapping, sample_ids: Iterable[str]) -> Iterator[Operation]:
    """Gives the samples that hold no list yet an empty one to append to; what else the field holds stays."""
    field, path = labels.label_field, labels.path
    container: dict[str, Any] = {CLASS: labels.label_type.value, str(labels.label_type.list_name): []}
    for sample in sorted(set(sample_ids)):
        chosen = {"_id": ObjectId(sample)}
        yield Operation(sample, UpdateOne(chosen | {field: None}, {"$set": {field: container}} | BUMP))
        no_list = chosen | {field: {"$type": "object"}, path: None}
        yield Operation(sample, UpdateOne(no_list, {"$set": {path: []}} | BUMP))
