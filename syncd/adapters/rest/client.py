"""HTTP to one annotation server: reads are repeated where they fail, writes are sent once."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import httpx

from syncd import __version__
from syncd.adapters.rest.errors import LostAnswer, NotFound, PageInstead, Refused, Throttled, unavailable
from syncd.errors import DatabaseUnavailable

Query = Mapping[str, "str | int"]

TRIES = 4
"""How often a read is sent before its failure counts."""

THROTTLED_S = 300.0
"""For how long, altogether, one call waits for a server that throttles."""

STEPPED_BACK = timedelta(seconds=3)
"""A server's clock that shows less than this before what it must show was set back."""


RaiseFor = Callable[[int, bytes, str], None]
"""Raises what an answer that is no success means, of its status, its content, and the server's address."""


@dataclass(frozen=True)
class Service:
    """One kind of server: what people call it, where its API begins, and what its errors mean.

    ``clock_path`` is a cheap call, made where the server's time is asked for before anything else.
    """

    title: str
    prefix: str
    raise_for: RaiseFor
    clock_path: str


@dataclass(frozen=True)
class Timeouts:
    """Seconds. A bulk write lasts some by itself, and its answer is worth waiting for: without it all is in doubt."""

    connect: float = 10.0
    read: float = 120.0
    write: float = 300.0


class Client:
    """Calls of one account, at most ``rate`` a second. ``transport`` is httpx's, for tests.

    ``auth`` adds what shows whose account it is; ``token`` is the secret in it, which no message ever shows.
    """

    def __init__(
        self,
        service: Service,
        url: str,
        token: str,
        *,
        auth: httpx.Auth,
        rate: float = 50.0,
        timeouts: Timeouts = Timeouts(),
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.service = service
        self.where = url.rstrip("/")
        self._token = token
        self._sleep = sleep
        self._pace = _Pace(rate, sleep)
        self._clock = _ServerClock()
        self._timeouts = timeouts
        self._http = httpx.Client(
            base_url=self.where + service.prefix,
            auth=auth,
            headers={"User-Agent": f"syncd/{__version__}"},
            transport=transport,
            limits=httpx.Limits(max_connections=4, max_keepalive_connections=2),
        )
        self.calls = 0

    def close(self) -> None:
        """Ends its connections."""
        self._http.close()

    def __repr__(self) -> str:
        return f"Client({self.where!r})"

    def get(self, path: str, query: Query | None = None) -> Any:
        """A read; repeated where it fails."""
        return self._told("GET", path, query, None)

    def get_or_none(self, path: str) -> Any | None:
        """A read of something that may not be there, or not for this account."""
        try:
            return self._read("GET", path, None, None)
        except NotFound:
            return None

    def put(self, path: str, query: Query, body: Mapping[str, Any]) -> Any:
        """A read whose question is too long for an address, of servers where that is a PUT, which writes nothing."""
        return self._told("PUT", path, query, body)

    def write(self, method: Literal["POST", "PATCH", "DELETE"], path: str, query: Query, body: Any) -> Any:
        """A write, sent once. ``LostAnswer`` where nobody knows whether it was carried out.

        A server that throttles has done nothing: that alone is waited for.
        """
        return self._unthrottled(lambda: self._send_once(method, path, query, body))

    def now(self) -> datetime:
        """The server's clock, UTC, never ahead of it: its answers tell whole seconds, rounded down."""
        moment = self._clock.now()
        if moment is None:
            self.get(self.service.clock_path)
            moment = self._clock.now()
        return moment if moment is not None else datetime.now(timezone.utc) - timedelta(seconds=1)

    def ahead(self) -> timedelta | None:
        """How far the server's clock is ahead of this machine's, to the second; ``None`` where it does not tell."""
        moment = self._clock.now()
        return None if moment is None else moment - datetime.now(timezone.utc)

    # One call

    def _told(self, method: str, path: str, query: Query | None, body: Any) -> Any:
        try:
            return self._read(method, path, query, body)
        except Refused as refused:
            raise unavailable(
                self.service.title, self.where, self._hidden(f"{method} {path} is refused: {refused}")
            ) from refused

    def _read(self, method: str, path: str, query: Query | None, body: Any) -> Any:
        failed: Exception | None = None
        for attempt in range(TRIES):
            if attempt:
                self._sleep(0.5 * 2 ** (attempt - 1))
            try:
                return self._unthrottled(
                    lambda: self._parsed(self._send(method, path, query, body, self._timeouts.read))
                )
            except (httpx.TransportError, httpx.DecodingError, PageInstead, _NoJson) as error:
                failed = error
        raise self._unavailable(f"{method} {path}: {failed!r}") from failed

    def _send_once(self, method: str, path: str, query: Query, body: Any) -> Any:
        try:
            return self._parsed(self._send(method, path, query, body, self._timeouts.write))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise self._unavailable(f"{method} {path}: {error!r}") from error
        except (httpx.TransportError, httpx.DecodingError, PageInstead, _NoJson) as error:
            why = self._hidden(f"{method} {path}: {error!r}")
            raise LostAnswer(
                f"The answer of {self.service.title} at {self.where} to a write did not arrive: {why}",
                remedy="Run it again: syncd looks in the store's history for what became of the write.",
            ) from error

    def _unthrottled(self, call: Callable[[], Any]) -> Any:
        waited = 0.0
        while True:
            try:
                return call()
            except Throttled as throttled:
                if waited >= THROTTLED_S:
                    raise unavailable(
                        self.service.title, self.where, f"it throttles, after {waited:.0f} s of waiting still"
                    ) from throttled
                pause = min(30.0, throttled.seconds + 0.1)
                waited += pause
                self._sleep(pause)

    def _send(self, method: str, path: str, query: Query | None, body: Any, seconds: float) -> httpx.Response:
        self._pace.wait()
        self.calls += 1
        timeout = httpx.Timeout(seconds, connect=self._timeouts.connect)
        response = self._http.request(method, path, params=query, json=body, timeout=timeout)
        self._clock.tick(response.headers.get("Date"))
        return response

    def _parsed(self, response: httpx.Response) -> Any:
        if not response.is_success:
            try:
                self.service.raise_for(response.status_code, response.content, self.where)
            except Refused as refused:
                refused.args = (self._hidden(str(refused)),)
                raise
        try:
            return json.loads(response.content)
        except ValueError:
            raise _NoJson("what came is no whole JSON") from None

    def _unavailable(self, why: str) -> DatabaseUnavailable:
        return unavailable(self.service.title, self.where, self._hidden(why))

    def _hidden(self, text: str) -> str:
        return text.replace(self._token, "***")


class _NoJson(Exception):
    """An answer that began as a success and is no JSON: a page, or cut off."""


class _Pace:
    """Keeps calls apart."""

    def __init__(self, rate: float, sleep: Callable[[float], None]) -> None:
        self._between = 1.0 / rate if rate else 0.0
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> None:
        """Waits for this call's turn. What was not used of a second is used up later, for half a second."""
        with self._lock:
            now = time.monotonic()
            turn = max(self._next, now - 0.5)
            self._next = turn + self._between
        if turn > now:
            self._sleep(turn - now)


class _ServerClock:
    """The latest moment that the server's clock must have reached, by what its answers said and the time since."""

    def __init__(self) -> None:
        self._base: datetime | None = None
        self._at = 0.0

    def tick(self, date: str | None) -> None:
        """Learns from an answer's header."""
        if date is None:
            return
        try:
            told = parsedate_to_datetime(date).astimezone(timezone.utc)
        except ValueError:
            return
        known = self.now()
        if known is None or told > known or told < known - STEPPED_BACK:
            self._base, self._at = told, time.monotonic()

    def now(self) -> datetime | None:
        """At least so late it is there; ``None`` as long as nothing is known."""
        if self._base is None:
            return None
        return self._base + timedelta(seconds=time.monotonic() - self._at)
