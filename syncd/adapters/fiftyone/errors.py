"""MongoDB's errors as syncd's own: which server, what it was asked for, what it said; never a password."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pymongo.errors import PyMongoError

from syncd.errors import FiftyOneUnavailable

SHOWN = 300


@contextmanager
def asking(doing: str) -> Iterator[None]:
    """Translates what the driver raises; ``doing`` begins the sentence ("Reading from")."""
    try:
        yield
    except PyMongoError as error:
        raise FiftyOneUnavailable(
            f"{doing} FiftyOne's MongoDB failed: {said(error)}", remedy="Run `syncd doctor`."
        ) from error


def said(error: object) -> str:
    """A server's message as one line."""
    return " ".join(str(error).split())[:SHOWN]
