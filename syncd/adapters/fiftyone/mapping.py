"""Where a binding's fields stand in a label's document."""

from __future__ import annotations

from dataclasses import dataclass

from syncd.model import BOX, LABEL, Kind, LabelType, Mapping


@dataclass(frozen=True)
class LabelMapping:
    """The FiftyOne half of a binding; ``kinds`` are the types in which each field is stored there.

    ``frame_key`` is the sample field that names the image that a crop was cut from, where samples are crops.
    ``actor_attribute`` is the label's attribute that names who edited it.
    """

    label_field: str
    label_type: LabelType
    id_attribute: str
    id_kind: Kind
    sample_key: str
    kinds: dict[str, Kind]
    actor_attribute: str | None = None
    frame_key: str | None = None

    @property
    def path(self) -> str:
        """The path of the label, or of the list of labels, within a sample's document."""
        name = self.label_type.list_name
        return f"{self.label_field}.{name}" if name else self.label_field

    @property
    def is_list(self) -> bool:
        """Whether the field holds a list of labels."""
        return self.label_type.list_name is not None

    @property
    def media_path(self) -> str:
        """The path of the sample field that is equal to the row's media."""
        return "_id" if self.sample_key == "id" else self.sample_key


def key(name: str) -> str:
    """A mapped field's key in the label's document."""
    return "bounding_box" if name == BOX else name


def stored_kinds(mapping: Mapping, declared: dict[str, Kind | None]) -> dict[str, Kind]:
    """In which type each field is stored: as declared, else the type that suits the column."""
    kinds: dict[str, Kind] = {}
    for each in mapping.fields:
        if each.name in (LABEL, BOX):
            kinds[each.name] = Kind.TEXT if each.name == LABEL else Kind.BOX
        else:
            kinds[each.name] = declared.get(each.name) or stored_kind(each.kind)
    return kinds


def stored_kind(kind: Kind) -> Kind:
    """The FiftyOne type for an attribute that is not declared there."""
    return {Kind.DECIMAL: Kind.FLOAT, Kind.UUID: Kind.TEXT}.get(kind, kind)
