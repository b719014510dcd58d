"""Loads the vocabulary that a binding names, from a table, a file or the configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from syncd.adapters.plugged import open_alone
from syncd.adapters.sql.mapping import ColumnInfo
from syncd.adapters.sql.reader import describe_columns, read_distinct
from syncd.config import BindingConfig, Config
from syncd.config.binding import VocabularyFile, VocabularyTable
from syncd.config.nearest import did_you_mean
from syncd.errors import MappingError
from syncd.model import Kind
from syncd.model.canonical import other_forms
from syncd.model.vocabulary import Term, Vocabulary
from syncd.vocabulary.file import read_vocabulary_file
from syncd.vocabulary.terms import Entry, Terms, build_terms


@dataclass(frozen=True)
class Loaded:
    """A vocabulary, what is odd about it and does no harm, and how many entries of its source are no terms."""

    vocabulary: Vocabulary
    notes: tuple[str, ...]
    left_out: int = 0


def load_vocabulary(
    binding: BindingConfig, connection: Connection | None, own: Sequence[Term] | None = None
) -> Vocabulary | None:
    """The vocabulary of a binding, ``None`` where it has none.

    The connection is read where the vocabulary is a table; ``own`` are the store's own terms, which are the vocabulary
    where the configuration names no other. Raises InvalidVocabulary where there is no term,
    MappingError for a table or column that is not there.
    """
    terms = _terms(binding, connection, own)
    return None if terms is None else _vocabulary(binding, terms)


def vocabulary_now(config: Config, binding: BindingConfig) -> Vocabulary | None:
    """`load_vocabulary`, over connections of its own."""
    with open_alone(config, binding) as (store, lab):
        return load_vocabulary(binding, lab, store.terms())


def loaded_now(config: Config, binding: BindingConfig) -> Loaded | None:
    """The vocabulary as it is now, read over connections of its own, with notes for a person."""
    with open_alone(config, binding) as (store, lab):
        return load_with_notes(binding, lab, store.terms())


def load_with_notes(
    binding: BindingConfig, connection: Connection | None, own: Sequence[Term] | None = None
) -> Loaded | None:
    """`load_vocabulary`, with notes for a person."""
    terms = _terms(binding, connection, own)
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


def _terms(binding: BindingConfig, connection: Connection | None, own: Sequence[Term] | None) -> Terms | None:
    source = binding.vocabulary
    if source is None:
        if not own:
            return None
        entries = [Entry(each.name, f"term {each.name!r}", each.parent, each.rank, each.code) for each in own]
        return build_terms(entries, "the store's vocabulary")
    if isinstance(source, VocabularyTable):
        assert connection is not None, "a table of terms goes with a table of annotations"
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


KEY = "parent.key"
"""The setting that says what the column of parents refers to, where that holds no names."""

UNTYPED = "NULL"
"""What SQLAlchemy calls the type of a column that has none: SQLite's, of a view's expressions."""


def read_vocabulary_table(binding: BindingConfig, table: VocabularyTable, connection: Connection) -> Terms:
    """The terms of a table, by name; rows that are the same in all that is read count once.

    Raises MappingError where the table or a column is not there, InvalidVocabulary where there is no term.
    """
    named = {"column": table.column, "rank": table.rank, "code": table.code}
    if table.parent is not None:
        named |= {"parent": table.parent.column, KEY: table.parent.key}
    columns = {key: name for key, name in named.items() if name is not None}
    try:
        there = describe_columns(connection, table.table)
    except MappingError as error:
        raise MappingError(error.message, remedy=f"Mend `vocabulary.table` of the binding {binding.name!r}.") from error
    _check(binding, table, columns, there)
    read = list(dict.fromkeys(columns.values()))
    rows = [dict(zip(read, row, strict=True)) for row in read_distinct(connection, table.table, read)]
    entries = sorted(_entries(table, columns, rows), key=_order)
    return build_terms(entries, table.table)


def _order(entry: Entry) -> tuple[str, ...]:
    """By name; of those that are the same the same one comes first each time."""
    name = entry.name.strip()
    return name.casefold(), name, entry.name, entry.parent or "", entry.rank or "", entry.code or ""


def _check(
    binding: BindingConfig, table: VocabularyTable, columns: dict[str, str], there: dict[str, ColumnInfo]
) -> None:
    faults = []
    for key, name in columns.items():
        if name not in there:
            hint = did_you_mean(name, there)
            faults.append(f"{table.table} has no column {name!r} (vocabulary.{key}){f'; {hint}' if hint else ''}")
        elif _holds_names(key, columns) and there[name].kind is not Kind.TEXT and there[name].type_name != UNTYPED:
            faults.append(
                f"column {name!r} of {table.table} (vocabulary.{key}) is {there[name].type_name}, expected text: "
                "the names of terms"
            )
    if faults:
        raise MappingError(
            f"The vocabulary of {binding.name!r} does not fit the database: {'; '.join(faults)}.",
            remedy="Mend `vocabulary` of the binding; where parents are keys: parent: {column: parent_id, key: id}",
        )


def _holds_names(key: str, columns: Mapping[str, str]) -> bool:
    """Whether the column of a setting has to hold names of terms."""
    return key == "column" or (key == "parent" and KEY not in columns)


def _entries(table: VocabularyTable, columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> Iterator[Entry]:
    names = {str(row[columns[KEY]]): row[table.column] for row in rows} if KEY in columns else None
    for row in rows:
        values = {key: None if row[name] is None else str(row[name]) for key, name in columns.items()}
        name = values["column"] or ""
        above = values.get("parent")
        place = f"a row with {table.column} = {name!r}" if name.strip() else f"a row without {table.column}"
        if above:
            place += f", {columns['parent']} = {above!r}"
        if above and names is not None:
            # A key that no row has is no parent.
            above = names.get(above)
        yield Entry(name, place, above, values.get("rank"), values.get("code"))
