"""Terms that must not reach FiftyOne, because it would store them as something else."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from syncd.diff.unsafe import looks_like_a_date

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
