"""Notifies the web hook, in a thread of its own: no run ever waits for a message or fails by one.

Messages go out in the order in which they came. While the receiver fails, all of them wait, for the trouble is nearly
always its own; what it refuses is given up soon, and everything after a day. The queue is in memory: what was not
delivered when the daemon ends is lost to the receiver, never to the change log.
"""

from __future__ import annotations

import email.utils
import hashlib
import hmac
import json
import logging
import random
import re
import threading
import time
import uuid
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from types import TracebackType

import httpx
import structlog

import syncd
from syncd.config import redact_url
from syncd.config.schema import Event, NotifyConfig
from syncd.errors import ConfigError
from syncd.model.kinds import Json, iso

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


SHOULD_TRY_AGAIN = frozenset({408, 425, 429})
"""Of the answers 4xx, those that say nothing against the message itself (RFC 9110, 8470 and 6585)."""


@dataclass(frozen=True)
class Attempt:
    """What came of it. ``refused``: the receiver wants it as little the next time; ``wait_s``: its Retry-After."""

    delivered: bool
    refused: bool = False
    wait_s: float | None = None
    why: str = ""


class Sender:
    """Posts to one address. Certificates are verified; a redirect is not followed, wherever it leads.

    Raises ``ConfigError`` where the address is none.
    """

    def __init__(self, url: str, secret: str | None) -> None:
        try:
            self._url = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise ConfigError(
                f"notify.webhook is no usable address: {redact_url(url)}", remedy="Expected https://host/path."
            ) from error
        self._secret = secret
        self._client: httpx.Client | None = None
        # It logs each request with its whole address, and the path of a web hook is its key.
        logging.getLogger("httpx").setLevel(logging.WARNING)

    def send(self, event: str, delivery: str, body: bytes, timeout_s: float) -> Attempt:
        """Posts the message once, with ``timeout_s`` for the connection and for each pause of the receiver."""
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"syncd/{syncd.__version__}",
            "X-Syncd-Event": event,
            "X-Syncd-Delivery": delivery,
        }
        if self._secret is not None:
            headers["X-Syncd-Signature"] = signature(self._secret, datetime.now(timezone.utc), body)
        try:
            client = self._client = self._client or _client()
            # The answer's body is nobody's concern, and may be long.
            with client.stream("POST", self._url, content=body, headers=headers, timeout=timeout_s) as response:
                return judged(response.status_code, response.headers.get("Retry-After"), datetime.now(timezone.utc))
        except (httpx.HTTPError, OSError) as error:
            return Attempt(delivered=False, why=f"{type(error).__name__}: {error}".rstrip(": "))

    def close(self) -> None:
        """Closes the connection."""
        if self._client is not None:
            self._client.close()


def judged(status: int, retry_after: str | None, now: datetime) -> Attempt:
    """What the receiver's answer means for the message: delivered, to be tried again, or refused for good."""
    if 200 <= status < 300:
        return Attempt(delivered=True)
    again = status >= 500 or status in SHOULD_TRY_AGAIN
    return Attempt(delivered=False, refused=not again, wait_s=_wait_s(retry_after, now), why=f"it answers {status}")


def _wait_s(retry_after: str | None, now: datetime) -> float | None:
    """Seconds to wait; the header holds seconds or a date, and what is neither says nothing."""
    if retry_after is None:
        return None
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after[:9])
    try:
        at = email.utils.parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=timezone.utc)
    return max(0.0, (at - now).total_seconds())


def _client() -> httpx.Client:
    # The certificates that come with httpx, and the system's: a lab may have an authority of its own.
    context = httpx.create_ssl_context()
    context.load_default_certs()
    return httpx.Client(verify=context, follow_redirects=False)


COUNTS = (
    "scanned",
    "applied",
    "superseded",
    "refused",
    "converged",
    "awaiting_review",
    "flagged",
    "not_ingested",
    "too_young",
    "first_met",
    "settled",
    "conflicts",
)
"""The counts of `reconcile --json`, under their names there."""

WORDS = ("run_id", "mode", "state", "side")
"""Words of syncd's own."""

_WORD = re.compile(r"[A-Za-z0-9_-]{1,40}")


def body_of(event: Event, delivery: str, at: datetime, binding: str | None, document: Mapping[str, Json]) -> bytes:
    """The JSON that is sent. Of ``document`` only the counts, ``seconds`` and syncd's own words are taken.

    What else a run reports (why it was held, its notes and changes) may name classes and is left out.
    """
    words: dict[str, Json] = {name: _word(document.get(name)) for name in WORDS}
    counts: dict[str, Json] = {name: _numbers(document[name]) for name in COUNTS if name in document}
    message: dict[str, Json] = {
        "event": event,
        "delivery": delivery,
        "time": iso(at),
        "binding": binding,
        **words,
        "counts": counts,
        "seconds": _numbers(document.get("seconds")),
    }
    if "report" in document:
        message["report"] = document["report"]
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def signature(secret: str, at: datetime, body: bytes) -> str:
    """The header ``X-Syncd-Signature``: when it was signed, and the HMAC-SHA256 of that time, a dot and the body."""
    seconds = str(int(at.timestamp()))
    digest = hmac.new(secret.encode(), seconds.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


def _word(value: Json) -> str | None:
    return value if isinstance(value, str) and _WORD.fullmatch(value) else None


def _numbers(value: Json) -> Json:
    if isinstance(value, Mapping):
        return {name: _numbers(each) for name, each in value.items() if _WORD.fullmatch(name)}
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


@dataclass(frozen=True)
class NoticeCounts:
    """Since the notifier was made. ``given_up``: refused or undeliverable; ``dropped``: the queue was full."""

    delivered: int = 0
    given_up: int = 0
    dropped: int = 0
    waiting: int = 0


__all__ = ["NoticeCounts", "Notifier"]
