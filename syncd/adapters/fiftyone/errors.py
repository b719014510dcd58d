"""MongoDB's errors as syncd's own: which server, what it was asked for, what it said; never a password."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bson.errors import BSONError
from pymongo.errors import PyMongoError

from syncd.adapters.connect import first_line
from syncd.errors import FiftyOneUnavailable


@contextmanager
def asking(doing: str) -> Iterator[None]:
    """Translates what the driver raises; ``doing`` begins the sentence ("Reading from")."""
    try:
        yield
    except _errors() as error:
        raise FiftyOneUnavailable(
            f"{doing} FiftyOne's MongoDB failed: {said(error)}", remedy="Run `syncd doctor`."
        ) from error


def said(error: object) -> str:
    """A server's message as one line."""
    return first_line(" ".join(str(error).split()))


def _errors() -> tuple[type[Exception], ...]:
    """Looked for once something is raised: PyMongoArrow brings pandas, which takes half a second."""
    from pymongoarrow.errors import PyMongoArrowError

    return PyMongoError, BSONError, PyMongoArrowError
