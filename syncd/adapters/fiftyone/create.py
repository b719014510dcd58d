"""Creating a dataset, and declaring what a binding needs in one that is there; by the SDK, which owns the schema."""

from __future__ import annotations

from typing import Any

from syncd.adapters.fiftyone.compat import FIELDS
from syncd.adapters.fiftyone.layout import CROPS, FIELD_TYPES, LabelLayout, Layout
from syncd.errors import MappingError
from syncd.model import Kind


def prepare(fiftyone: Any, name: str, layout: Layout) -> bool:
    """Brings the dataset to the layout; returns whether it was created. What is there and fits is left as it is.

    Raises ``MappingError`` where a field is there with another type.
    """
    created = not fiftyone.dataset_exists(name)
    if not created:
        dataset = fiftyone.load_dataset(name)
        _declare(fiftyone, dataset, layout)
        return False
    dataset = fiftyone.Dataset(name, persistent=True)
    try:
        # Set before there are samples: raw documents do not tell FiftyOne what they are.
        dataset.media_type = "image"
        _declare(fiftyone, dataset, layout)
        dataset.info["syncd"] = {CROPS: layout.crops}
        dataset.save()
    except BaseException:
        # Ctrl-C included: a dataset with half its fields would not be mended by the next call.
        dataset.delete()
        raise
    return True


def _declare(fiftyone: Any, dataset: Any, layout: Layout) -> None:
    for name, kind in layout.sample_fields.items():
        _field(fiftyone, dataset, name, kind)
    for labels in layout.labels:
        _labels(fiftyone, dataset, labels)
    indexed = dataset.list_indexes()
    for path in layout.indexes:
        if path not in indexed:
            dataset.create_index(path)


def _labels(fiftyone: Any, dataset: Any, labels: LabelLayout) -> None:
    wanted = getattr(fiftyone, labels.label_type.value)
    found = dataset.get_field(labels.field)
    if found is None:
        dataset.add_sample_field(labels.field, fiftyone.EmbeddedDocumentField, embedded_doc_type=wanted)
    elif getattr(found, "document_type", None) is not wanted:
        there = getattr(found, "document_type", type(found)).__name__
        raise MappingError(
            f"The field {labels.field!r} of {dataset.name!r} holds {there}, expected {labels.label_type.value}.",
            remedy="Choose another field, or set `ingest.label_type` of the binding to what is there.",
        )
    for name, kind in labels.attributes.items():
        _field(fiftyone, dataset, f"{labels.root}.{name}", kind)


def _field(fiftyone: Any, dataset: Any, path: str, kind: Kind) -> None:
    found = dataset.get_field(path)
    if kind is Kind.BOX:
        if found is None:
            dataset.add_sample_field(path, fiftyone.ListField, subfield=fiftyone.FloatField)
        return
    if found is None:
        dataset.add_sample_field(path, getattr(fiftyone, FIELD_TYPES[kind]))
        return
    declared = f"{type(found).__module__}.{type(found).__name__}".removeprefix(FIELDS)
    if declared != FIELD_TYPES[kind] and path in dataset.get_field_schema() and path != "filepath":
        raise MappingError(
            f"The sample field {path!r} of {dataset.name!r} is declared as {declared}, expected {FIELD_TYPES[kind]}.",
            remedy="Name another sample field in the binding, or delete this one.",
        )
