"""Turns errors of the servers' drivers into errors of :mod:`syncd.errors`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pymongo.errors import PyMongoError
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from syncd.adapters.connect import first_line
from syncd.engine.session import Session
from syncd.errors import DatabaseUnavailable, FiftyOneUnavailable
from syncd.logs import Logger
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
        if is_gone(session.writing) or is_gone(session.state):
            raise lost(session.mapping.binding) from error
        raise


def is_gone(connection: Connection) -> bool:
    """Whether nothing can be sent over this connection any more."""
    return connection.closed or connection.invalidated
