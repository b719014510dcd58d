"""Wake-ups: change streams, notifications, inboxes and the daemon end a worker's pause from their own threads."""

from __future__ import annotations

import os
import random
import select
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar

import structlog
from psycopg2 import Error
from pymongo.errors import OperationFailure, PyMongoError
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from structlog.contextvars import bind_contextvars

from syncd.adapters.connect import fiftyone_database, first_line, open_database
from syncd.adapters.fiftyone.compat import DATASETS
from syncd.adapters.sql.limits import Limits
from syncd.adapters.sql.quote import quote
from syncd.config import Config
from syncd.daemon.error_policy import pause_after
from syncd.daemon.pace import Tempo, due_after, next_round
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

LISTEN_S = 0.5
"""How long a server is listened to at a time; within it a stop is seen."""

LONGEST_S = 60.0
"""Between two tries to listen, at most, while something keeps failing."""

POLL = "poll"
"""How a side is watched that tells of nothing."""


class Listener(ABC):
    """Listens to a server in a thread of its own until ``close``, and connects again whenever that is lost.

    ``ring`` is called for what the server tells, and whenever something may have happened while nobody listened;
    ``tell`` with how it listens now (``how``, or ``poll``).
    """

    how: ClassVar[str]
    listening: ClassVar[str]
    """The line of the log that says that it listens."""
    lost: ClassVar[str]
    """The line that says that it does not any more."""
    expected: ClassVar[tuple[type[Exception], ...]]
    """What a server that is away raises. Any other error is logged with its traceback, and tried again likewise."""

    def __init__(self, binding: str, ring: Callable[[], None], tell: Callable[[str], None]) -> None:
        self._binding, self._ring, self._tell = binding, ring, tell
        self._stop = threading.Event()
        self._said: str | None = None
        self._thread = threading.Thread(target=self._run, name=f"{self.how} {binding}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Asks the thread to end; it does so within ``LISTEN_S`` seconds, see :meth:`join`."""
        self._stop.set()

    def join(self, seconds: float) -> None:
        """Waits for the thread's end."""
        self._thread.join(seconds)

    @abstractmethod
    def _listen(self) -> None:
        """Connects, calls ``_hears``, and rings for what it hears until the stop is set."""

    def _hears(self) -> None:
        """It listens from now on; what happened while nobody did is looked at now."""
        self._says(self.how, self.listening)
        self._ring()

    def _run(self) -> None:
        bind_contextvars(binding=self._binding)
        rng = random.Random()  # noqa: S311 - spreads out retries, hides nothing
        pause: float | None = None
        while not self._stop.is_set():
            try:
                self._listen()
                pause = None
            except Exception as error:
                if not isinstance(error, self.expected):
                    log.exception(self.lost)
                pause = self._after(error, None if self._said == self.how else pause, rng)
            self._stop.wait(pause or 0.0)

    def _after(self, error: Exception, pause: float | None, rng: random.Random) -> float:
        """Seconds until the next try; ``pause`` is the one before this, where nothing was heard since."""
        self._says(POLL, self.lost, why=first_line(error))
        return pause_after(pause, rng, longest=LONGEST_S)

    def _says(self, how: str, event: str, **details: str) -> None:
        """One line whenever it changes how it listens."""
        if how == self._said:
            return
        self._said = how
        self._tell(how)
        if how == self.how:
            log.info(event, **details)
        else:
            log.warning(event, **details)
            self._ring()


ANSWER_S = 60.0

NO_STREAMS = frozenset({20, 40573, 40324})
"""MongoDB's codes where a server has no change streams: standalone."""

DENIED = 13

ASK_AGAIN_S = 600.0
"""Until a server that has no change streams is asked again."""

STREAM = "stream"

_WHOLE_DATASETS = ["insert", "delete", "replace"]
"""What happens to a dataset's own document when it is made or deleted; mere use updates it."""


def pipeline(samples: str) -> list[dict[str, Any]]:
    """The events that matter: any of the samples' collection, and datasets that come and go; without their content."""
    datasets = {"ns.coll": DATASETS, "operationType": {"$in": _WHOLE_DATASETS}}
    return [{"$match": {"$or": [{"ns.coll": samples}, datasets]}}, {"$project": {"_id": 1, "operationType": 1}}]


class MongoWaker(Listener):
    """Listens to a change stream of FiftyOne's database. ``samples`` is the collection of the dataset's samples.

    An event says that there is something to look at, and nothing more: what changed is found by the round, and a
    collection that was dropped is no deletion of labels. So nothing is lost where a stream is lost.
    """

    how = STREAM
    listening = "FiftyOne tells of changes by a change stream"
    lost = "the change stream is lost; polling until it is back"
    expected = (PyMongoError, SyncdError)

    def __init__(
        self, config: Config, binding: str, samples: str, ring: Callable[[], None], tell: Callable[[str], None]
    ) -> None:
        self.samples = samples
        self._config = config
        super().__init__(binding, ring, tell)

    def _listen(self) -> None:
        with (
            fiftyone_database(self._config, answer_s=ANSWER_S) as mongo,
            mongo.watch(pipeline(self.samples), max_await_time_ms=int(LISTEN_S * 1000)) as stream,
        ):
            self._hears()
            while not self._stop.is_set() and stream.alive:
                if stream.try_next() is not None:
                    self._ring()

    def _after(self, error: Exception, pause: float | None, rng: random.Random) -> float:
        if not isinstance(error, OperationFailure) or error.code not in (*NO_STREAMS, DENIED):
            return super()._after(error, pause, rng)
        reason = "this MongoDB is standalone" if error.code != DENIED else "syncd's user may not listen to it"
        remedy = (
            "Start mongod with --replSet rs0, then rs.initiate(); one member is enough."
            if error.code != DENIED
            else "Grant it the action changeStream on FiftyOne's database."
        )
        self._says(POLL, f"no change stream: {reason}; edits in FiftyOne wait for the next poll", remedy=remedy)
        return ASK_AGAIN_S


ALIVE_S = 30.0
"""Between two questions whether the server is still there."""

NOTIFY = "notify"

LIMITS = Limits(statement_s=30, lock_s=30)


class PostgresWaker(Listener):
    """Listens to the notices of the triggers of change capture, which come by a channel.

    Which annotations changed is read from what the triggers recorded, so that nothing is lost with a notice.
    """

    how = NOTIFY
    listening = "the database tells of changes by notices"
    lost = "notices of the database are lost; polling until they are back"
    expected = (SyncdError, SQLAlchemyError, Error, OSError)

    def __init__(
        self, url: str, binding: str, channel: str, ring: Callable[[], None], tell: Callable[[str], None]
    ) -> None:
        self.channel = channel
        self._url = url
        super().__init__(binding, ring, tell)

    def _listen(self) -> None:
        connection = open_database(self._url, LIMITS)
        try:
            self._listen_on(connection)
        finally:
            connection.close()
            connection.engine.dispose()

    def _listen_on(self, connection: Connection) -> None:
        raw: Any = connection.connection.driver_connection
        raw.autocommit = True
        with raw.cursor() as cursor:
            cursor.execute(f"LISTEN {quote(connection.dialect, self.channel)}")
        self._hears()
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
