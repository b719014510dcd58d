"""Reads PostgreSQL as columns: binary COPY into Arrow, through ADBC."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import adbc_driver_manager
import polars as pl
from psycopg2.extensions import make_dsn
from sqlalchemy import URL
from sqlalchemy.dialects.postgresql import psycopg2

from syncd.adapters.sql.encoding import SPOKEN
from syncd.adapters.sql.errors import READING, SHOWN, failure
from syncd.adapters.sql.limits import KEEPALIVE, LIMITS, Limits

if TYPE_CHECKING:
    from adbc_driver_manager import dbapi

PATIENCE_S = 5
"""Seconds before a server that does not answer is reported."""


@lru_cache(maxsize=16)
def _handle(address: str) -> adbc_driver_manager.AdbcDatabase:
    """What connections to a server are made of. It holds none itself, but knows the server's types.

    Learning them takes twenty times as long as to connect. Those that are read are PostgreSQL's own, whose numbers
    never change.
    """
    import adbc_driver_postgresql

    handle: adbc_driver_manager.AdbcDatabase = adbc_driver_postgresql.connect(address)
    return handle


class _Kept:
    """Stands for the handle in a connection, which would close it with itself."""

    def close(self) -> None:
        """Leaves the handle open for the next connection."""


class ArrowReader:
    """A connection of its own for reading, opened at first use and again after a failure."""

    def __init__(self, url: URL, limits: Limits = LIMITS) -> None:
        self._dsn = dsn(url)
        self._limits = limits
        self._connection: dbapi.Connection | None = None

    def frame(self, statement: str) -> pl.DataFrame:
        """The rows of one SELECT; ``DatabaseUnavailable`` where the server does not answer.

        A connection that stood open may have been closed by the server meanwhile: it is opened once more.
        """
        reused = self._connection is not None
        try:
            return self._frame(statement)
        except adbc_driver_manager.Error as error:
            self.close()
            if not (reused and _lost(error)):
                raise failure(READING, _said(error), error.sqlstate or "") from error
        try:
            return self._frame(statement)
        except adbc_driver_manager.Error as error:
            self.close()
            raise failure(READING, _said(error), error.sqlstate or "") from error

    def frames(self, statement: str) -> Iterator[pl.DataFrame]:
        """The rows of one SELECT, some at a time as the server sends them; one moment, like :meth:`frame`.

        On a new connection: one that stood open may have been closed by the server, and what was handed on cannot be
        taken back.
        """
        self.close()
        try:
            with self._connect().cursor() as cursor:
                cursor.execute(statement)
                for batch in cursor.fetch_record_batch():
                    frame = pl.from_arrow(batch)
                    assert isinstance(frame, pl.DataFrame), "a batch becomes a frame"
                    yield frame
        except adbc_driver_manager.Error as error:
            self.close()
            raise failure(READING, _said(error), error.sqlstate or "") from error

    def _frame(self, statement: str) -> pl.DataFrame:
        with self._connect().cursor() as cursor:
            cursor.execute(statement)
            frame = pl.from_arrow(cursor.fetch_arrow_table())
        assert isinstance(frame, pl.DataFrame), "a table becomes a frame"
        return frame

    def _connect(self) -> dbapi.Connection:
        if self._connection is None:
            # Brings pandas, which takes half a second: a command that reads no table can do without.
            from adbc_driver_manager import dbapi

            # Without autocommit every read would leave a transaction open behind it.
            opened = adbc_driver_manager.AdbcConnection(_handle(self._dsn))
            self._connection = dbapi.Connection(cast("Any", _Kept()), opened, autocommit=True)
            with self._connection.cursor() as cursor:
                cursor.execute(self._limits.statement)
                cursor.fetch_arrow_table()
        return self._connection

    def close(self) -> None:
        """Closes the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def dsn(url: URL) -> str:
    """The address for libpq, with all that the URL says, as SQLAlchemy's own driver would pass it on."""
    dialect: Any = psycopg2.dialect
    _, arguments = dialect().create_connect_args(url.set(drivername="postgresql+psycopg2"))
    text: str = make_dsn(
        **KEEPALIVE | {"connect_timeout": PATIENCE_S, "application_name": "syncd reader"} | arguments | SPOKEN
    )
    return text


def _lost(error: adbc_driver_manager.Error) -> bool:
    """Whether the connection is gone, rather than the statement wrong."""
    state = error.sqlstate or ""
    return isinstance(error, adbc_driver_manager.OperationalError) and (not state or state[:2] in ("08", "57"))


def _said(error: adbc_driver_manager.Error) -> str:
    return " ".join(str(error).partition("Query was:")[0].split())[:SHOWN]
