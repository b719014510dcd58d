"""Adds a term to the table that a vocabulary is read from, when a curator accepts it."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.adapters.sql.errors import READING, WRITING, asking
from syncd.adapters.sql.quote import quote, relation
from syncd.config import BindingConfig
from syncd.config.binding import VocabularyFile, VocabularyTable
from syncd.errors import ConfigError


def table_of_terms(binding: BindingConfig, term: str) -> VocabularyTable:
    """The table to which the term can be added; ``ConfigError`` where the vocabulary is something else."""
    source = binding.vocabulary
    if not isinstance(source, VocabularyTable):
        where = f"the file {source.file}" if isinstance(source, VocabularyFile) else "the configuration"
        if source is None:
            where = "the store of its annotations"
        raise ConfigError(
            f"The vocabulary of {binding.name!r} is in {where}, which syncd does not write.",
            remedy=f"Add {term!r} there, and accept it then.",
        )
    return source


def add_term(binding: BindingConfig, connection: Connection, term: str, parent: str | None) -> None:
    """Inserts the term, below ``parent`` where there is a tree, inside the caller's transaction.

    ``ConfigError`` where the vocabulary is no table: then a person adds the term to what it is. An error of the
    database, a missing right among them, comes out as syncd's own.
    """
    source = table_of_terms(binding, term)
    if parent is not None and source.parent is None:
        raise ConfigError(
            f"The vocabulary of {binding.name!r} is a flat list: no term has another above it.",
            remedy="Accept it without a parent, or name the column: `vocabulary.parent`.",
        )
    dialect = connection.dialect
    columns: dict[str, object] = {source.column: term}
    if source.parent is not None and parent is not None:
        columns[source.parent.column] = _above(connection, source, source.parent.key, parent)
    names = ", ".join(quote(dialect, each) for each in columns)
    places = ", ".join(f":v{number}" for number in range(len(columns)))
    values = {f"v{number}": value for number, value in enumerate(columns.values())}
    table = relation(dialect, source.table).replace(":", "\\:")
    statement = sa.text(f"INSERT INTO {table} ({names.replace(':', chr(92) + ':')}) VALUES ({places})")
    with asking(WRITING):
        connection.execute(statement, values)


def _above(connection: Connection, source: VocabularyTable, key: str | None, parent: str) -> object:
    """What the column of parents holds of a term below this one: its name, or its key."""
    if key is None:
        return parent
    name: sa.ColumnClause[str] = sa.column(source.column)
    held: sa.ColumnClause[object] = sa.column(key)
    table = sa.text(relation(connection.dialect, source.table).replace(":", "\\:"))
    with asking(READING):
        found = connection.execute(sa.select(held).select_from(table).where(name == parent)).scalars().all()
    if len(found) != 1:
        raise ConfigError(
            f"{len(found)} rows of {source.table} are called {parent!r}, so it is open which is meant.",
            remedy="Name another parent, or none.",
        )
    return found[0]
