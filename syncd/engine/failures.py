"""Turns errors of drivers into errors of :mod:`syncd.errors`, and records the failure in the row of its run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pymongo.errors import PyMongoError
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from syncd.adapters.connect import first_line, open_database
from syncd.adapters.sql.clock import clock
from syncd.engine.session import Session
from syncd.errors import DatabaseUnavailable, FiftyOneUnavailable, SyncdError
from syncd.logs import Logger
from syncd.model.run import RunStatus
from syncd.store import runs
from syncd.store.lock import lost

log = Logger(__name__)


@contextmanager
def clear_errors() -> Iterator[None]:
    """Translates the errors of the servers' drivers."""
    try:
        yield
    except SQLAlchemyError as error:
        said = first_line(getattr(error, "orig", None) or error)
        raise DatabaseUnavailable(
            f"The database did not do what was asked of it: {said}", remedy="Run `syncd doctor`."
        ) from error
    except PyMongoError as error:
        raise FiftyOneUnavailable(
            f"FiftyOne's MongoDB did not do what was asked of it: {first_line(error)}", remedy="Run `syncd doctor`."
        ) from error


@contextmanager
def locked_errors(session: Session) -> Iterator[None]:
    """Translates them under the lock: a lost connection means a lost lock, and that nothing more was written."""
    try:
        yield
    except (SQLAlchemyError, DatabaseUnavailable) as error:
        if _gone(session.writing) or _gone(session.state):
            raise lost(session.mapping.binding) from error
        raise


def close_failed(session: Session, run_id: str, error: BaseException) -> None:
    """Rolls back, and records in the run's row what ended it; over a new connection where the run's own is gone."""
    text = first_line(error)
    try:
        if not _gone(session.writing):
            session.writing.rollback()
        if not _gone(session.state) and _close(session, session.state, run_id, text):
            return
        with open_database(session.state.engine.url.render_as_string(hide_password=False)) as fresh:
            _close(session, fresh, run_id, text)
        fresh.engine.dispose()
    except (SQLAlchemyError, SyncdError) as failure:
        # The error that ended the run matters more; the next run closes this one's row.
        log.warning("how the run ended could not be recorded", run=run_id, why=first_line(failure))


def _close(session: Session, connection: Connection, run_id: str, text: str) -> bool:
    try:
        connection.rollback()
        runs.close(connection, session.tables, run_id, RunStatus.FAILED, clock(connection), error=text)
        connection.commit()
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        return False
    return True


def _gone(connection: Connection) -> bool:
    return connection.closed or connection.invalidated
