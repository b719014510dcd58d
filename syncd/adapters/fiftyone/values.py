"""Canonical values as FiftyOne stores them, and the conditions under which a stored value is still the same.

A value has one canonical form and may have several stored ones: "1.50" and "1.5" are one decimal, a UUID may stand in
capitals. A condition takes every spelling that :mod:`syncd.model.canonical` reads as the value, and no other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timezone
from decimal import Decimal
from typing import Any

import polars as pl
from bson import ObjectId

from syncd.model import Kind, Value, to_json

INT64 = range(-(2**63), 2**63)
_WHOLE = re.compile(r"0|-?[1-9][0-9]*")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_OBJECT_ID = re.compile(r"[0-9a-f]{24}")


class UnstorableError(ValueError):
    """A value that MongoDB cannot hold in the type that the field has."""


def encode(kind: Kind, stored: Kind, value: Value) -> Any:
    """A canonical value of a field as the stored type. ``UnstorableError`` where MongoDB cannot hold it."""
    if value is None or isinstance(value, list):
        return value
    if stored is Kind.TEXT:
        return _text(str(to_json(value)) if kind in (Kind.DATE, Kind.TIMESTAMP) else str(value))
    if stored is Kind.INTEGER:
        return _integer(Decimal(str(value)))
    if stored is Kind.FLOAT:
        return float(value)  # type: ignore[arg-type]
    if stored in (Kind.DATE, Kind.TIMESTAMP):
        if isinstance(value, datetime):
            return value.astimezone(timezone.utc).replace(tzinfo=None)
        if isinstance(value, date):
            return datetime.combine(value, time())
    return value


def stored_column(kind: Kind, stored: Kind, values: pl.Series) -> list[Any]:
    """A canonical column as stored values; ``UnstorableError`` as of :func:`encode`."""
    plain = values.to_list()
    if kind is stored and kind in (Kind.TEXT, Kind.INTEGER, Kind.FLOAT, Kind.BOOLEAN, Kind.BOX):
        return plain
    return [encode(kind, stored, value) for value in plain]


def condition(kind: Kind, stored: Kind, value: Value) -> Any:
    """A query condition: the stored value still means what the diff saw. Missing and null are the same."""
    if value is None:
        return {"$in": [None, float("nan")]} if stored is Kind.FLOAT else None
    if stored is Kind.TEXT and kind in _SPELLINGS:
        return _matching(_SPELLINGS[kind](value))
    return encode(kind, stored, value)


def _of_integer(value: Value) -> str:
    return "-?0" if value == 0 else str(value)


def _of_decimal(value: Value) -> str:
    text = str(value)
    sign = "[+-]?" if text == "0" else "-" if text.startswith("-") else "[+]?"
    return sign + "0*" + re.escape(text.lstrip("-")) + ("0*" if "." in text else "([.]0+)?")


def _of_timestamp(value: Value) -> str:
    second, fraction = str(to_json(value)).rstrip("Z").split(".")
    digits = fraction.rstrip("0")
    # What is finer than a millisecond is cut off in reading, so it may be anything; zeros before it may be left out.
    rest = "[0-9]*"
    for _ in range(len(fraction) - len(digits)):
        rest = f"(0{rest})?"
    return second + (f"[.]{digits}{rest}" if digits else f"([.]{rest})?") + "Z"


def _of_uuid(value: Value) -> str:
    return "{?" + "-?".join(str(value).split("-")) + "}?"


_SPELLINGS = {
    Kind.INTEGER: _of_integer,
    Kind.DECIMAL: _of_decimal,
    Kind.TIMESTAMP: _of_timestamp,
    Kind.UUID: _of_uuid,
}
"""By kind, the pattern of the spellings that are read as a value where the attribute holds text."""

TEXT_OF = {
    Kind.DECIMAL: r"^[+-]?[0-9]+([.][0-9]+)?$",
    Kind.DATE: r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
    Kind.TIMESTAMP: r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?Z$",
}
"""What text must look like to be read as these kinds at all: parsers take more, which no condition would find."""


def _matching(pattern: str) -> dict[str, str]:
    # "$" would also match before a line break at the end; only UUIDs have letters of either case.
    return {"$regex": rf"\A({pattern})\z", "$options": "i"}


def encode_id(stored: Kind, text: str | None) -> Any:
    """An annotation id as its attribute holds it: an integer where FiftyOne declares one, else text."""
    if text is None:
        return None
    if stored is not Kind.INTEGER:
        return _text(text)
    if _WHOLE.fullmatch(text) is None:
        raise UnstorableError(f"{text!r} is not an integer, as which FiftyOne declares the id")
    return _integer(int(text))


def id_condition(stored: Kind, text: str | None) -> Any:
    """A query condition: the label still bears this id, however it is stored. An empty id is none."""
    if text is None:
        return {"$in": [None, ""]}
    if stored is Kind.UUID and _UUID.fullmatch(text):
        return _matching(_of_uuid(text))
    return {"$in": list(stored_forms(text))}


def stored_forms(text: str) -> Iterator[Any]:
    """The forms in which a key that reads as this text may be stored: as text, as a number, as an ObjectId."""
    if is_storable(text):
        yield text
    if _WHOLE.fullmatch(text) and int(text) in INT64:
        yield int(text)
    if _OBJECT_ID.fullmatch(text):
        yield ObjectId(text)


def stored_id_forms(stored: Kind, text: str) -> Iterator[Any]:
    """The same of an id, for an indexed search: of a UUID the usual spellings, of which there are too many."""
    yield from stored_forms(text)
    if stored is Kind.UUID and _UUID.fullmatch(text):
        for form in (text, text.replace("-", ""), "{" + text + "}"):
            yield form.upper()
            yield form


def is_storable(text: str) -> bool:
    """Whether this text has an encoding at all (a lone surrogate has none)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _text(text: str) -> str:
    if not is_storable(text):
        raise UnstorableError(f"{text!r} is not text that can be encoded")
    return text


def _integer(number: Decimal | int) -> int:
    if number != int(number):
        raise UnstorableError(f"{number} is no integer, as which FiftyOne declares the attribute")
    if int(number) not in INT64:
        raise UnstorableError(f"{number} is larger than any integer that MongoDB holds")
    return int(number)
