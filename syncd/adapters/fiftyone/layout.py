"""What a dataset must declare so that the App shows a binding's labels and edits keep their types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as made_by

from syncd.adapters.fiftyone.dataset import KINDS, DatasetInfo
from syncd.model import Kind, LabelType

FIELD_TYPES = {kind: name for name, kind in KINDS.items()}
"""By kind, the name of FiftyOne's type for an attribute or sample field."""

CROPS = "crops"

CROP_FRAME = "frame"
"""Sample field of a crop: the media of the frame that it was cut from."""
"""Key of ``dataset.info["syncd"]``: each sample is one annotation, cut from its box."""


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
