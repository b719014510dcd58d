"""Distinguishes a value that the database refuses from a statement that fails whatever its values are."""

from __future__ import annotations

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from syncd.adapters.sql import write_portable, write_postgres
from syncd.adapters.sql.errors import Meaning, meaning
from syncd.model import Action, Change


class Refusals:
    """Judges the errors of one call, within the caller's transaction and outside the savepoint that failed.

    Where an error does not say so itself, the statement is tried on no row at all: a right that is missing, or a column
    that is gone, is missing then too, and no trigger, policy or index is asked about any value.
    """

    def __init__(self, connection: Connection, writer: write_postgres.Writer | write_portable.Writer) -> None:
        self.connection = connection
        self.writer = writer
        self._sound: set[tuple[Action, str | None]] = set()

    def is_refusal(self, error: DBAPIError, change: Change) -> bool:
        """Whether the database refused a value of a statement like that for ``change``, rather than failed."""
        found = meaning(error)
        if found is not Meaning.UNCLEAR:
            return found is Meaning.VALUE
        kind = (change.action, change.field)
        if kind not in self._sound:
            try:
                with self.connection.begin_nested() as trial:
                    self.writer.on_no_row(change)()
                    trial.rollback()
            except DBAPIError:
                return False
            self._sound.add(kind)
        return True
