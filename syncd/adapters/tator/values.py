"""Attribute values of Tator and their canonical forms."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

import polars as pl

from syncd.model import Field, Kind, Value
from syncd.model.kinds import dtype, iso
from syncd.model.mapping import Holds
from syncd.model.store import FieldFacts

GEOMETRY = ("x", "y", "width", "height")
BIGGEST = 2**63

KINDS: dict[str, Kind] = {
    "bool": Kind.BOOLEAN,
    "int": Kind.INTEGER,
    "float": Kind.FLOAT,
    "enum": Kind.TEXT,
    "string": Kind.TEXT,
    "datetime": Kind.TIMESTAMP,
}
"""The types of attributes that can be mapped, and the kinds of their values."""


def facts(attribute: dict[str, Any], type_name: str) -> FieldFacts | None:
    """What the mapping must know of an attribute; ``None`` of one whose type is no single value."""
    kind = KINDS.get(str(attribute.get("dtype")))
    if kind is None:
        return None
    holds = Holds(
        kind,
        nullable=not attribute.get("required", False),
        minimum=_bound(attribute.get("minimum"), kind),
        maximum=_bound(attribute.get("maximum"), kind),
    )
    place = f"attribute {attribute['name']!r} of {type_name}"
    return FieldFacts(kind, holds, place, str(attribute["dtype"]))


def _bound(number: Any, kind: Kind) -> int | None:
    return int(number) if kind is Kind.INTEGER and isinstance(number, int | float) else None


def raw_of(field: Field, held: dict[str, Any], name: str) -> Any:
    """What a row of Tator holds of a field: an attribute's value, or the four numbers of the box."""
    if field.kind is Kind.BOX:
        return [held.get(each) for each in GEOMETRY]
    return held["attributes"].get(name)


def canonical(kind: Kind, raw: Any) -> tuple[Value, str | None]:
    """One value in canonical form, and, where it has none, its text for a person."""
    if raw is None or (kind is Kind.BOX and raw == [None] * 4):
        return None, None
    value = _sound(kind, raw)
    return (value, None) if value is not None else (None, json.dumps(raw, ensure_ascii=False))


def _sound(kind: Kind, raw: Any) -> Value:
    if kind is Kind.BOX:
        sound = all(_is_number(each) and math.isfinite(each) for each in raw)
        return [float(each) for each in raw] if sound else None
    if kind is Kind.TEXT:
        return raw if isinstance(raw, str) else None
    if kind is Kind.BOOLEAN:
        return raw if isinstance(raw, bool) else None
    if kind is Kind.INTEGER:
        if not _is_number(raw) or (isinstance(raw, float) and not raw.is_integer()):
            return None
        return int(raw) if -BIGGEST <= raw < BIGGEST else None
    if kind is Kind.FLOAT:
        return float(raw) if _is_number(raw) and math.isfinite(raw) else None
    return _moment(raw) if kind is Kind.TIMESTAMP and isinstance(raw, str) else None


def _is_number(raw: Any) -> bool:
    return isinstance(raw, int | float) and not isinstance(raw, bool)


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        utc = moment.replace(tzinfo=moment.tzinfo or timezone.utc).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


_PLAIN: dict[Kind, set[type]] = {
    Kind.TEXT: {str, type(None)},
    Kind.BOOLEAN: {bool, type(None)},
    Kind.FLOAT: {float, type(None)},
}
"""Types of which every value is sound, so that a whole column is."""


def column_of(kind: Kind, raw: Sequence[Any]) -> tuple[pl.Series, dict[int, str]]:
    """A column of canonical values, and the texts of those that have no canonical form, by row."""
    plain = _PLAIN.get(kind)
    if plain is not None and set(map(type, raw)) <= plain:
        return pl.Series(raw, dtype=dtype(kind)), {}
    values, problems = [], {}
    for position, each in enumerate(raw):
        value, problem = canonical(kind, each)
        values.append(value)
        if problem is not None:
            problems[position] = problem
    return pl.Series(values, dtype=dtype(kind)), problems


def why_unsendable(kind: Kind, value: Value) -> str | None:
    """Why no call can carry a value: JSON has no such number, and the server's database no such character."""
    if isinstance(value, str):
        if "\x00" in value:
            return "the store's database holds no character of code 0"
        if not _encodable(value):
            return "half of a surrogate pair is no text"
    if isinstance(value, int) and not isinstance(value, bool) and not -BIGGEST <= value < BIGGEST:
        return f"{value} is beyond 64 bits"
    if isinstance(value, float) and not math.isfinite(value):
        return f"JSON has no number {value}"
    if kind is Kind.BOX and isinstance(value, list):
        if not all(0.0 <= each <= 1.0 for each in value):
            return "Tator holds boxes within their image only: x, y, width and height are 0 to 1"
        if not all(value[2:]):
            return "Tator ignores a width or height of 0 without a word"
    return None


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def sent(value: Value) -> Any:
    """A canonical value as a call carries it."""
    if isinstance(value, datetime):
        return iso(value)
    return value
