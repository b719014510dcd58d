"""Durations as people write them: ``30s``, ``10m``, ``1h30m``, ``500ms``, or a plain number of seconds."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from fractions import Fraction

_MICROSECONDS = {
    "w": 604_800_000_000,
    "d": 86_400_000_000,
    "h": 3_600_000_000,
    "m": 60_000_000,
    "s": 1_000_000,
    "ms": 1_000,
}
_ORDER = list(_MICROSECONDS)
_PART = re.compile(r"(\d{1,18}(?:\.\d{1,9})?)\s*(ms|[wdhms])", re.ASCII)
_NUMBER = re.compile(r"\d{1,18}(?:\.\d{1,9})?", re.ASCII)
_MICROSECOND = timedelta(microseconds=1)


def parse_duration(value: object) -> timedelta:
    """Read a duration: text (``1h30m``; units w d h m s ms, largest first), seconds, or a timedelta.

    Zero or more, exact to the microsecond. Raises ValueError, whose text never repeats the value.
    """
    if isinstance(value, timedelta):
        if value < timedelta(0):
            raise ValueError("a duration cannot be negative")
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        # One kind of error, whatever is wrong: callers ask whether it is a duration.
        raise ValueError("a duration is text such as 30s, or a number of seconds")  # noqa: TRY004
    if isinstance(value, str):
        return _from_microseconds(_text_to_microseconds(value.strip()))
    if value < 0 or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError("a duration is zero or more seconds")
    # By way of str, a float means the decimal that was written: 0.1 is 100 ms and not 100.000000000000005.
    seconds = Fraction(str(value)) if isinstance(value, float) else Fraction(value)
    return _from_microseconds(seconds * 1_000_000)


def format_duration(duration: timedelta) -> str:
    """Write a duration the way `parse_duration` reads it: ``1h30m``, ``500ms``, ``0s``."""
    if duration < timedelta(0):
        return "-" + format_duration(-duration)
    left = duration // _MICROSECOND
    parts = []
    # Weeks are read but not written: 7d says the same and is what people expect to see.
    for unit in _ORDER[1:-1]:
        count, left = divmod(left, _MICROSECONDS[unit])
        if count:
            parts.append(f"{count}{unit}")
    if left:
        milliseconds, rest = divmod(left, 1_000)
        fraction = f".{rest:03d}".rstrip("0") if rest else ""
        parts.append(f"{milliseconds}{fraction}ms")
    return "".join(parts) or "0s"


def _text_to_microseconds(text: str) -> Fraction:
    if _NUMBER.fullmatch(text):
        return Fraction(text) * 1_000_000
    total = Fraction(0)
    position = 0
    last = -1
    while position < len(text):
        part = _PART.match(text, position)
        if part is None:
            raise ValueError("write a number and a unit: 30s, 10m, 1h30m, 500ms, 2d")
        rank = _ORDER.index(part[2])
        if rank <= last:
            raise ValueError("write each unit once, the largest first: 1h30m")
        total += Fraction(part[1]) * _MICROSECONDS[part[2]]
        last, position = rank, part.end()
        while position < len(text) and text[position] == " ":
            position += 1
    if last < 0:
        raise ValueError("write a number and a unit: 30s, 10m, 1h30m, 500ms, 2d")
    return total


def _from_microseconds(microseconds: Fraction) -> timedelta:
    try:
        return timedelta(microseconds=round(microseconds))
    except OverflowError:
        raise ValueError("a duration is at most 999999999 days") from None
