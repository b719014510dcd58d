"""The terms of a vocabulary, searched on the server as somebody types: a browser bears no ten thousand choices."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

from rapidfuzz import process
from rapidfuzz.distance import OSA

from syncd.model.vocabulary import Vocabulary

SHOWN = 30
"""Choices that are offered at once."""

NEAR = 0.55
"""Share of letters from which on a term is offered for something misspelt."""

_BETWEEN = re.compile(r"[\W_]+")
PATH = " > "


@dataclass(frozen=True)
class Found:
    """A term that is offered, with where it stands in the tree; ``recent``: given lately by whoever asks."""

    name: str
    path: str
    recent: bool = False

    @property
    def description(self) -> str:
        """What is shown below the term."""
        return " · ".join(filter(None, ("recently used" if self.recent else "", self.path)))


class TermIndex:
    """A vocabulary made ready for searching."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.names = sorted(vocabulary.names, key=str.casefold)
        self._above = {each.name: each.parent for each in vocabulary.terms}
        self._codes = {each.code.casefold(): each.name for each in vocabulary.terms if each.code}

    @cached_property
    def _plain(self) -> list[str]:
        return [plain(each) for each in self.names]

    def path(self, name: str) -> str:
        """The terms above, from the top: ``Crustacea > Copepoda``."""
        found: list[str] = []
        above = self._above.get(name)
        while above is not None and above not in found:
            found.append(above)
            above = self._above.get(above)
        return PATH.join(reversed(found))

    def search(self, text: str, recent: Sequence[str] = (), most: int = SHOWN) -> list[Found]:
        """The terms that fit what was typed, the likeliest first; those used lately before others that fit as well.

        With nothing typed: those used lately, then the alphabet.
        """
        lately = [each for each in recent if each in self.vocabulary.names]
        wanted = plain(text)
        if not wanted:
            names = list(dict.fromkeys([*lately, *self.names]))[:most]
        else:
            ranks = self._ranked(wanted, frozenset(lately))
            names = [name for _, name in sorted(ranks)[:most]]
            if len(names) < most:
                names = list(dict.fromkeys([*names, *self._near(wanted, most - len(names))]))
        code = self._codes.get(text.strip().casefold())
        if code is not None:
            names = list(dict.fromkeys([code, *names]))[:most]
        return [Found(name, self.path(name), name in lately) for name in names]

    def _ranked(self, wanted: str, lately: frozenset[str]) -> list[tuple[tuple[int, bool, int], str]]:
        found = []
        for name, text in zip(self.names, self._plain, strict=True):
            at = text.find(wanted)
            if at < 0:
                continue
            how = 0 if text == wanted else 1 if at == 0 else 2 if text[at - 1] == " " else 3
            found.append(((how, name not in lately, len(text)), name))
        return found

    def _near(self, wanted: str, most: int) -> list[str]:
        hits = process.extract(
            wanted, self._plain, scorer=OSA.normalized_similarity, score_cutoff=NEAR, limit=most, processor=None
        )
        return [self.names[position] for _, _, position in hits]


def plain(text: str) -> str:
    """Text without case and punctuation, its words apart."""
    return _BETWEEN.sub(" ", text.casefold()).strip()


T = TypeVar("T")


class Kept(Generic[T]):
    """What takes long to find, kept for some seconds; several threads may ask at once."""

    def __init__(self, seconds: float, most: int = 64) -> None:
        self._seconds, self._most = seconds, most
        self._lock = threading.Lock()
        self._found: dict[Any, tuple[float, T]] = {}

    def get(self, key: Any, find: Callable[[], T]) -> T:
        """What was found for the key lately, or is found now."""
        now = time.monotonic()
        with self._lock:
            known = self._found.get(key)
            if known is not None and now - known[0] < self._seconds:
                return known[1]
        made = find()
        with self._lock:
            while len(self._found) >= self._most:
                del self._found[next(iter(self._found))]
            self._found[key] = (now, made)
        return made

    def forget(self) -> None:
        """Everything is found anew."""
        with self._lock:
            self._found.clear()


VOCABULARIES: Kept[TermIndex | None] = Kept(10.0)
RECENT: Kept[tuple[str, ...]] = Kept(20.0)
