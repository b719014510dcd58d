"""Finds the word that somebody probably meant."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Literal

_CLOSE_ENOUGH = 60.0

_FORMS: dict[Literal["NFC", "NFD"], str] = {"NFC": "composed characters (NFC)", "NFD": "decomposed characters (NFD)"}


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word most like this one, or None where none is."""
    every = sorted(known)
    same = _same(word, every)
    if same is not None:
        return same
    # Only a mistake needs it.
    from rapidfuzz import fuzz, process

    match = process.extractOne(word[:100], every, scorer=fuzz.ratio, processor=str.lower, score_cutoff=_CLOSE_ENOUGH)
    return None if match is None else str(match[0])


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A hint that names the nearest known word, or None."""
    every = list(known)
    other = other_form(word, every)
    if other is not None:
        return other
    found = nearest(word, every)
    return None if found is None else f"did you mean {found}?"


def other_form(word: str, known: Iterable[str]) -> str | None:
    """Says that a word is known in another Unicode normal form, which no eye can see; None where it is not."""
    same = _same(word, known)
    if same is None:
        return None
    return f"{same} is there, written with {_form(same)}, and asked for with {_form(word)}"


def _same(word: str, known: Iterable[str]) -> str | None:
    if word.isascii():
        return None
    composed = unicodedata.normalize("NFC", word)
    return next((each for each in known if each != word and unicodedata.normalize("NFC", each) == composed), None)


def _form(word: str) -> str:
    return next((name for form, name in _FORMS.items() if unicodedata.is_normalized(form, word)), "both kinds of them")
