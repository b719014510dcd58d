"""Keys that ask, clients of the session's AWS, and an STS that refuses."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest

import s3


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the machine's own AWS settings is read or written."""
    s3.keys(monkeypatch, tmp_path)
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "FIFTYONE_API_URI"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def client(s3_endpoint: str) -> Callable[..., Any]:
    """``client("s3")``; with keys given, as whoever has them."""

    def make(service: str, **keys: str) -> Any:
        return boto3.Session().client(service, endpoint_url=s3_endpoint, region_name="us-east-1", **keys)

    return make


ERROR = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
<Code>{code}</Code><Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>"""


@pytest.fixture
def refusing_sts() -> Iterator[Callable[[str, str, int], str]]:
    """Makes an STS that answers everything with one error; returns its address."""
    with ExitStack() as stack:
        yield lambda code, message, status: stack.enter_context(_refusing(code, message, status))


@contextmanager
def _refusing(code: str, message: str, status: int) -> Iterator[str]:
    body = ERROR.format(code=code, message=message).encode()

    class Refusal(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusal) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
