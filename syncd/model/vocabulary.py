"""The vocabulary: the terms that a label may be. :mod:`syncd.vocabulary` reads and pushes them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from syncd.model.kinds import Json, dumps


@dataclass(frozen=True)
class Term:
    """One class. ``parent`` names the term above it in the tree, if there is a tree."""

    name: str
    parent: str | None = None
    rank: str | None = None
    code: str | None = None


@dataclass(frozen=True)
class Vocabulary:
    """Terms, labels that are allowed whatever the terms say, and spellings that mean a term.

    ``left_out`` says what of its source is no term; it changes nothing.
    """

    terms: tuple[Term, ...]
    extra_labels: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = field(default=(), compare=False)

    @cached_property
    def names(self) -> frozenset[str]:
        """Every label that may stand as it is."""
        return frozenset(each.name for each in self.terms) | frozenset(self.extra_labels)

    def meant(self, label: str) -> str | None:
        """The term that a label is or stands for; ``None`` where it is neither a term nor an alias."""
        if label in self.names:
            return label
        term = self.aliases.get(label)
        return term if term in self.names else None

    @cached_property
    def fingerprint(self) -> str:
        """Changes when anything in it changes; the order in which terms were read does not matter."""
        terms: list[Json] = sorted(json.dumps([each.name, each.parent, each.rank, each.code]) for each in self.terms)  # type: ignore[assignment]
        content: Json = {"terms": terms, "extra": [*sorted(self.extra_labels)], "aliases": {**self.aliases}}
        return hashlib.blake2b(dumps(content).encode(), digest_size=16).hexdigest()
