"""From entries, wherever they were read, to terms; or to one error that names all that is wrong with them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from rapidfuzz import process
from rapidfuzz.distance import OSA

from syncd.model.vocabulary import Term
from syncd.vocabulary.faults import SHOWN, InvalidVocabulary

MISSPELT = 0.85
"""Share of letters from which on a parent was probably meant to be a term."""


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
    """Terms in the order of their source, and the entries that they were."""

    terms: tuple[Term, ...]
    entries: tuple[Entry, ...]
    source: str

    def notes(self) -> tuple[str, ...]:
        """What is odd about them and does no harm. Takes longer than the reading, so it is done when asked for."""
        return tuple(f"{self.source}: {note}" for note in [*_spaces(self.entries), *_headers(self.terms)])


def build_terms(entries: Iterable[Entry], source: str, faults: Sequence[str] = ()) -> Terms:
    """Checks entries and makes terms of them.

    ``faults`` are what was found in reading. A parent that is no term is a header: a group that is not itself a class.
    Raises InvalidVocabulary: no terms, blank or repeated ones, parents in a circle.
    """
    read = list(entries)
    found = [*faults, *_faults(read)]
    terms = tuple(Term(_plain(e.name), _text(e.parent), _text(e.rank), _text(e.code)) for e in read)
    if not found:
        found = list(_circles(terms))
    if not found and not terms:
        found = ["found no term, expected at least one"]
    if found:
        raise InvalidVocabulary(source, found)
    return Terms(terms, tuple(read), source)


def _plain(text: str) -> str:
    return text.strip()


def _text(text: str | None) -> str | None:
    return (_plain(text) or None) if text is not None else None


def _faults(entries: Sequence[Entry]) -> Iterator[str]:
    first: dict[str, str] = {}
    for each in entries:
        name = _plain(each.name)
        if not name:
            yield f"{each.place}: found a blank, expected a term"
        elif name in first:
            yield f"{each.place}: found {name!r} a second time (first: {first[name]}), expected each term once"
        else:
            first[name] = each.place


def _circles(terms: Sequence[Term]) -> Iterator[str]:
    above = {each.name: each.parent for each in terms if each.parent is not None}
    seen: set[str] = set()
    for start in above:
        path: dict[str, None] = {}
        name: str | None = start
        while name is not None and name not in seen and name not in path:
            path[name] = None
            name = above.get(name)
        if name is not None and name in path:
            circle = list(path)[list(path).index(name) :]
            yield f"found a circle of parents, {' → '.join([*circle, name])}, expected a tree"
        seen.update(path)


def _spaces(entries: Sequence[Entry]) -> Iterator[str]:
    for each in entries:
        if each.name != _plain(each.name):
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
