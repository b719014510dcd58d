"""Turns entries, wherever they were read, into terms; leaves out and names what is none."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from rapidfuzz import process
from rapidfuzz.distance import OSA

from syncd.errors import ConfigError
from syncd.model.vocabulary import Term

MISSPELT = 0.85
"""Share of letters from which on a parent was probably meant to be a term."""

_UNHOLDABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True)
class Entry:
    """A term as it stands in its source; ``place`` says where (``line 7``)."""

    name: str
    place: str
    parent: str | None = None
    rank: str | None = None
    code: str | None = None


@dataclass(frozen=True)
class Terms:
    """Terms in the order of their source, and the entries that they were.

    ``left_out`` says, with its place, what is no term, or no parent, and costs nothing but itself.
    """

    terms: tuple[Term, ...]
    entries: tuple[Entry, ...]
    source: str
    left_out: tuple[str, ...] = ()

    def notes(self) -> tuple[str, ...]:
        """What is odd about them and does no harm. Takes longer than the reading, so it is done when asked for."""
        found = [*self.left_out[:SHOWN], *_spaces(self.entries), *_headers(self.terms)]
        if len(self.left_out) > SHOWN:
            found.insert(SHOWN, f"and {len(self.left_out) - SHOWN:,} more that are no terms")
        return tuple(f"{self.source}: {note}" for note in found)


def build_terms(entries: Iterable[Entry], source: str, faults: Sequence[str] = ()) -> Terms:
    """Makes terms of entries; one that is blank, there already, or no text is left out, and so are parents in a circle.

    ``faults`` are what was found in reading. A parent that is no term is a header: a group that is not itself a class.
    Raises InvalidVocabulary for these faults, and where there is no term at all.
    """
    read = list(entries)
    terms: dict[str, Term] = {}
    left_out: list[str] = []
    places: dict[str, str] = {}
    for each in read:
        name = _plain(each.name)
        why = _why_no_term(name) or (f"found {name!r} a second time (first: {places[name]})" if name in terms else None)
        if why is not None:
            left_out.append(f"{each.place}: {why}, which was left out")
            continue
        terms[name], places[name] = Term(name, _text(each.parent), _text(each.rank), _text(each.code)), each.place
    for circle in _circles(terms.values()):
        left_out.append(f"found a circle of parents, {' → '.join([*circle, circle[0]])}: these have no parent")
        terms |= {name: replace(terms[name], parent=None) for name in circle}
    found = list(faults)
    if not found and not terms:
        found = [*left_out, "found no term, expected at least one"]
    if found:
        raise InvalidVocabulary(source, found)
    return Terms(tuple(terms.values()), tuple(read), source, tuple(left_out))


def _plain(text: str) -> str:
    return text.strip()


def _text(text: str | None) -> str | None:
    return (_plain(text) or None) if text is not None else None


def _why_no_term(name: str) -> str | None:
    """Why a name can be no label of anything."""
    if not name:
        return "found a blank"
    return "found half of a surrogate pair, or a NUL" if _UNHOLDABLE.search(name) else None


def _circles(terms: Iterable[Term]) -> Iterator[list[str]]:
    above = {each.name: each.parent for each in terms if each.parent is not None}
    seen: set[str] = set()
    for start in above:
        path: dict[str, None] = {}
        name: str | None = start
        while name is not None and name not in seen and name not in path:
            path[name] = None
            name = above.get(name)
        if name is not None and name in path:
            yield list(path)[list(path).index(name) :]
        seen.update(path)


def _spaces(entries: Sequence[Entry]) -> Iterator[str]:
    for each in entries:
        if _plain(each.name) and each.name != _plain(each.name):
            yield f"{each.place}: {each.name!r} has spaces around it, which were left out"


def _headers(terms: Sequence[Term]) -> Iterator[str]:
    """One note about all parents that are no terms: often meant so, sometimes misspelt."""
    names = {each.name for each in terms}
    headers = [each for each in dict.fromkeys(term.parent for term in terms) if each is not None and each not in names]
    if not headers:
        return
    shown = [f"{each!r}{_hint(each, names)}" for each in headers[:SHOWN]]
    if len(headers) > SHOWN:
        shown.append(f"and {len(headers) - SHOWN:,} more")
    yield f"parents that are no terms, and stand as headers only: {', '.join(shown)}"


def _hint(parent: str, names: Collection[str]) -> str:
    like = process.extractOne(
        parent, names, scorer=OSA.normalized_similarity, processor=str.lower, score_cutoff=MISSPELT
    )
    return f" (did you mean {like[0]!r}?)" if like else ""


SHOWN = 20


class InvalidVocabulary(ConfigError):
    """A vocabulary that cannot be used; ``faults`` are sentences with their places, in order."""

    def __init__(self, source: str, faults: Sequence[str], *, remedy: str | None = None) -> None:
        self.faults = tuple(faults)
        shown = [f"{source}: {fault}" for fault in self.faults[:SHOWN]]
        if len(self.faults) > SHOWN:
            shown.append(f"and {len(self.faults) - SHOWN:,} more")
        super().__init__("\n".join(shown), remedy=remedy or "Mend it, then run `syncd vocabulary check`.")
