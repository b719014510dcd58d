"""The row of a run: written when it begins, closed when it is done, held or has failed.

A run that a poll makes without a row (``quiet``) gets one as soon as there is something to say of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from syncd.adapters.connect import first_line, open_database
from syncd.adapters.sql.clock import clock
from syncd.engine.failures import is_gone
from syncd.engine.session import Session
from syncd.errors import SyncdError
from syncd.logs import Logger
from syncd.model.run import RunMode, RunStatus
from syncd.store import runs

log = Logger(__name__)


@dataclass(frozen=True)
class RunRecord:
    """One run of a binding, and the row that says how it goes."""

    session: Session
    id: str
    mode: RunMode
    started: datetime

    def begin(self) -> None:
        """Writes the row, within the transaction that is open."""
        binding = self.session.mapping.binding
        runs.start(self.session.state, self.session.tables, binding, self.id, self.mode, self.started)

    def open(self) -> None:
        """Writes the row, for everybody to see."""
        self.begin()
        self.session.state.commit()

    def done(self, at: datetime, counts: dict[str, Any], mode: RunMode | None = None) -> None:
        """Closes the row; ``mode`` replaces the one that was meant. The caller commits."""
        self._close(RunStatus.DONE, at, counts, mode, None)

    def hold(self, at: datetime, counts: dict[str, Any], why: str | None, mode: RunMode | None = None) -> None:
        """Closes the row of a run whose plan is held. The caller commits."""
        self._close(RunStatus.HELD, at, counts, mode, why)

    def _close(
        self, status: RunStatus, at: datetime, counts: dict[str, Any], mode: RunMode | None, held: str | None
    ) -> None:
        state, tables = self.session.state, self.session.tables
        runs.close(state, tables, self.id, status, at, mode=mode, counts=counts, held=held)


@contextmanager
def recorded(session: Session, mode: RunMode, *, at_once: bool = True) -> Iterator[RunRecord]:
    """A new run, whose row says what ended it where an error does. ``at_once``: it has its row from the start."""
    started = session.now()
    record = RunRecord(session, runs.new_id(started), mode, started)
    if at_once:
        record.open()
    try:
        yield record
    except BaseException as error:
        _close_failed(session, record.id, error)
        raise


def _close_failed(session: Session, run_id: str, error: BaseException) -> None:
    """Rolls back, and records in the run's row what ended it; over a new connection where the run's own is gone."""
    text = first_line(error)
    try:
        if not is_gone(session.writing):
            session.writing.rollback()
        if not is_gone(session.state) and _failed(session, session.state, run_id, text):
            return
        with open_database(session.state.engine.url.render_as_string(hide_password=False)) as fresh:
            _failed(session, fresh, run_id, text)
        fresh.engine.dispose()
    except (SQLAlchemyError, SyncdError) as failure:
        # The error that ended the run matters more; the next run closes this one's row.
        log.warning("how the run ended could not be recorded", run=run_id, why=first_line(failure))


def _failed(session: Session, connection: Connection, run_id: str, text: str) -> bool:
    try:
        connection.rollback()
        runs.close(connection, session.tables, run_id, RunStatus.FAILED, clock(connection), error=text)
        connection.commit()
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        return False
    return True
