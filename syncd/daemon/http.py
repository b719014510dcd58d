"""The daemon's HTTP port: liveness, readiness, the status of each binding, and metrics.

    /healthz      200 while every worker beats, else 503: restart the process
    /readyz       200 while every binding is at work or standing by, else 503: a person or a server is missing
    /metrics      the text format of Prometheus
    /status.json  the states of the bindings
    POST /wake/<binding>   202 where the next poll begins at once, 409 where this daemon is not at the binding, else 404

It tells no label content, no annotation id and no secret: whoever reaches the port may read all of it, and may have the
daemon poll, which it does at most once a second however often it is asked.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any
from urllib.parse import unquote

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from syncd.config.kinds import HttpAddress
from syncd.daemon import metrics
from syncd.daemon.notify import NoticeCounts
from syncd.daemon.status_board import StatusBoard
from syncd.errors import SyncdError
from syncd.model.kinds import iso
from syncd.store.daemon_registry import State

log = structlog.get_logger(__name__)

SILENT_AFTER = timedelta(minutes=25)
"""A worker silent for longer hangs, and the daemon has not replaced it as it does after twenty minutes: longer than a
complete sweep may keep one busy between two beats."""

READY = frozenset({State.IN_AGREEMENT, State.RECONCILING, State.CONFLICTS, State.HELD, State.STANDBY})
"""At work, or able to take over. A held binding did its work: it waits for a person, and so do conflicts."""

REQUEST_S = 10.0
"""Seconds that one request may take in all."""

MOST_CONNECTIONS = 64
"""Each has a thread. One more takes the place of the one that has been without a whole request for longest."""

WAKE = "/wake/"

_IDLE_S = 5.0
_JSON = "application/json; charset=utf-8"
_TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Answer:
    """What one path says."""

    status: int
    kind: str
    body: bytes


Wake = Callable[[str], "bool | None"]
"""Has the binding of that name polled: whether this daemon is at it; ``None`` where it has no such binding."""


def _nobody(_binding: str) -> bool | None:
    return None


@contextmanager
def serve_http(
    address: HttpAddress | None,
    board: StatusBoard,
    *,
    notices: Callable[[], NoticeCounts] | None = None,
    wake: Wake = _nobody,
    silent_after: timedelta = SILENT_AFTER,
) -> Iterator[HttpAddress | None]:
    """Answers in threads of its own until the block ends; yields where (port 0 took a free one), or None for nowhere.

    ``notices`` gives the counts of the notifier that is in use at that moment; ``wake`` has a binding polled. Raises
    ``SyncdError`` where the address cannot be had.
    """
    if address is None:
        yield None
        return
    server = _listen(address, _Pages(board, metrics.registry(board, notices), wake, silent_after))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="http", daemon=True)
    thread.start()
    try:
        yield HttpAddress(address.host, server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True)
class _Pages:
    """What each path answers."""

    board: StatusBoard
    metrics: CollectorRegistry
    wake: Wake
    silent_after: timedelta

    def answer(self, path: str, accept: str) -> Answer | None:
        if path == "/healthz":
            return self._health()
        if path == "/readyz":
            return self._ready()
        if path == "/metrics":
            encode, kind = choose_encoder(accept)
            return Answer(200, kind, encode(self.metrics))
        if path == "/status.json":
            return self._status()
        return None

    def woken(self, path: str) -> Answer | None:
        """The answer to ``POST``; ``None`` where nothing is done at that path."""
        if not path.startswith(WAKE):
            return None
        name = unquote(path[len(WAKE) :])
        woken = self.wake(name)
        if woken is None:
            return Answer(404, _JSON, _json({"error": "no such binding here"}))
        return Answer(202 if woken else 409, _JSON, _json({"binding": name, "woken": woken}))

    def _health(self) -> Answer:
        silence = _now() - self.board.oldest_beat()
        if silence <= self.silent_after:
            return Answer(200, _TEXT, b"ok\n")
        return Answer(503, _TEXT, f"a worker has been silent for {silence.total_seconds():.0f} s\n".encode())

    def _ready(self) -> Answer:
        states = self.board.all()
        waiting = {each.binding: each.state.value for each in states if each.state not in READY}
        ready = bool(states) and not waiting
        return Answer(200 if ready else 503, _JSON, _json({"ready": ready, "not_ready": waiting}))

    def _status(self) -> Answer:
        # Why a binding stands as it does may be told in the words of a server, or name a class: that is for the log.
        states = [{name: value for name, value in each.as_json().items() if name != "why"} for each in self.board.all()]
        at = {"at": iso(_now()), "oldest_beat": iso(self.board.oldest_beat())}
        return Answer(200, _JSON, _json({**at, "bindings": states}))


class _Server(ThreadingHTTPServer):
    """Knows its open connections, and closes those that last too long, or longest where there are too many.

    A health check must always get through: whoever asks is answered at once, so that the oldest connections are those
    of clients that are slow or say nothing.
    """

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    allow_reuse_port = False
    request_queue_size = 2 * MOST_CONNECTIONS

    def __init__(self, family: int, address: Any, pages: _Pages) -> None:
        self.address_family = family
        self.pages = pages
        # Both by age, the oldest first; until when a connection may last, and those without a whole request yet.
        self._open: dict[Any, float] = {}
        self._asking: dict[Any, None] = {}
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # HTTPServer would ask the DNS for the host's name, which may take long.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        while len(self._open) >= MOST_CONNECTIONS:
            # Copied at once, since the connections' own threads change them.
            oldest = [*self._asking, *self._open]
            if oldest:
                self._forget(oldest[0])
                _hang_up(oldest[0])
        self._open[request] = time.monotonic() + REQUEST_S
        self._asking[request] = None
        super().process_request(request, client_address)

    def has_asked(self, request: Any) -> None:
        """The whole request is here, and is being answered."""
        self._asking.pop(request, None)

    def shutdown_request(self, request: Any) -> None:
        self._forget(request)
        super().shutdown_request(request)

    def _forget(self, request: Any) -> None:
        self._asking.pop(request, None)
        self._open.pop(request, None)

    def service_actions(self) -> None:
        """Called by the serving thread several times a second."""
        now = time.monotonic()
        for request, until in list(self._open.items()):
            if until <= now:
                _hang_up(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        del request
        error = sys.exc_info()[1]
        if isinstance(error, OSError):  # it went away, or took too long
            log.debug("http client is gone", client=client_address[0], why=type(error).__name__)
        else:
            log.error("http request failed", client=client_address[0], exc_info=error)


def _hang_up(request: Any) -> None:
    try:
        request.shutdown(socket.SHUT_RDWR)
    except OSError as error:
        log.debug("http connection was gone already", why=os.strerror(error.errno or 0))


class _Handler(BaseHTTPRequestHandler):
    """One request, one answer, and the connection is closed."""

    server: _Server
    timeout = _IDLE_S

    def do_GET(self) -> None:
        answer = self._answer()
        if answer is None:
            self._send(Answer(404, _TEXT, b"not found: there are /healthz, /readyz, /metrics and /status.json\n"))
        else:
            self._send(answer)

    do_HEAD = do_GET  # noqa: N815

    def _refuse(self) -> None:
        known = self._answer() is not None
        self._send(Answer(405, _TEXT, b"only GET and HEAD\n") if known else Answer(404, _TEXT, b"not found\n"))

    def do_POST(self) -> None:
        self.server.has_asked(self.request)
        answer = self.server.pages.woken(self.path.partition("?")[0])
        if answer is None:
            self._refuse()
        else:
            self._send(answer)

    do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = do_CONNECT = _refuse  # noqa: N815

    def _answer(self) -> Answer | None:
        self.server.has_asked(self.request)
        path = self.path.partition("?")[0]
        return self.server.pages.answer(path, self.headers.get("Accept", ""))

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        if answer.status == 405:
            self.send_header("Allow", "GET, HEAD")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the library finds wrong with a request, without repeating any of it."""
        del message, explain
        self.close_connection = True
        self._send(Answer(int(code), _TEXT, b"bad request\n"))

    def version_string(self) -> str:
        """The header Server: no version of Python."""
        return "syncd"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Requests are not logged: probes and scrapes come every few seconds."""


def _listen(address: HttpAddress, pages: _Pages) -> _Server:
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, where = found[0]
        return _Server(family, where, pages)
    except (OSError, UnicodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "no such host"
        remedy = "Set daemon.http to another host:port, or to null for none."
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            reason = "the port is in use"
            remedy = f"Another syncd may be running; `ss -ltnp 'sport = :{address.port}'` tells. {remedy}"
        raise SyncdError(f"The daemon cannot answer on {address} (daemon.http): {reason}.", remedy=remedy) from error


def _json(document: object) -> bytes:
    return (json.dumps(document, indent=2) + "\n").encode()


def _now() -> datetime:
    return datetime.now(timezone.utc)
