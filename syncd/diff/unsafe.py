"""Values that the other side cannot hold exactly, or that are known to break it."""

from __future__ import annotations

import math
import re
from decimal import Decimal, InvalidOperation

from syncd.model.fields import LABEL, Field, Holds, Side
from syncd.model.kinds import Kind, Value

EXACT_IN_FLOAT = 2**53
INT64 = 2**63

_DATE = re.compile(
    r"""(\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])      # 2024-01-01
       | \d{4}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])        # 20240101
       | \d{4}-?W(0[1-9]|[1-4]\d|5[0-3])(-?[1-7])?        # 2024-W01, 2024W011
       )(.[0-2]\d.*)?""",
    re.VERBOSE | re.DOTALL,
)


def looks_like_a_date(text: str) -> bool:
    """Whether FiftyOne's App route would store this text as a date.

    It passes strings to ``datetime.fromisoformat`` (FIFTYONE_FACTS §2.6), whose grammar depends on the Python that
    runs the App: this is the widest, Python 3.11's, and a little wider.
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


def _why_not_text(holds: Holds, text: str, side: Side) -> str | None:
    if holds.max_length is not None and len(text) > holds.max_length:
        return f"{len(text)} characters, where the column holds {holds.max_length}"
    if side is Side.DATABASE and "\x00" in text:
        return "text with a NUL character, which the database cannot hold"
    return None


def _why_not_integer(holds: Holds, value: Value) -> str | None:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return f"{value!r} is not a number"
    if number != number.to_integral_value():
        return f"{value} is not a whole number"
    low = holds.minimum if holds.minimum is not None else -INT64
    high = holds.maximum if holds.maximum is not None else INT64 - 1
    return None if low <= number <= high else f"{value} is outside {low} to {high}"


def _why_not_float(value: Value) -> str | None:
    if isinstance(value, bool) or isinstance(value, float | list):
        return None
    if isinstance(value, int):
        return None if abs(value) <= EXACT_IN_FLOAT else f"{value} has more digits than a float holds"
    try:
        exact = Decimal(str(value))
    except InvalidOperation:
        return f"{value!r} is not a number"
    held = float(exact)
    if not math.isfinite(held) or Decimal(repr(held)) != exact:
        return f"{value} has more digits than a float holds"
    return None


def _why_not_decimal(holds: Holds, text: str) -> str | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return f"{text!r} is not a number"
    exponent = number.normalize().as_tuple().exponent
    places = max(0, -exponent) if isinstance(exponent, int) else 0
    if holds.scale is not None and places > holds.scale:
        return f"{text} has {places} decimal places, where the column holds {holds.scale}"
    if holds.precision is not None:
        room = holds.precision - (holds.scale or 0)
        if abs(number) >= Decimal(10) ** room:
            return f"{text} has more than {room} digits before the point"
    return None
