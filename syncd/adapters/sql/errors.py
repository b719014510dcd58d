"""A database's errors: a value that it refuses, or a failure, which becomes one of syncd's own errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError

from syncd.errors import DatabaseUnavailable, MappingError, RightMissing, SyncdError

SHOWN = 300
READING, WRITING = "Reading from", "Writing to"

_NO_FAULT_OF_THE_VALUE = frozenset(
    ("08", "0A", "25", "26", "28", "2D", "34", "3B", "3D", "3F", "40", "42", "53", "55", "57", "58", "F0", "HV", "XX")
)
"""Classes of SQLSTATE for the state of the server, the session or the statement; what is left is about values: 22
data, 23 constraints, 44 a view's check option, 54 limits, P0 and any code of their own that triggers raise."""

_NOT_AS_CONFIGURED = frozenset(("42P01", "42703", "42702", "42809", "3F000"))
"""A table or column that is not there (any more), is there twice, or is something else."""

_DENIED = "42501"


@contextmanager
def asking(doing: str) -> Iterator[None]:
    """Translates what the driver raises; ``doing`` begins the sentence ("Reading from")."""
    try:
        yield
    except SQLAlchemyError as error:
        raise failure(doing, said(error), sqlstate(error)) from error


def failure(doing: str, message: str, state: str) -> SyncdError:
    """The error that says that the database failed at something."""
    text = f"{doing} the database failed: {message}"
    if state in _NOT_AS_CONFIGURED or "no such table" in message or "no such column" in message:
        return MappingError(text, remedy="Mend `table`, `read` or `columns` of the binding, then run `syncd doctor`.")
    if state == _DENIED:
        return RightMissing(
            text,
            remedy="Run `syncd doctor`: it names each right that is missing, with its GRANT. `syncd database grants` "
            "prints all that syncd needs.",
        )
    return DatabaseUnavailable(text, remedy="Run `syncd doctor`.")


def is_refusal(error: DBAPIError) -> bool:
    """Whether the database refused a value (a constraint, a type, a trigger) rather than failed."""
    if error.connection_invalidated:
        return False
    state = sqlstate(error)
    if state:
        return state[:2] not in _NO_FAULT_OF_THE_VALUE
    return isinstance(error, IntegrityError | DataError)


def sqlstate(error: BaseException) -> str:
    """The code that PostgreSQL gave the error, if it was PostgreSQL."""
    origin = getattr(error, "orig", None)
    return str(getattr(origin, "pgcode", None) or getattr(origin, "sqlstate", None) or "")


def said(error: BaseException) -> str:
    """The first line of what the database said; neither the statement nor its parameters."""
    lines = str(getattr(error, "orig", None) or error).strip().splitlines() or [type(error).__name__]
    # What is wrong with a value stands behind it, and the value may be very long.
    return lines[0] if len(lines[0]) <= SHOWN else f"{lines[0][: SHOWN // 2]} … {lines[0][-SHOWN // 2 :]}"
