"""Wake-ups: change streams, notifications, inboxes and the daemon end a worker's pause from their own threads."""

from __future__ import annotations

import os
import random
import select
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg2
import structlog
from psycopg2 import Error
from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from structlog.contextvars import bind_contextvars

from syncd.adapters.connect import fiftyone_database, first_line, open_database
from syncd.adapters.fiftyone.compat import DATASETS
from syncd.adapters.sql.limits import Limits
from syncd.adapters.sql.quote import quote
from syncd.config import Config
from syncd.daemon.pace import Tempo, due_after, next_round, pause_after
from syncd.errors import SyncdError
from syncd.model import Side


class WakeUp:
    """Remembers for when rounds are due, and wakes the worker that waits. Two calls within a moment are one."""

    def __init__(self, tempo: Tempo) -> None:
        self._tempo = tempo
        self._changed = threading.Condition()
        self._called: set[float] = set()
        self._moved = False

    def ring(self, side: Side) -> None:
        """Something has happened on a side: a round will look at it as soon as it may be looked at."""
        self.call(due_after(self._tempo, side, time.monotonic()))

    def call(self, due: float) -> None:
        """A round is to begin then."""
        with self._changed:
            if due not in self._called:
                self._called.add(due)
                self._changed.notify_all()

    def stir(self) -> None:
        """Ends the wait under way: whoever waits is to look around."""
        with self._changed:
            self._moved = True
            self._changed.notify_all()

    def answer(self) -> bool:
        """A round begins, and answers all calls that it comes late enough for; whether there were any."""
        now = time.monotonic()
        with self._changed:
            left = {each for each in self._called if each > now}
            answered = len(left) < len(self._called)
            self._called = left
        return answered

    def due(self, last_began: float) -> float:
        """When the next round is to begin."""
        with self._changed:
            return next_round(self._tempo, last_began, self._called)

    def wait(self, until: float) -> None:
        """Waits until then, at most, for a call or a stir."""
        with self._changed:
            if not self._moved:
                self._changed.wait(max(0.0, until - time.monotonic()))
            self._moved = False


log = structlog.get_logger(__name__)

LISTEN_MS = 500
"""How long the server waits for an event before it answers that there was none; within it a stop is seen."""

ANSWER_S = 60.0

NO_STREAMS = frozenset({20, 40573, 40324})
"""MongoDB's codes where a server has no change streams: standalone."""

DENIED = 13

ASK_AGAIN_S = 600.0
"""Until a server that has no change streams is asked again."""

STREAM = "stream"
POLL = "poll"

_WHOLE_DATASETS = ["insert", "delete", "replace"]
"""What happens to a dataset's own document when it is made or deleted; mere use updates it."""


def pipeline(samples: str) -> list[dict[str, Any]]:
    """The events that matter: any of the samples' collection, and datasets that come and go; without their content."""
    datasets = {"ns.coll": DATASETS, "operationType": {"$in": _WHOLE_DATASETS}}
    return [{"$match": {"$or": [{"ns.coll": samples}, datasets]}}, {"$project": {"_id": 1, "operationType": 1}}]


class MongoWaker:
    """Listens in a thread of its own until ``close``. ``ring`` is called for events, ``tell`` with how it listens."""

    def __init__(
        self, config: Config, binding: str, samples: str, ring: Callable[[], None], tell: Callable[[str], None]
    ):
        self.samples = samples
        self._config, self._binding, self._ring, self._tell = config, binding, ring, tell
        self._stop = threading.Event()
        self._said: str | None = None
        self._thread = threading.Thread(target=self._run, name=f"stream {binding}", daemon=True)
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
                with fiftyone_database(self._config, answer_s=ANSWER_S) as mongo:
                    pause = None if self._listen(mongo) else pause
            except (PyMongoError, SyncdError) as error:
                pause = self._lost(error, pause, rng)
            except Exception as error:
                log.exception("the change stream failed")
                pause = self._lost(error, pause, rng)
            self._stop.wait(pause or 0.0)

    def _listen(self, mongo: Database[dict[str, Any]]) -> bool:
        with mongo.watch(pipeline(self.samples), max_await_time_ms=LISTEN_MS) as stream:
            self._says(STREAM)
            # What happened while nobody listened is looked at now.
            self._ring()
            while not self._stop.is_set() and stream.alive:
                if stream.try_next() is not None:
                    self._ring()
        return True

    def _lost(self, error: Exception, pause: float | None, rng: random.Random) -> float:
        if isinstance(error, OperationFailure) and error.code in (*NO_STREAMS, DENIED):
            reason = "this MongoDB is standalone" if error.code != DENIED else "syncd's user may not listen to it"
            remedy = (
                "Start mongod with --replSet rs0, then rs.initiate(); one member is enough."
                if error.code != DENIED
                else "Grant it the action changeStream on FiftyOne's database."
            )
            self._says(POLL, f"no change stream: {reason}; edits in FiftyOne wait for the next poll", remedy=remedy)
            return ASK_AGAIN_S
        self._says(POLL, "the change stream is lost; polling until it is back", why=first_line(error))
        return pause_after(pause, rng, longest=60.0)

    def _says(self, how: str, event: str = "FiftyOne tells of changes by a change stream", **details: str) -> None:
        """One line whenever that changes."""
        if how == self._said:
            return
        self._said = how
        self._tell(how)
        if how == STREAM:
            log.info(event, **details)
        else:
            log.warning(event, **details)
            self._ring()


LISTEN_S = 0.5
"""Within this a stop is seen."""

ALIVE_S = 30.0
"""Between two questions whether the server is still there."""

NOTIFY = "notify"


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


def end_socket(connection: Connection) -> None:
    """Shuts the line down: whoever waits for an answer gets an error, and the server lets go of the session's locks.

    Of other databases than PostgreSQL nothing is ended: they have no line.
    """
    if connection.dialect.name != "postgresql":
        return
    with suppress(OSError, Error, SQLAlchemyError):
        raw: Any = connection.connection.driver_connection
        with socket.socket(fileno=os.dup(raw.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)
