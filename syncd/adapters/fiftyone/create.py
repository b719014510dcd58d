"""Creating a dataset, and declaring what a binding needs in one that is there; by the SDK, which owns the schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as made_by
from typing import Any

from syncd.adapters.fiftyone.compat import FIELDS
from syncd.adapters.fiftyone.dataset import KINDS, DatasetInfo
from syncd.errors import MappingError
from syncd.model import Kind, LabelType


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


FIELD_TYPES = {kind: name for name, kind in KINDS.items()}
"""By kind, the name of FiftyOne's type for an attribute or sample field."""

CROPS = "crops"
"""Key of ``dataset.info["syncd"]``: each sample is one annotation, cut from its box."""

CROP_FRAME = "frame"
"""Sample field of a crop: the media of the frame that it was cut from."""


@dataclass(frozen=True)
class LabelLayout:
    """One label field: its type, and the attributes of its labels beyond those that every such label has."""

    field: str
    label_type: LabelType
    attributes: Mapping[str, Kind] = made_by(default_factory=dict)

    @property
    def root(self) -> str:
        """Path of a label, or of the list of labels, within a sample."""
        name = self.label_type.list_name
        return f"{self.field}.{name}" if name else self.field


@dataclass(frozen=True)
class Layout:
    """A dataset of images: its label fields (the bound one first), its further sample fields, and what is indexed."""

    labels: tuple[LabelLayout, ...]
    id_attribute: str
    sample_fields: Mapping[str, Kind]
    sample_key: str
    crops: bool = False

    @property
    def indexes(self) -> tuple[str, ...]:
        """Paths that syncd's queries need indexed, besides those that FiftyOne indexes itself."""
        paths = [f"{self.labels[0].root}.{self.id_attribute}"]
        if self.sample_key not in ("filepath", "id"):
            paths.append(self.sample_key)
        return tuple(paths)

    def as_info(self, name: str) -> DatasetInfo:
        """What :func:`syncd.adapters.fiftyone.dataset.describe` would find, for a dataset that is not there yet."""
        bound = self.labels[0]
        return DatasetInfo(
            name=name,
            dataset_id="",
            collection="samples.none",
            label_field=bound.field,
            label_type=bound.label_type,
            attributes={key: FIELD_TYPES[kind] for key, kind in bound.attributes.items()},
            sample_fields=frozenset({"filepath", "tags", "metadata", *self.sample_fields}),
            crops=self.crops,
        )
