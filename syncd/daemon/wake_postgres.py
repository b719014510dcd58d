"""Wakes a worker when PostgreSQL notifies of a captured change (:mod:`syncd.capture`).

A notice only wakes: which annotations changed is read from what the trigger recorded, so nothing is lost with it.
"""

from __future__ import annotations

import random
import select
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg2
import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from structlog.contextvars import bind_contextvars

from syncd.adapters.sql.limits import Limits
from syncd.adapters.sql.quote import quote
from syncd.connect import first_line, open_database
from syncd.daemon.pace import pause_after
from syncd.errors import SyncdError

log = structlog.get_logger(__name__)

LISTEN_S = 0.5
"""Within this a stop is seen."""

ALIVE_S = 30.0
"""Between two questions whether the server is still there."""

NOTIFY = "notify"
POLL = "poll"

LIMITS = Limits(statement_s=30, lock_s=30)


class PostgresWaker:
    """Listens in a thread of its own until ``close``. ``ring`` is called for notices, ``tell`` with how it listens."""

    def __init__(
        self, url: str, binding: str, channel: str, ring: Callable[[], None], tell: Callable[[str], None]
    ) -> None:
        self.channel = channel
        self._url, self._binding, self._ring, self._tell = url, binding, ring, tell
        self._stop = threading.Event()
        self._said: str | None = None
        self._thread = threading.Thread(target=self._run, name=f"listen {binding}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends soon."""
        self._stop.set()

    def join(self, seconds: float) -> None:
        """Waits for the thread's end."""
        self._thread.join(seconds)

    def _run(self) -> None:
        bind_contextvars(binding=self._binding)
        rng = random.Random()  # noqa: S311 - spreads out retries, hides nothing
        pause: float | None = None
        while not self._stop.is_set():
            try:
                connection = open_database(self._url, LIMITS)
                try:
                    self._listen(connection)
                finally:
                    connection.close()
                    connection.engine.dispose()
                pause = None
            except (SyncdError, SQLAlchemyError, psycopg2.Error, OSError) as error:
                if self._said == NOTIFY:
                    pause = None
                pause = pause_after(pause, rng, longest=60.0)
                self._says(POLL, "notices of the database are lost; polling until they are back", why=first_line(error))
            self._stop.wait(pause or 0.0)

    def _listen(self, connection: Connection) -> None:
        raw: Any = connection.connection.driver_connection
        raw.autocommit = True
        with raw.cursor() as cursor:
            cursor.execute(f"LISTEN {quote(connection.dialect, self.channel)}")
        self._says(NOTIFY)
        # What happened while nobody listened is looked at now.
        self._ring()
        asked = time.monotonic()
        while not self._stop.is_set():
            if select.select([raw], [], [], LISTEN_S)[0]:
                raw.poll()
                if raw.notifies:
                    raw.notifies.clear()
                    self._ring()
            if time.monotonic() - asked >= ALIVE_S:
                with raw.cursor() as cursor:
                    cursor.execute("SELECT 1")
                asked = time.monotonic()

    def _says(self, how: str, event: str = "the database tells of changes by notices", **details: str) -> None:
        """One line whenever that changes."""
        if how == self._said:
            return
        self._said = how
        self._tell(how)
        if how == NOTIFY:
            log.info(event, **details)
        else:
            log.warning(event, **details)
            self._ring()
