"""Wakes a worker when FiftyOne's MongoDB changes a dataset: a change stream, where the server has them.

An event says that there is something to look at, and nothing more: what changed is found by the round, and a collection
that was dropped is no deletion of labels. So nothing is lost where a stream is lost.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Any

import structlog
from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError
from structlog.contextvars import bind_contextvars

from syncd.config import Config
from syncd.connect import fiftyone_database, first_line
from syncd.daemon.pace import pause_after
from syncd.errors import SyncdError

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
    datasets = {"ns.coll": "datasets", "operationType": {"$in": _WHOLE_DATASETS}}
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
