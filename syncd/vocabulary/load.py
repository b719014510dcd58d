"""Loads the vocabulary that a binding names, from a table, a file or the configuration."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

from syncd.canonical import other_forms
from syncd.config import BindingConfig
from syncd.config.nearest import did_you_mean
from syncd.config.vocabulary import VocabularyFile, VocabularyTable
from syncd.model.vocabulary import Vocabulary
from syncd.vocabulary.file import read_vocabulary_file
from syncd.vocabulary.table import read_vocabulary_table
from syncd.vocabulary.terms import Entry, Terms, build_terms


@dataclass(frozen=True)
class Loaded:
    """A vocabulary, what is odd about it and does no harm, and how many entries of its source are no terms."""

    vocabulary: Vocabulary
    notes: tuple[str, ...]
    left_out: int = 0


def load_vocabulary(binding: BindingConfig, connection: Connection) -> Vocabulary | None:
    """The vocabulary of a binding, ``None`` where it has none.

    The connection is read where the vocabulary is a table. Raises InvalidVocabulary where there is no term,
    MappingError for a table or column that is not there.
    """
    terms = _terms(binding, connection)
    return None if terms is None else _vocabulary(binding, terms)


def load_with_notes(binding: BindingConfig, connection: Connection) -> Loaded | None:
    """`load_vocabulary`, with notes for a person."""
    terms = _terms(binding, connection)
    if terms is None:
        return None
    vocabulary = _vocabulary(binding, terms)
    return Loaded(vocabulary, (*terms.notes(), *_aliases(vocabulary)), len(terms.left_out))


def _vocabulary(binding: BindingConfig, terms: Terms) -> Vocabulary:
    names = {*(each.name for each in terms.terms), *binding.extra_labels}
    # The same name in another Unicode normal form, which nobody can see, means the term.
    forms = {other: name for name in sorted(names) for other in other_forms(name) if other not in names}
    left_out = tuple(f"{terms.source}: {each}" for each in terms.left_out)
    return Vocabulary(terms.terms, tuple(binding.extra_labels), forms | dict(binding.aliases), left_out)


def _terms(binding: BindingConfig, connection: Connection) -> Terms | None:
    source = binding.vocabulary
    if source is None:
        return None
    if isinstance(source, VocabularyTable):
        return read_vocabulary_table(binding, source, connection)
    if isinstance(source, VocabularyFile):
        return read_vocabulary_file(source.file)
    entries = [Entry(name, f"classes[{index}]") for index, name in enumerate(source.classes)]
    return build_terms(entries, "vocabulary")


def _aliases(vocabulary: Vocabulary) -> Iterator[str]:
    for alias, term in vocabulary.aliases.items():
        if term not in vocabulary.names:
            hint = did_you_mean(term, vocabulary.names)
            yield f"the alias {alias!r} means {term!r}, which is no term" + (f" ({hint})" if hint else "")
        elif alias in vocabulary.names:
            yield f"the alias {alias!r} is a term itself, and stays as it is"
