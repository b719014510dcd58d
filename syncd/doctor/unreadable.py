"""Values that FiftyOne itself can no longer load: one of them keeps the whole dataset from being opened.

What loads and what does not was found by trying each type in each kind of field (FiftyOne 1.22.1): numbers go into
each other and may be text that reads as a number; everything else must be of its own type; null and missing are fine
except inside a list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

NOTHING = ["null", "missing", "undefined"]
NUMBERS = ["int", "long", "double", "bool"]

_PLAIN = {
    "StringField": ["string"],
    "ObjectIdField": ["objectId"],
    "BooleanField": ["bool"],
    "DateField": ["date"],
    "DateTimeField": ["date"],
    "DictField": ["object"],
    "EmbeddedDocumentField": ["object"],
}
_NUMERIC = ("IntField", "FloatField", "FrameNumberField")

Expression = dict[str, Any]


@dataclass(frozen=True)
class Declared:
    """One field as FiftyOne declares it: the key it has in documents, its type, and the type of its elements."""

    key: str
    type: str
    elements: str | None


def declared(fields: Iterable[Mapping[str, Any]]) -> list[Declared]:
    """The fields of a dataset or of an embedded document, from FiftyOne's own description."""
    return [
        Declared(
            str(each.get("db_field") or each["name"]), _short(each.get("ftype")), _short(each.get("subfield")) or None
        )
        for each in fields
    ]


def _short(type_: object) -> str:
    return str(type_ or "").rpartition(".")[2]


def wrong(path: str, field: Declared, *, strict: bool) -> Expression | None:
    """Whether the value at ``path`` cannot be loaded as this field; ``None`` where anything can.

    ``strict`` is for the fields of labels; a sample's own boolean may be anything.
    """
    if field.type in _NUMERIC:
        return _no_number(path, field.type)
    if field.type == "BooleanField" and not strict:
        return None
    if field.type in _PLAIN:
        return _not_of(path, _PLAIN[field.type])
    if field.type == "ListField":
        return {"$or": [_not_of(path, ["array"]), _wrong_element(path, field.elements)]}
    return None


def _not_of(path: str, types: list[str]) -> Expression:
    return {"$not": [{"$in": [{"$type": path}, [*types, *NOTHING]]}]}


def _no_number(path: str, type_: str) -> Expression:
    """Not a number, nor text of one; an integer cannot be NaN or infinite either."""
    to = "double" if type_ == "FloatField" else "long"
    converted = {"$convert": {"input": path, "to": to, "onError": None, "onNull": None}}
    unfit = {"$and": [{"$not": [{"$in": [{"$type": path}, NOTHING]}]}, {"$eq": [converted, None]}]}
    return {"$or": [_not_of(path, [*NUMBERS, "string"]), unfit]}


def _wrong_element(path: str, elements: str | None) -> Expression | bool:
    """Whether any element of a list cannot be loaded; a null is no element."""
    item = "$$item"
    if elements in _NUMERIC:
        bad = _no_number(item, str(elements))
    elif elements in _PLAIN:
        bad = _not_of(item, _PLAIN[str(elements)])
    else:
        return False
    items = {"$cond": [{"$isArray": [path]}, path, []]}
    nothing = {"$in": [{"$type": item}, NOTHING]}
    found = {"$filter": {"input": items, "as": "item", "cond": {"$or": [nothing, bad]}}}
    return {"$gt": [{"$size": found}, 0]}


def wrong_paths(prefix: str, fields: Iterable[Declared], *, strict: bool) -> dict[str, Expression]:
    """{key: whether it cannot be loaded} of all fields whose type says what can be."""
    found = {each.key: wrong(f"{prefix}{each.key}", each, strict=strict) for each in fields}
    return {key: each for key, each in found.items() if each is not None}


def not_of_class(path: str, name: str) -> Expression:
    """Whether an embedded document says that it is of another class; saying nothing is fine, a null is not."""
    return {"$not": [{"$or": [{"$eq": [{"$type": path}, "missing"]}, {"$eq": [path, name]}]}]}


def undeclared(known: Iterable[str]) -> Expression:
    """The keys of a sample that its dataset does not declare: any of them keeps FiftyOne from loading it."""
    keys = {"$map": {"input": {"$objectToArray": "$$ROOT"}, "as": "each", "in": "$$each.k"}}
    return {"$setDifference": [keys, {"$literal": sorted({*known, "_id"})}]}


def named(checks: Mapping[str, Expression]) -> Expression:
    """The keys whose check fails, as a list."""
    parts = [{"$cond": [check, {"$literal": [key]}, []]} for key, check in checks.items()]
    return {"$concatArrays": parts} if parts else {"$literal": []}


def anything(checks: Mapping[str, Expression]) -> Expression | bool:
    """Whether any check fails."""
    return {"$or": list(checks.values())} if checks else False
