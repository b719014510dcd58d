"""COPY into PostgreSQL: the same for ten rows and a million."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import BinaryIO

from sqlalchemy import Connection

from syncd.ahead import batches
from syncd.errors import DatabaseUnavailable

_SPECIAL = re.compile(r"[\\\t\n\r]")
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


TOGETHER = 200
"""Rows that are made before the server is given them."""

READ_SIZE = 1 << 16


class TextRows:
    """Rows in COPY's text format, made as they are read: the server works on some while the next are made.

    ``failed`` is what was raised in making them.
    """

    def __init__(self, rows: Iterable[Sequence[str | int | datetime | None]]) -> None:
        self.failed: BaseException | None = None
        self._pieces = _pieces(rows)
        self._ready = b""

    def read(self, size: int) -> bytes:
        """The next bytes, ``size`` of them or fewer; none at the end."""
        try:
            while len(self._ready) < size and (piece := next(self._pieces, b"")):
                self._ready += piece
        except BaseException as error:
            self.failed = error
            raise
        given, self._ready = self._ready[:size], self._ready[size:]
        return given


def copy_in(connection: Connection, statement: str, data: BinaryIO | TextRows) -> None:
    """Runs one ``COPY … FROM STDIN`` inside the connection's transaction. What making the rows raises comes out."""
    if not connection.in_transaction():
        # SQLAlchemy sees nothing of what follows, and would take back nothing.
        connection.begin()
    driver = connection.connection.driver_connection
    assert driver is not None, "a live connection has its driver's"
    try:
        with driver.cursor() as cursor:
            cursor.copy_expert(statement, data, READ_SIZE)
    except connection.dialect.loaded_dbapi.Error as error:
        if isinstance(data, TextRows) and data.failed is not None:
            # The driver tells the server, and then of a query that was cancelled.
            raise data.failed from None
        # SQLAlchemy knows nothing of this statement, and would go on using a connection that is gone.
        if driver.closed:
            connection.invalidate(error)
        said = str(error).strip().splitlines()[0]
        raise DatabaseUnavailable(f"Writing syncd's own tables failed: {said}", remedy="Run `syncd doctor`.") from error


def _pieces(rows: Iterable[Sequence[str | int | datetime | None]]) -> Iterator[bytes]:
    for some in batches(rows, TOGETHER):
        yield "".join("\t".join(map(_text, row)) + "\n" for row in some).encode("utf-8")


def _text(value: str | int | datetime | None) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, str):
        return value.translate(_ESCAPES) if _SPECIAL.search(value) else value
    return value.isoformat() if isinstance(value, datetime) else str(value)
