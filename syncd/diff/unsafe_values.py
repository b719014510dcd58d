"""Unsafe values: values that the other side cannot hold exactly, or that are known to break it."""

from __future__ import annotations

import math
import re
from decimal import Decimal, InvalidOperation

from syncd.model.kinds import Kind, Value
from syncd.model.mapping import BOX, LABEL, Field, Holds, LabelType, Mapping, Side

INT64 = 2**63

SHOWN = 10
"""Of the values that a column takes, how many are named to whoever gave another."""

_DATE = re.compile(
    r"""(\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])      # 2024-01-01
       | \d{4}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])        # 20240101
       | \d{4}-?W(0[1-9]|[1-4]\d|5[0-3])(-?[1-7])?        # 2024-W01, 2024W011
       )(.[0-2]\d.*)?""",
    re.VERBOSE | re.DOTALL,
)


def looks_like_a_date(text: str) -> bool:
    """Whether FiftyOne's App route would store this text as a date.

    It passes strings to ``datetime.fromisoformat``, whose grammar depends on the Python that runs the App: this is the
    widest, Python 3.11's, and a little wider. See "Values that break a dataset" in docs/fiftyone-facts.md.
    """
    return _DATE.fullmatch(text) is not None


def why_unsafe(field: Field, side: Side, value: Value) -> str | None:
    """Why ``side`` must not be given this value of the field; ``None`` where it holds it exactly."""
    holds = field.fiftyone if side is Side.FIFTYONE else field.database
    if value is None:
        return None if holds.nullable else f"{field.name} must not be null there"
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value} is not a finite number"
    if isinstance(value, list) and not all(math.isfinite(part) for part in value):
        return "a box of numbers that are not finite"
    if side is Side.FIFTYONE and field.name == LABEL and looks_like_a_date(str(value)):
        return "FiftyOne turns a label that reads as a date into a date, and the dataset no longer loads"
    if holds.kind is Kind.TEXT:
        return _why_not_text(holds, str(value), side)
    if holds.kind is Kind.INTEGER:
        return _why_not_integer(holds, value)
    if holds.kind is Kind.FLOAT:
        return _why_not_float(value)
    if holds.kind is Kind.DECIMAL:
        return _why_not_decimal(holds, str(value))
    return None


def why_unsafe_whole(
    mapping: Mapping, side: Side, values: dict[str, Value], problems: dict[str, str]
) -> tuple[str, str] | None:
    """The first field (and reason) for which a whole annotation must not be inserted on that side."""
    for each in mapping.fields:
        value = values[each.name]
        if each.name in problems:
            return each.name, f"{problems[each.name]} is {not_readable(each)}"
        if each.name == BOX and side is Side.FIFTYONE and value is None:
            return BOX, "a detection needs a box, and the row has none"
        # A column with a default takes a missing value on insert; only a label must be there.
        if value is None and side is Side.DATABASE and each.name != LABEL:
            continue
        why = why_unsafe(each, side, value)
        if why is not None:
            return each.name, why
    if side is Side.FIFTYONE and mapping.label_type is LabelType.DETECTIONS and BOX not in mapping.names:
        return BOX, "a detection needs a box, and the binding maps none (columns.box)"
    return None


def not_readable(field: Field) -> str:
    """What is wrong with a raw value that has no form as the field's kind."""
    return f"not readable as {field.kind.value}"


def _why_not_text(holds: Holds, text: str, side: Side) -> str | None:
    if holds.max_length is not None and len(text) > holds.max_length:
        return f"{len(text)} characters, where the column holds {holds.max_length}"
    if side is Side.DATABASE and "\x00" in text:
        return "text with a NUL character, which the database cannot hold"
    if holds.values is not None and text not in holds.values:
        return f"{text!r} is none of the {len(holds.values):,} values that {holds.by} takes{_such_as(holds.values)}"
    if holds.encoding is not None and (lacking := _lacking(holds.encoding, text)):
        return f"text with {lacking!r}, a character that the database's encoding ({holds.encoding}) does not have"
    return None


def _lacking(encoding: str, text: str) -> str | None:
    """The first character that an encoding does not have."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError as error:
        return text[error.start]
    return None


def _such_as(values: frozenset[str]) -> str:
    """Some of the values, of few all."""
    shown = ", ".join(repr(each) for each in sorted(values)[:SHOWN])
    return f": {shown}" + (" …" if len(values) > SHOWN else "") if values else ""


def _why_not_integer(holds: Holds, value: Value) -> str | None:
    number = _number(value)
    if number is None:
        return f"{value!r} is not a number"
    if number != number.to_integral_value():
        return f"{value} is not a whole number"
    low = holds.minimum if holds.minimum is not None else -INT64
    high = holds.maximum if holds.maximum is not None else INT64 - 1
    return None if low <= number <= high else f"{value} is outside {low} to {high}"


def _why_not_float(value: Value) -> str | None:
    if isinstance(value, float):
        return None
    if isinstance(value, int):
        return None if int(float(value)) == value else f"{value} has more digits than a float holds"
    exact = _number(value)
    if exact is None:
        return f"{value!r} is not a number"
    held = float(exact)
    if not math.isfinite(held) or Decimal(repr(held)) != exact:
        return f"{value} has more digits than a float holds"
    return None


def _why_not_decimal(holds: Holds, text: str) -> str | None:
    number = _number(text)
    if number is None:
        return f"{text!r} is not a number"
    # Not normalize() or abs(): they round to the context's 28 digits.
    places = len(format(number, "f").partition(".")[2].rstrip("0"))
    if holds.scale is not None and places > holds.scale:
        return f"{text} has {places} decimal places, where the column holds {holds.scale}"
    if holds.precision is not None:
        room = holds.precision - (holds.scale or 0)
        if number.copy_abs() >= Decimal(10) ** room:
            return f"{text} has more than {room} digits before the point"
    return None


def _number(value: Value) -> Decimal | None:
    """A finite number, exactly; ``None`` for anything else."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
