"""A database's errors: a refused value, or a failure, which becomes one of syncd's own errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError

from syncd.adapters.sql import mysql
from syncd.errors import DatabaseUnavailable, MappingError, RightMissing, SyncdError

SHOWN = 300
READING, WRITING = "Reading from", "Writing to"

_TRY_AGAIN = frozenset(("08", "40"))
"""Classes of SQLSTATE that mean a lost connection, or a transaction that is to be tried again, whoever raises them."""

_OF_THE_SERVER = frozenset(("53", "57", "58", "F0"))
"""Classes for the state of the server: resources, an operator, the disk. So is the lock that was not to be had."""

_OF_THE_VALUE = frozenset(("22", "23", "44", "54", "P0"))
"""Classes about values: data, constraints, a view's check option, limits, what PL/pgSQL raises."""

_OF_POSTGRESQL = frozenset(
    ("0A", "0B", "0F", "0L", "0P", "0Z", "20", "21", "24", "25", "26", "27", "28", "2B", "2D", "2F", "34", "38", "39")
) | frozenset(("3B", "3D", "3F", "42", "55", "HV", "XX"))
"""All others that PostgreSQL has. The statement or the session may be at fault, or one value at which a trigger, a
policy or an index stumbles. A class that it does not have is a trigger's own."""

_BUSY = "55P03"
_OF_ITS_OWN, _NOT_NULL, _CHECK = ("22", "44", "54"), "23502", "23514"
"""What a row is refused for by itself, whatever other rows hold."""

_RAISE = "exec_stmt_raise"
"""The server's function that carries out a RAISE of PL/pgSQL: somebody's own rule speaks, with a code of its choice."""

_SQL_ERROR = 1
"""SQLite's code for whatever is wrong with a statement, or with what a trigger makes of a value."""

_NOT_AS_CONFIGURED = frozenset(("42P01", "42703", "42702", "42809", "3F000"))
"""A table or column that is not there (any more), is there twice, or is something else."""

_DENIED = "42501"


@contextmanager
def asking(doing: str) -> Iterator[None]:
    """Translates what the driver raises; ``doing`` begins the sentence ("Reading from")."""
    try:
        yield
    except SQLAlchemyError as error:
        raise failure(doing, said(error), sqlstate(error), mysql.number_of(error)) from error


def failure(doing: str, message: str, state: str, number: int | None = None) -> SyncdError:
    """The error that says that the database failed at something."""
    text = f"{doing} the database failed: {message}"
    missing = state in _NOT_AS_CONFIGURED or number in mysql.NOT_AS_CONFIGURED
    if missing or "no such table" in message or "no such column" in message:
        return MappingError(text, remedy="Mend `table`, `read` or `columns` of the binding, then run `syncd doctor`.")
    if state == _DENIED or number in mysql.DENIED:
        return RightMissing(
            text,
            remedy="Run `syncd doctor`: it names each right that is missing, with its GRANT. `syncd database grants` "
            "prints all that syncd needs.",
        )
    return DatabaseUnavailable(text, remedy="Run `syncd doctor`.")


class Meaning(Enum):
    """What an error that a write met with is about."""

    VALUE = "value"
    FAILURE = "failure"
    UNCLEAR = "unclear"
    """The statement may fail as such, or at one of its values: without any row it is seen which."""


def meaning(error: DBAPIError) -> Meaning:
    """Whether the database refused a value (a constraint, a type, a trigger) or failed, as far as the error tells."""
    if error.connection_invalidated:
        return Meaning.FAILURE
    state = sqlstate(error)
    number = mysql.number_of(error)
    if number is not None:
        if mysql.is_failure(number):
            return Meaning.FAILURE
        return Meaning.VALUE if number in mysql.OF_THE_VALUE else Meaning.UNCLEAR
    if not state:
        if isinstance(error, IntegrityError | DataError):
            return Meaning.VALUE
        code = getattr(error.orig, "sqlite_errorcode", None)
        return Meaning.UNCLEAR if code == _SQL_ERROR else Meaning.FAILURE
    class_ = state[:2]
    if class_ in _TRY_AGAIN:
        return Meaning.FAILURE
    if class_ in _OF_THE_VALUE or getattr(_diagnosis(error), "source_function", None) == _RAISE:
        return Meaning.VALUE
    if class_ in _OF_THE_SERVER or state == _BUSY:
        return Meaning.FAILURE
    return Meaning.UNCLEAR if class_ in _OF_POSTGRESQL else Meaning.VALUE


def may_pass_later(error: DBAPIError) -> bool:
    """Whether a value that was refused may be taken once other rows hold something else."""
    state = sqlstate(error)
    number = mysql.number_of(error)
    if number is not None:
        return number not in mysql.OF_ITS_OWN
    if state:
        return state[:2] not in _OF_ITS_OWN and state not in (_NOT_NULL, _CHECK)
    return not re.match("(CHECK|NOT NULL) constraint", said(error))


def _diagnosis(error: DBAPIError) -> object:
    return getattr(error.orig, "diag", None)


def sqlstate(error: BaseException) -> str:
    """The code that PostgreSQL gave the error, if it was PostgreSQL."""
    origin = getattr(error, "orig", None)
    return str(getattr(origin, "pgcode", None) or getattr(origin, "sqlstate", None) or "")


def said(error: BaseException) -> str:
    """The first line of what the database said; neither the statement nor its parameters."""
    origin = getattr(error, "orig", None) or error
    text = str(origin) if mysql.number_of(error) is None else str(origin.args[-1])
    lines = text.strip().splitlines() or [type(error).__name__]
    # What is wrong with a value stands behind it, and the value may be very long.
    return lines[0] if len(lines[0]) <= SHOWN else f"{lines[0][: SHOWN // 2]} … {lines[0][-SHOWN // 2 :]}"
