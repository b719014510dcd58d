"""Adding samples with their labels to a dataset: documents straight into its collection, many at a time.

Sample and label ids follow from the dataset, the media and the annotation id, so that an attempt that is repeated, or
that runs twice at once, adds nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timezone
from typing import Any

import bson
import polars as pl
from bson import ObjectId
from pymongo.errors import BulkWriteError

from syncd.adapters.fiftyone.adapter import READING, WRITING, FiftyOneAdapter
from syncd.adapters.fiftyone.compat import CLASS, IMAGE_METADATA
from syncd.adapters.fiftyone.create import LabelLayout
from syncd.adapters.fiftyone.documents import bare_label, label_field, sample_document, steady_id
from syncd.adapters.fiftyone.errors import asking
from syncd.adapters.fiftyone.mapping import key
from syncd.adapters.fiftyone.values import encode_id, stored_column
from syncd.errors import FiftyOneUnavailable
from syncd.model.snapshot import column

DUPLICATE = 11000
"""MongoDB's code for an id that is there already."""

METADATA = ("size_bytes", "mime_type", "width", "height", "num_channels")


@dataclass(frozen=True)
class Predicted:
    """A prediction field; ``parts`` say in which column of a row each key of a predicted label stands."""

    layout: LabelLayout
    parts: dict[str, str]

    @property
    def needed(self) -> tuple[str, ...]:
        """The keys without which there is no prediction: a detection without a box cannot be loaded, nor drawn."""
        return tuple(name for name in ("label", "bounding_box") if name in self.parts)


def sample_documents(
    adapter: FiftyOneAdapter,
    media: pl.DataFrame,
    rows: pl.DataFrame,
    predictions: Sequence[Predicted] = (),
    fields: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """A sample for each medium (``key``, ``path`` and metadata) with the labels of its rows, as it is to be stored.

    ``fields`` are columns of ``media`` that become sample fields of their names. Rows are a snapshot's, ``media`` being
    the key.
    """
    if media.is_empty():
        return []
    bound = adapter.labels
    dataset_id = ObjectId(adapter.identity.partition("/")[0])
    at = adapter.now().astimezone(timezone.utc).replace(tzinfo=None)
    rows = rows.filter(pl.col("media").is_in(media["key"].to_list()))
    held = [(bound.label_field, bound.label_type, _by_media(rows, _labels(adapter, dataset_id, rows)))]
    for each in predictions:
        documents = _by_media(rows, _predictions(adapter, dataset_id, each, rows))
        held.append((each.layout.field, each.layout.label_type, documents))
    found = []
    for medium in media.iter_rows(named=True):
        name_of = medium["key"]
        document = sample_document(steady_id(dataset_id, name_of), dataset_id, medium["path"], at)
        known = {name: medium[name] for name in METADATA if medium[name] is not None}
        document["metadata"] = {CLASS: IMAGE_METADATA} | known
        document |= {name: medium[name] for name in fields if medium[name] is not None}
        if bound.sample_key != "filepath":
            document[bound.sample_key] = name_of
        for field, label_type, by_media in held:
            document[field] = label_field(label_type, by_media.get(name_of, []))
        found.append(document)
    return found


def insert_samples(adapter: FiftyOneAdapter, documents: Sequence[dict[str, Any]]) -> int:
    """Adds samples; returns how many. One that is there already is left as it is."""
    if not documents:
        return 0
    with asking(WRITING):
        try:
            return len(adapter.samples.insert_many(documents, ordered=False).inserted_ids)
        except BulkWriteError as error:
            failed = error.details.get("writeErrors", [])
            other = [each for each in failed if each["code"] != DUPLICATE]
            if other or error.details.get("writeConcernErrors"):
                said = other[0]["errmsg"] if other else "the write was not acknowledged"
                raise FiftyOneUnavailable(f"MongoDB did not take new samples: {said[:300]}") from error
            return len(documents) - len(failed)


PLACED: dict[str, pl.DataType] = {
    "media": pl.String(),
    "position": pl.Int64(),
    "label_id": pl.String(),
    "sample_id": pl.String(),
}
"""Columns of labels that stand as they were given: on which medium, the how manieth there, and where they are."""


def stand_as_given(adapter: FiftyOneAdapter, documents: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Reads samples back; the labels of those that are, byte for byte, what was to be written."""
    field, key_path = adapter.labels.label_field, adapter.labels.media_path
    wanted = {each["_id"].binary: bson.encode({"_id": each["_id"], field: each[field]}) for each in documents}
    there: dict[bytes, bytes] = {}
    with asking(READING):
        chosen = {"_id": {"$in": [each["_id"] for each in documents]}}
        for batch in adapter.samples.find_raw_batches(chosen, {field: 1}, batch_size=len(documents) or 1):
            there.update((raw[9:21], raw) for raw in _split(batch))
    rows = [
        (each[key_path], position, str(label["_id"]), str(each["_id"]))
        for each in documents
        if there.get(each["_id"].binary) == wanted[each["_id"].binary]
        for position, label in enumerate(_listed(adapter, each[field]))
    ]
    return pl.DataFrame(rows, schema=PLACED, orient="row")


def _split(batch: bytes) -> Iterator[bytes]:
    """The documents of a batch, each of which begins with its length; its ``_id`` is at the bytes 9 to 20."""
    start = 0
    while start < len(batch):
        end = start + int.from_bytes(batch[start : start + 4], "little")
        yield batch[start:end]
        start = end


def _listed(adapter: FiftyOneAdapter, held: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The labels in a sample's field."""
    if held is None:
        return []
    name = adapter.labels.label_type.list_name
    return [held] if name is None else held[name]


def _by_media(rows: pl.DataFrame, documents: Iterable[dict[str, Any] | None]) -> dict[str, list[dict[str, Any]]]:
    """Labels by the media that they stand on; ``documents`` has one for each row, or none."""
    found: dict[str, list[dict[str, Any]]] = {}
    for media, document in zip(rows["media"].to_list(), documents, strict=True):
        if document is not None:
            found.setdefault(media, []).append(document)
    return found


def _labels(adapter: FiftyOneAdapter, dataset_id: ObjectId, rows: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """The label of each row; columns are encoded as columns, which a value at a time takes twice as long."""
    labels = adapter.labels
    names = [key(name) for name in labels.kinds]
    columns = [
        stored_column(adapter.mapping.field(name).kind, stored, rows[column(name)])
        for name, stored in labels.kinds.items()
    ]
    ids = rows["annotation_id"].to_list()
    for annotation_id, *values in zip(ids, *columns, strict=True):
        document = bare_label(labels.label_type, steady_id(dataset_id, labels.label_field, annotation_id))
        document[labels.id_attribute] = encode_id(labels.id_kind, annotation_id)
        for name, value in zip(names, values, strict=True):
            if value is not None:
                document[name] = value
        yield document


def _predictions(
    adapter: FiftyOneAdapter, dataset_id: ObjectId, predicted: Predicted, rows: pl.DataFrame
) -> Iterator[dict[str, Any] | None]:
    """A predicted label with the id of the annotation that it is about; ``None`` where nothing was predicted."""
    layout = predicted.layout
    parts = predicted.parts
    for row in rows.select("annotation_id", *{*parts.values()}).iter_rows(named=True):
        if row[parts["label"]] is None:
            yield None
            continue
        document = bare_label(layout.label_type, steady_id(dataset_id, layout.field, row["annotation_id"]))
        document[adapter.labels.id_attribute] = encode_id(adapter.labels.id_kind, row["annotation_id"])
        yield document | {name: row[source] for name, source in parts.items() if row[source] is not None}
