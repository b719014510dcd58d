"""Labels and samples as FiftyOne's SDK itself would store them; what has no value is left out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping as Values
from datetime import datetime
from random import random
from typing import Any

from bson import ObjectId

from syncd.adapters.fiftyone.compat import CLASS, DATASET_KEY, MEDIA_TYPE, RANDOM, STAMP
from syncd.adapters.fiftyone.mapping import LabelMapping, key
from syncd.adapters.fiftyone.values import encode, encode_id
from syncd.model import LabelType, Mapping


def label_document(
    labels: LabelMapping, mapping: Mapping, annotation_id: str | None, label_id: str | None, content: Values[str, Any]
) -> dict[str, Any]:
    """A label with the values of an annotation; ``label_id`` null means a new one."""
    document = bare_label(labels.label_type, ObjectId(label_id))
    document[labels.id_attribute] = encode_id(labels.id_kind, annotation_id)
    for field, stored in labels.kinds.items():
        value = encode(mapping.field(field).kind, stored, content.get(field))
        if value is not None:
            document[key(field)] = value
    return document


def bare_label(label_type: LabelType, label_id: ObjectId) -> dict[str, Any]:
    """The document of a new label, with nothing in it but its id and class."""
    if label_type is LabelType.DETECTIONS:
        return {"_id": label_id, CLASS: "Detection", "tags": [], "attributes": {}}
    return {"_id": label_id, CLASS: "Classification", "tags": []}


def label_field(label_type: LabelType, labels: list[dict[str, Any]]) -> dict[str, Any] | None:
    """What a sample holds in a label field: a list in its container, or the one label."""
    if label_type.list_name is None:
        return labels[0] if labels else None
    return {CLASS: label_type.value, label_type.list_name: labels}


def sample_document(sample_id: ObjectId, dataset_id: ObjectId, path: str, at: datetime) -> dict[str, Any]:
    """A sample without labels; ``at`` is UTC without a zone."""
    return {
        "_id": sample_id,
        DATASET_KEY: dataset_id,
        MEDIA_TYPE: "image",
        # The key by which FiftyOne shuffles; it draws new samples from this range.
        RANDOM: random() * 0.001 + 0.999,  # noqa: S311 - nothing depends on its being secret
        "filepath": path,
        "tags": [],
        "created_at": at,
        STAMP: at,
    }


def steady_id(dataset_id: ObjectId, *parts: str) -> ObjectId:
    """An id that the same parts in the same dataset always get: what is inserted twice is found to be there.

    Its first four bytes are the dataset's own time; the other eight are a hash (64 bits: one chance in a million
    that two of five million share one).
    """
    own = dataset_id.binary
    text = "\x00".join(parts).encode(errors="surrogatepass")
    return ObjectId(own[:4] + hashlib.blake2b(text, digest_size=8, key=own).digest())
