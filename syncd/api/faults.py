"""Errors as a person is told them, for programs that call the API beside other libraries."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from syncd.errors import SyncdError


def told(error: Exception) -> SyncdError | None:
    """An error of ours, or of a driver whose server failed while in use, as one of ours.

    ``None`` for any other: a mistake of the program.
    """
    if isinstance(error, SyncdError):
        return error
    if not (_is_one("pymongo.errors", "PyMongoError", error) or _is_one("sqlalchemy.exc", "SQLAlchemyError", error)):
        return None
    from syncd.adapters.connect import as_ours

    return as_ours(error)


def _is_one(module: str, name: str, error: Exception) -> bool:
    """Whether it is an error of that class; a library that was not imported has raised nothing."""
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(error, getattr(loaded, name))


@contextmanager
def told_faults() -> Iterator[None]:
    """Errors of drivers that end the block come out as syncd's own; all others as they are."""
    try:
        yield
    except Exception as error:
        expected = told(error)
        if expected is None or expected is error:
            raise
        raise expected from error
