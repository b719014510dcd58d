"""Threads that help a binding's worker while it holds the daemon's lock: change streams that wake it, its inbox."""

from __future__ import annotations

import threading
from functools import partial
from types import TracebackType

import structlog
from structlog.contextvars import bind_contextvars

from syncd.adapters.fiftyone.adapter import FiftyOneAdapter
from syncd.config import Config
from syncd.daemon.binding_status import Standing
from syncd.daemon.wakeup import POLL, MongoWaker, PostgresWaker, WakeUp
from syncd.engine.session import Session
from syncd.ingest.inbox.result import InboxResult
from syncd.ingest.inbox.watch import InboxWatcher
from syncd.model import Side

log = structlog.get_logger(__name__)

END_S = 3.0
"""Seconds for the threads to end; none of them does harm if it takes longer."""

AGAIN_S = 60.0


class Helpers:
    """The threads beside a worker; they end with the block."""

    def __init__(self, config: Config, name: str, wake_up: WakeUp, standing: Standing) -> None:
        self._config, self._name, self._wake_up, self._standing = config, name, wake_up, standing
        self._mongo: MongoWaker | None = None
        self._postgres: PostgresWaker | None = None
        self._stop = threading.Event()
        self._inbox: threading.Thread | None = None

    def __enter__(self) -> Helpers:
        if self._config.binding(self._name).ingest.inbox is not None:
            self._inbox = threading.Thread(target=self._watch_inbox, name=f"inbox {self._name}", daemon=True)
            self._inbox.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        wakers = [each for each in (self._mongo, self._postgres) if each is not None]
        for each in wakers:
            each.close()
        for each in wakers:
            each.join(END_S)
        if self._inbox is not None:
            self._inbox.join(END_S)

    def listen(self, session: Session) -> None:
        """Has the streams follow the session: its dataset's collection, and the triggers' channel."""
        if isinstance(session.fiftyone, FiftyOneAdapter):
            samples = session.fiftyone.samples.name
            if self._mongo is None or self._mongo.samples != samples:
                if self._mongo is not None:
                    self._mongo.close()
                side = Side.FIFTYONE
                self._mongo = MongoWaker(
                    self._config,
                    self._name,
                    samples,
                    partial(self._wake_up.ring, side),
                    partial(self._standing.waking, side.value),
                )
        channel = session.capture.channel if session.capture is not None else None
        if self._postgres is not None and self._postgres.channel != channel:
            self._postgres.close()
            self._postgres = None
        side = Side.DATABASE
        if channel is None:
            if self._standing.state.wake.get(side.value) != POLL:
                self._standing.waking(side.value, POLL)
        elif self._postgres is None:
            self._postgres = PostgresWaker(
                self._config.database.url.get_secret_value(),
                self._name,
                channel,
                partial(self._wake_up.ring, side),
                partial(self._standing.waking, side.value),
            )

    def _watch_inbox(self) -> None:
        bind_contextvars(binding=self._name)
        while not self._stop.is_set():
            try:
                InboxWatcher(self._config, self._name, on_result=self._loaded).run(self._stop)
            except Exception:
                # Whatever is wrong with the inbox is no reason to leave the binding alone.
                log.exception("the inbox failed", again_in_s=AGAIN_S)
            self._stop.wait(AGAIN_S)

    def _loaded(self, result: InboxResult) -> None:
        became = [each.became.value for each in result.outcomes]
        log.info("inbox", **{word: became.count(word) for word in dict.fromkeys(became)})
        self._wake_up.ring(Side.DATABASE)
