"""Escapes people's text for plots, which take some HTML for markup; and writes counts in words. Pure."""

from __future__ import annotations

import html
from datetime import datetime

from syncd.printable import visible

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
