"""Reading PostgreSQL as columns: binary COPY into Arrow, through ADBC."""

from __future__ import annotations

import adbc_driver_manager
import polars as pl
from adbc_driver_postgresql import dbapi
from sqlalchemy import URL

from syncd.errors import DatabaseUnavailable


class ArrowReader:
    """A connection of its own for reading, opened at first use and again after a failure."""

    def __init__(self, url: URL) -> None:
        self._uri = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._connection: dbapi.Connection | None = None

    def frame(self, statement: str) -> pl.DataFrame:
        """The rows of one SELECT; ``DatabaseUnavailable`` where the server does not answer."""
        try:
            if self._connection is None:
                # Without autocommit every read would leave a transaction open behind it.
                self._connection = dbapi.connect(self._uri, autocommit=True)
            with self._connection.cursor() as cursor:
                cursor.execute(statement)
                frame = pl.from_arrow(cursor.fetch_arrow_table())
        except adbc_driver_manager.Error as error:
            self.close()
            raise DatabaseUnavailable(
                f"Reading from the database failed: {str(error).strip().splitlines()[0]}",
                remedy="Run `syncd doctor`.",
            ) from error
        assert isinstance(frame, pl.DataFrame)
        return frame

    def close(self) -> None:
        """Closes the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
