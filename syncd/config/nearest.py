"""The word that somebody probably meant."""

from __future__ import annotations

from collections.abc import Iterable

from rapidfuzz import fuzz, process

_CLOSE_ENOUGH = 60.0


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word most like this one, or None where none is."""
    match = process.extractOne(
        word[:100], sorted(known), scorer=fuzz.ratio, processor=str.lower, score_cutoff=_CLOSE_ENOUGH
    )
    return None if match is None else str(match[0])


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A hint that names the nearest known word, or None."""
    found = nearest(word, known)
    return None if found is None else f"did you mean {found}?"
