"""COPY into PostgreSQL: the same for ten rows and a million."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import BinaryIO

from sqlalchemy import Connection

from syncd.errors import DatabaseUnavailable

_SPECIAL = re.compile(r"[\\\t\n\r]")
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def copy_in(connection: Connection, statement: str, data: BinaryIO) -> None:
    """Runs one ``COPY … FROM STDIN`` inside the connection's transaction."""
    driver = connection.connection.driver_connection
    assert driver is not None, "a live connection has its driver's"
    try:
        with driver.cursor() as cursor:
            cursor.copy_expert(statement, data)
    except connection.dialect.loaded_dbapi.Error as error:
        # SQLAlchemy knows nothing of this statement, and would go on using a connection that is gone.
        if driver.closed:
            connection.invalidate(error)
        said = str(error).strip().splitlines()[0]
        raise DatabaseUnavailable(f"Writing syncd's own tables failed: {said}", remedy="Run `syncd doctor`.") from error


def text_rows(rows: Iterable[Sequence[str | int | datetime | None]]) -> BinaryIO:
    """Rows in COPY's text format."""
    lines = ("\t".join(map(_text, row)) for row in rows)
    return io.BytesIO("".join(f"{line}\n" for line in lines).encode("utf-8"))


def _text(value: str | int | datetime | None) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, str):
        return value.translate(_ESCAPES) if _SPECIAL.search(value) else value
    return value.isoformat() if isinstance(value, datetime) else str(value)
