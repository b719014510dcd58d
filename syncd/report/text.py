"""Durations in words, for people. Pure."""

from __future__ import annotations

import html
from datetime import datetime, timedelta

from syncd.printable import visible

_SIZES = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def lasted(span: timedelta | None) -> str:
    """A duration in its two largest units, such as ``3 d 4 h``; a dash where there is none."""
    if span is None:
        return "–"
    seconds = max(int(span.total_seconds()), 0)
    parts: list[tuple[int, str]] = []
    for unit, size in _SIZES:
        number, seconds = divmod(seconds, size)
        if number or parts:
            parts.append((number, unit))
    return " ".join(f"{number} {unit}" for number, unit in parts[:2] if number) or "0 s"


LONGEST = 30
"""Characters of a name on an axis."""

NO_LABEL = "no label"


def plotted(text: str | None, none: str = NO_LABEL, longest: int = 400) -> str:
    """The text as a plot shows it: literally, on one line, with nothing unseen, its direction of writing its own."""
    if text is None:
        return f"({none})"
    line = visible(text)
    cut = line if len(line) <= longest else line[: longest - 1] + "…"
    return f"\u2068{html.escape(cut)}\u2069"


def counted(number: int, noun: str, nouns: str | None = None) -> str:
    """``1 change``, ``12,345 changes``."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def moment(at: datetime | None) -> str:
    """A time to the minute, as its zone has it; a dash where there is none."""
    return "–" if at is None else at.strftime("%Y-%m-%d %H:%M")
