"""An S3 for the tests: moto over HTTP, and a gate before it that misbehaves as networks and S3 do.

The fixtures `s3_endpoint` and `s3_bucket` (tests/conftest.py) are enough for most tests. For faults::

    with s3.gate(s3_endpoint) as gate:        # gate.url is another endpoint, whose traffic passes the gate
        gate.refuse = lambda request: s3.throttled() if len(gate.requests) < 3 else None
        gate.cut = lambda request: 1000       # the connection ends after so many bytes of the body; None: it does not
        ...
        assert len(gate.gets()) == 1 and gate.body_bytes == 1000

``keys(monkeypatch, folder)`` sets the environment: nothing of the user's own ~/.aws is read.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config as BotoConfig

KEY_ID, SECRET = "AKIASYNCDTEST", "a-secret-of-the-tests"


@contextmanager
def server() -> Iterator[str]:
    """The URL of a moto server on a free port: S3, STS and IAM. It takes any keys and knows no permissions."""
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer

    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        running.stop()
        running._server.server_close()


def keys(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Keys and a region in the environment; configuration files that are not there."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "no-credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)


def plain_client(endpoint: str) -> Any:
    """A client to fill buckets with, apart from the one under test."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
        config=BotoConfig(s3={"addressing_style": "path"}),
    )


@dataclass(frozen=True)
class Request:
    """What came to the gate. ``path`` is as sent, with the query; header names are in small letters."""

    method: str
    path: str
    headers: dict[str, str]

    @property
    def is_listing(self) -> bool:
        return "list-type=2" in self.path


@dataclass(frozen=True)
class Refusal:
    """An answer in S3's own form instead of the server's."""

    status: int
    code: str
    message: str = "said the gate"

    @property
    def body(self) -> bytes:
        text = f"<Error><Code>{self.code}</Code><Message>{self.message}</Message><RequestId>1</RequestId></Error>"
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()


def throttled() -> Refusal:
    return Refusal(503, "SlowDown", "Please reduce your request rate.")


def access_denied() -> Refusal:
    return Refusal(403, "AccessDenied", "Access Denied")


HANG_UP = Refusal(0, "")
"""The connection is closed without an answer."""


@dataclass
class Gate:
    """An HTTP proxy before an S3. Set ``refuse`` and ``cut`` at any time; both are asked for every request."""

    url: str = ""
    refuse: Callable[[Request], Refusal | None] = lambda request: None
    cut: Callable[[Request], int | None] = lambda request: None
    requests: list[Request] = field(default_factory=list)
    body_bytes: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def gets(self) -> list[Request]:
        """The requests for objects so far."""
        return [each for each in self.requests if each.method == "GET" and not each.is_listing]

    def forget(self) -> None:
        """Start counting anew."""
        self.requests.clear()
        self.body_bytes = 0


@contextmanager
def gate(target: str) -> Iterator[Gate]:
    """A gate before the endpoint ``target``."""
    found = Gate()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            request = Request(self.command, self.path, {name.lower(): value for name, value in self.headers.items()})
            body = self.rfile.read(int(request.headers.get("content-length", 0)))
            with found.lock:
                found.requests.append(request)
            refusal = found.refuse(request)
            if refusal is HANG_UP:
                self.close_connection = True
                return
            if refusal is not None:
                self.answer(refusal.status, [("Content-Type", "application/xml")], refusal.body, None)
                return
            connection = http.client.HTTPConnection(urlsplit(target).netloc, timeout=30)
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
            self.answer(answer.status, answer.getheaders(), content, found.cut(request))

        def answer(self, status: int, headers: list[tuple[str, str]], content: bytes, cut: int | None) -> None:
            self.send_response_only(status)
            dropped = ("connection", "transfer-encoding", "content-length")
            length = str(len(content))
            for name, value in headers:
                if name.lower() == "content-length" and self.command == "HEAD":
                    length = value
                if name.lower() not in dropped:
                    self.send_header(name, value)
            self.send_header("Content-Length", length)
            self.end_headers()
            sent = content if cut is None else content[:cut]
            self.wfile.write(sent)
            with found.lock:
                found.body_bytes += len(sent)
            if cut is not None and cut < len(content):
                self.wfile.flush()
                self.close_connection = True

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any  # noqa: N815  # http.server's names

        def log_message(self, *arguments: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # a client that went away in the middle is what some tests are about

    server = Server(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
