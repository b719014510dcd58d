"""Notifies the web hook, in a thread of its own: no run ever waits for a message or fails by one.

Messages go out in the order in which they came. While the receiver fails, all of them wait, for the trouble is nearly
always its own; what it refuses is given up soon, and everything after a day. The queue is in memory: what was not
delivered when the daemon ends is lost to the receiver, never to the change log.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from types import TracebackType

import structlog

from syncd.config import redact_url
from syncd.config.daemon import Event, NotifyConfig
from syncd.model.kinds import Json
from syncd.notify.counts import NoticeCounts
from syncd.notify.deliver import Attempt, Sender
from syncd.notify.message import body_of

log = structlog.get_logger(__name__)

DRAIN_S = 2.0
"""Seconds at shutdown for what is still to be told."""


@dataclass(frozen=True)
class Persistence:
    """How hard a delivery is tried; seconds. The pause doubles from ``first_s`` to ``longest_s``, less jitter.

    A Retry-After counts up to ``obey_s``. A message is given up ``give_up_s`` after it was told, or after
    ``refusals`` attempts that the receiver refused for what it is.
    """

    first_s: float = 1.0
    longest_s: float = 600.0
    obey_s: float = 3600.0
    give_up_s: float = 86_400.0
    refusals: int = 8
    timeout_s: float = 10.0
    queue: int = 1000


@dataclass(frozen=True)
class _Message:
    event: Event
    delivery: str
    binding: str | None
    body: bytes
    told_at: float
    attempts: int = 0


class Notifier:
    """Tells nothing where the configuration has no web hook. Raises ``ConfigError`` where its address is none."""

    def __init__(self, config: NotifyConfig, persistence: Persistence | None = None) -> None:
        self._persistence = persistence or Persistence()
        self._events = frozenset(config.events)
        self._sender: Sender | None = None
        self._where = ""
        if config.webhook is not None:
            secret = config.secret.get_secret_value() if config.secret else None
            self._sender = Sender(config.webhook.get_secret_value(), secret)
            self._where = redact_url(config.webhook)
        self._changed = threading.Condition()
        self._queue: deque[_Message] = deque()
        self._flying: _Message | None = None
        self._counts = NoticeCounts()
        self._failures = 0
        self._next_try = 0.0
        self._overflowing = False
        self._until: float | None = None
        self._last_try = False
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Notifier:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def counts(self) -> NoticeCounts:
        """What became of the messages so far."""
        with self._changed:
            return replace(self._counts, waiting=len(self._queue) + (self._flying is not None))

    def tell(
        self, event: Event, binding: str | None, document: Mapping[str, Json], *, delivery: str | None = None
    ) -> None:
        """Queues a message and returns at once. ``document``: a run's or a state's ``as_json()``, or both in one.

        ``delivery`` is the message's id, where another daemon may tell the same; otherwise a new one.
        """
        if self._sender is None or event not in self._events:
            return
        delivery = delivery or str(uuid.uuid4())
        body = body_of(event, delivery, datetime.now(timezone.utc), binding, document)
        with self._changed:
            if self._until is not None:
                self._drop("the daemon ends")
                return
            self._queue.append(_Message(event, delivery, binding, body, time.monotonic()))
            self._drop_overflow()
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, args=(self._sender,), name="notify", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def close(self, within_s: float = DRAIN_S) -> None:
        """Delivers what it can in so many seconds, and ends; what is left gets one line in the log."""
        with self._changed:
            if self._until is None:
                self._until = time.monotonic() + within_s
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(max(0.0, self._until - time.monotonic()))
        left = self.counts.waiting
        if left:
            log.warning("messages to the web hook were not delivered", webhook=self._where, messages=left)

    def _work(self, sender: Sender) -> None:
        try:
            while (message := self._take()) is not None:
                attempt = sender.send(message.event, message.delivery, message.body, self._patience())
                if not self._settle(message, attempt):
                    return
        finally:
            sender.close()

    def _take(self) -> _Message | None:
        """The next message, once it is time for it; ``None`` when there is nothing more to do."""
        with self._changed:
            while True:
                now = time.monotonic()
                closing = self._until is not None
                if closing and (not self._queue or now >= (self._until or 0)):
                    return None
                # At the end there is no time for pauses: one more try tells whether the receiver is back.
                if self._queue and (closing or now >= self._next_try):
                    self._last_try = closing
                    self._flying = self._queue.popleft()
                    return self._flying
                self._changed.wait(self._next_try - now if self._queue else None)

    def _patience(self) -> float:
        with self._changed:
            if self._until is None:
                return self._persistence.timeout_s
            return max(0.05, min(self._persistence.timeout_s, self._until - time.monotonic()))

    def _settle(self, message: _Message, attempt: Attempt) -> bool:
        """Keeps count of the attempt; whether there is to be another."""
        with self._changed:
            self._flying = None
            if attempt.delivered:
                self._succeeded()
                return True
            self._failed(attempt)
            message = replace(message, attempts=message.attempts + 1)
            if self._hopeless(message, attempt):
                self._give_up(message, attempt)
            else:
                self._queue.appendleft(message)
                self._drop_overflow()
            return not self._last_try

    def _succeeded(self) -> None:
        self._counts = replace(self._counts, delivered=self._counts.delivered + 1)
        if self._failures:
            log.info("the web hook takes messages again", webhook=self._where, waiting=len(self._queue))
        self._failures, self._next_try, self._overflowing = 0, 0.0, False

    def _failed(self, attempt: Attempt) -> None:
        self._failures += 1
        if self._failures == 1:
            log.warning("the web hook takes no message; trying again", webhook=self._where, why=attempt.why)
        limits = self._persistence
        pause = min(limits.longest_s, limits.first_s * 2.0 ** min(self._failures - 1, 30))
        pause *= random.uniform(0.5, 1.0)  # noqa: S311 - spreads out retries, hides nothing
        if attempt.wait_s is not None:
            pause = max(pause, min(attempt.wait_s, limits.obey_s))
        self._next_try = time.monotonic() + pause

    def _hopeless(self, message: _Message, attempt: Attempt) -> bool:
        if attempt.refused and message.attempts >= self._persistence.refusals:
            return True
        return time.monotonic() - message.told_at >= self._persistence.give_up_s

    def _give_up(self, message: _Message, attempt: Attempt) -> None:
        self._counts = replace(self._counts, given_up=self._counts.given_up + 1)
        self._next_try = 0.0  # the next message may fare better
        log.warning(
            "a message to the web hook is given up",
            webhook=self._where,
            told=message.event,
            binding=message.binding,
            delivery=message.delivery,
            attempts=message.attempts,
            why=attempt.why,
        )

    def _drop_overflow(self) -> None:
        while len(self._queue) > self._persistence.queue:
            self._queue.popleft()
            self._drop("the queue is full; the oldest go first")

    def _drop(self, why: str) -> None:
        self._counts = replace(self._counts, dropped=self._counts.dropped + 1)
        if not self._overflowing:
            self._overflowing = True
            log.warning("messages to the web hook are dropped", webhook=self._where, why=why)
