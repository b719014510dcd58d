"""A web hook on a real socket that answers as it is told, and remembers what it got."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What the receiver says, and after how many seconds."""

    status: int = 204
    headers: tuple[tuple[str, str], ...] = ()
    after_s: float = 0.0


@dataclass(frozen=True)
class Request:
    """What came, and when (monotonic seconds)."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def message(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class Receiver:
    """``answers`` are used up one by one; then it takes everything."""

    port: int
    answers: list[Answer] = field(default_factory=list)
    scheme: str = "http"
    requests: list[Request] = field(default_factory=list)
    came: threading.Condition = field(default_factory=threading.Condition)

    @property
    def url(self) -> str:
        """Its address."""
        return f"{self.scheme}://127.0.0.1:{self.port}/hook/secret-path"

    def wait_for(self, number: int, within_s: float = 10.0) -> list[Request]:
        """The requests, once so many have come."""
        with self.came:
            assert self.came.wait_for(lambda: len(self.requests) >= number, within_s), self.requests
            return list(self.requests)


@contextmanager
def receiving(*answers: Answer, port: int = 0, tls: tuple[Path, Path] | None = None) -> Iterator[Receiver]:
    """A receiver that listens until the block ends; ``tls``: its certificate and key."""
    receiver = Receiver(port, list(answers), scheme="https" if tls else "http")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with receiver.came:
                receiver.requests.append(Request(self.path, dict(self.headers.items()), body, time.monotonic()))
                receiver.came.notify_all()
                answer = receiver.answers.pop(0) if receiver.answers else Answer()
            time.sleep(answer.after_s)
            self.send_response(answer.status)
            for name, value in answer.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, request: object, client_address: object) -> None:
            """A sender that did not wait for the answer."""

    server = Server(("127.0.0.1", port), Handler)
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
