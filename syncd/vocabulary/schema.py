"""The label schema of a field as FiftyOne's annotation takes it.

The parts of the vocabulary and of the mapping replace what is there; what somebody else set in the App stays.
"""

from __future__ import annotations

import copy
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from syncd.diff.unsafe_values import looks_like_a_date
from syncd.model import Kind

Schema: TypeAlias = "dict[str, Any]"

TYPES: dict[Kind, tuple[str, str]] = {
    Kind.TEXT: ("str", "text"),
    Kind.INTEGER: ("int", "text"),
    Kind.FLOAT: ("float", "text"),
    Kind.BOOLEAN: ("bool", "toggle"),
    Kind.DATE: ("date", "datepicker"),
    Kind.TIMESTAMP: ("datetime", "datepicker"),
}
"""How FiftyOne calls a stored kind, and the input for it (``fiftyone.core.annotation.constants``)."""

CHOOSERS = ("dropdown", "radio")
"""The inputs that choose among classes."""


@dataclass(frozen=True)
class Attribute:
    """A mapped attribute of the label: the kind in which it is stored, and whether it comes from the database only."""

    name: str
    kind: Kind
    read_only: bool


@dataclass(frozen=True)
class Fields:
    """The mapping's part of a schema."""

    id_attribute: str
    id_kind: Kind
    attributes: tuple[Attribute, ...]

    @property
    def id_schema(self) -> Schema:
        """The id, shown and never edited: left to itself, FiftyOne would offer a drop-down of all ids."""
        type_, component = TYPES[self.id_kind]
        return {"name": self.id_attribute, "type": type_, "component": component, "read_only": True}


def with_classes(found: Schema, fields: Fields, classes: Sequence[str]) -> Schema:
    """A schema that offers a list of classes. A default that is none of them any more is dropped."""
    schema = _with_attributes(found, fields)
    schema.pop("applied_ontology", None)
    schema["attributes"].insert(0, fields.id_schema)
    schema["classes"] = list(classes)
    if schema.get("component") not in CHOOSERS:
        schema["component"] = CHOOSERS[0]
    if schema.get("default") not in classes:
        schema.pop("default", None)
    return schema


def with_ontology(found: Schema, fields: Fields, ontology: str) -> Schema:
    """A schema that offers the tree of an ontology, to which the id attribute belongs as well."""
    schema = _with_attributes(found, fields)
    for key in ("classes", "default"):
        schema.pop(key, None)
    return schema | {"component": CHOOSERS[0], "applied_ontology": ontology}


def _with_attributes(found: Schema, fields: Fields) -> Schema:
    """The schema with the mapped attributes, without the id."""
    schema = copy.deepcopy(found)
    mapped = {each.name: each for each in fields.attributes}
    attributes = [each for each in schema.get("attributes", []) if each.get("name") != fields.id_attribute]
    there = {each.get("name") for each in attributes}
    attributes += [{"name": name} for name in mapped if name not in there]
    schema["attributes"] = [
        _attribute(each, mapped[each["name"]]) if each.get("name") in mapped else each for each in attributes
    ]
    return schema


def _attribute(found: Mapping[str, Any], attribute: Attribute) -> Schema:
    type_, component = TYPES[attribute.kind]
    schema = dict(found) if found.get("type") == type_ else {"name": attribute.name}
    schema |= {"type": type_, "component": schema.get("component", component)}
    # An input that takes what no reviewer may change would only lose their work.
    schema.pop("read_only", None)
    return schema | {"read_only": True} if attribute.read_only else schema


_BREAKS = ("Cc", "Cs", "Zl", "Zp")
"""Unicode categories: control characters, half characters, line and paragraph separators."""


@dataclass(frozen=True)
class LeftOut:
    """A term that is not pushed, and why."""

    term: str
    why: str


def why_poison(term: str) -> str | None:
    """Why FiftyOne would not keep this term as it is; ``None`` where it would."""
    if looks_like_a_date(term):
        return "FiftyOne turns a label that reads as a date into a date, and the dataset no longer loads"
    broken = next((each for each in term if unicodedata.category(each) in _BREAKS), None)
    if broken is not None:
        return f"it holds U+{ord(broken):04X}, a character that cannot be seen or typed"
    return None


def left_out(names: Iterable[str]) -> tuple[LeftOut, ...]:
    """The terms among these that are not pushed."""
    return tuple(LeftOut(name, why) for name in names if (why := why_poison(name)) is not None)
