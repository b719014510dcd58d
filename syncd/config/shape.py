"""The shape of the configuration at a place: which keys belong there, and what each one holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Literal, Union, get_args, get_origin

from pydantic import BaseModel, Tag
from pydantic.fields import FieldInfo

from syncd.config.faults import Path, format_place
from syncd.config.kinds import Expect

FULL, SHORT = "«full»", "«short»"
"""Which form of a section stands in the file; written so that they cannot be taken for keys in the place of a fault."""

Location = tuple["str | int", ...]
"""A path as pydantic gives it: with a «tag» for each choice between models, and ``[key]`` at a bad key."""


def path_of(location: Location) -> Path:
    """The path in the file that a pydantic location stands for."""
    return tuple(part for part in location if not _is_tag(part) and part != "[key]")


def known_keys(model: type[BaseModel], location: Location) -> dict[str, FieldInfo]:
    """The keys of the mapping at this location, as they stand in the file; empty where it is no section."""
    keys: dict[str, FieldInfo] = {}
    for found in _types_at(model, location):
        if isinstance(found, type) and issubclass(found, BaseModel):
            keys.update({field.alias or name: field for name, field in found.model_fields.items()})
    return keys


def expected_at(model: type[BaseModel], location: Location) -> str:
    """In words, what stands at this location."""
    for found in _types_at(model, location):
        if isinstance(found, type) and hasattr(found, "IN_WORDS"):
            return str(found.IN_WORDS)
    keys = known_keys(model, location)
    if keys:
        required = [key for key, field in keys.items() if field.is_required()]
        return f"a mapping with {', '.join(required or keys)}"
    field = known_keys(model, location[:-1]).get(str(location[-1])) if location else None
    if field is None:
        literals = [found for found in _types_at(model, location) if get_origin(found) is Literal]
        return f"one of {', '.join(map(str, get_args(literals[0])))}" if literals else "another value"
    for marker in field.metadata:
        if isinstance(marker, Expect):
            return marker.what
    kinds = [get_origin(inner) for inner, _ in _branches(field.annotation)]
    return "a list" if tuple in kinds else "a mapping"


def homes_of_key(model: type[BaseModel], key: str) -> set[str]:
    """Every place where a key of this name belongs: ``daemon``, ``bindings[].columns``, …; empty: the top."""
    return {format_place(path).replace("[0]", "[]") for path in _homes(model, key, ())}


def _homes(model: type[BaseModel], key: str, path: Path) -> Iterator[Path]:
    for name, field in model.model_fields.items():
        word = field.alias or name
        if word == key:
            yield path
        for inner, _ in _branches(field.annotation):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                yield from _homes(inner, key, (*path, word))
            elif get_origin(inner) is tuple:
                for item, _ in _branches(get_args(inner)[0]):
                    if isinstance(item, type) and issubclass(item, BaseModel):
                        yield from _homes(item, key, (*path, word, 0))


def _types_at(model: type[BaseModel], location: Location) -> Iterator[object]:
    """The types that the value at this location may have."""
    annotations: list[object] = [model]
    for part in location:
        annotations = [found for annotation in annotations for found in _step(annotation, part)]
    return (inner for annotation in annotations for inner, _ in _branches(annotation))


def _is_tag(part: object) -> bool:
    return isinstance(part, str) and part.startswith("«") and part.endswith("»")


def _step(annotation: object, part: str | int) -> Iterator[object]:
    for inner, tag in _branches(annotation):
        if _is_tag(part):
            # A section that may be written short has a tag for its full form and none in its annotation.
            if part in (tag, FULL):
                yield inner
        elif isinstance(inner, type) and issubclass(inner, BaseModel):
            for name, field in inner.model_fields.items():
                if (field.alias or name) == part:
                    yield field.annotation
        elif get_origin(inner) is tuple and isinstance(part, int):
            yield get_args(inner)[0]
        elif get_origin(inner) is Mapping and len(get_args(inner)) == 2:
            yield get_args(inner)[1]


def _branches(annotation: object, tag: str | None = None) -> Iterator[tuple[object, str | None]]:
    """The types that an annotation allows, each with the tag that pydantic calls it by."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *markers = get_args(annotation)
        tags = [marker.tag for marker in markers if isinstance(marker, Tag)]
        yield from _branches(inner, tags[0] if tags else tag)
    elif origin in (Union, UnionType):
        for inner in get_args(annotation):
            yield from _branches(inner, tag)
    else:
        yield annotation, tag
