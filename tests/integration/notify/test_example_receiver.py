"""The receiver of docs/webhook.md does what the page says: it is run here as it stands there."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from syncd.config import NotifyConfig
from syncd.daemon.notify import Notifier, body_of, signature

PAGE = Path(__file__).resolve().parents[3] / "docs" / "webhook.md"
SECRET = "0123456789abcdef0123456789abcdef"


@dataclass(frozen=True)
class Example:
    """The example, running."""

    url: str
    output: Path

    def lines(self, number: int) -> list[str]:
        """What it printed, once there are so many lines."""
        deadline = time.monotonic() + 10
        while len(lines := self.output.read_text().splitlines()) < number and time.monotonic() < deadline:
            time.sleep(0.02)
        return lines

    def post(self, body: bytes, signed: str | None) -> int:
        """The answer to a request of ours."""
        headers = [] if signed is None else [(b"X-Syncd-Signature", signed.encode())]
        return httpx.post(self.url, content=body, headers=headers, timeout=10).status_code


def example_code() -> str:
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    (code,) = blocks
    return str(code)


@pytest.fixture
def example(tmp_path: Path) -> Iterator[Example]:
    program, output = tmp_path / "receiver.py", tmp_path / "output"
    program.write_text(example_code(), encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with output.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, program, str(port)],
            env={**os.environ, "SYNCD_WEBHOOK_SECRET": SECRET},
            stdout=stream,
            stderr=subprocess.DEVNULL,
        )
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield Example(f"http://127.0.0.1:{port}/hook", output)
    finally:
        process.terminate()
        process.wait(10)


def message(delivery: str = "d1") -> bytes:
    return body_of("applied", delivery, datetime.now(timezone.utc), "one", {"applied": {"to_database": 2}})


def test_it_takes_what_syncd_tells(example: Example) -> None:
    with Notifier(NotifyConfig(webhook=SecretStr(example.url), secret=SecretStr(SECRET))) as notifier:
        notifier.tell("applied", "one", {"applied": {"to_database": 2, "to_fiftyone": 0}})
        notifier.tell("held", "two", {})
    assert notifier.counts.delivered == 2
    assert example.lines(2) == ['applied one {"applied": {"to_database": 2, "to_fiftyone": 0}}', "held two {}"]


def test_it_drops_repeats_and_takes_them_all_the_same(example: Example) -> None:
    body = message()
    for _ in range(3):
        assert example.post(body, signature(SECRET, datetime.now(timezone.utc), body)) == 204
    other = message("d2")
    assert example.post(other, signature(SECRET, datetime.now(timezone.utc), other)) == 204
    assert len(example.lines(2)) == 2


def test_it_refuses_what_syncd_did_not_sign(example: Example) -> None:
    body, now = message(), datetime.now(timezone.utc)
    genuine = signature(SECRET, now, body)
    assert example.post(body, None) == 401
    assert example.post(body, "") == 401
    assert example.post(body, "t=,v1=") == 401
    assert example.post(body, "t=²,v1=é") == 401
    assert example.post(body + b" ", genuine) == 401
    assert example.post(body, signature(SECRET + "x", now, body)) == 401
    assert example.post(body, signature(SECRET, now - timedelta(minutes=6), body)) == 401, "a recording"
    assert example.post(body, genuine.replace(genuine.split(",")[0], f"t={int(now.timestamp()) + 1}")) == 401
    assert example.lines(0) == []
    assert example.post(body, genuine) == 204


def test_it_is_short_and_needs_nothing_but_python() -> None:
    code = example_code()
    assert len([line for line in code.splitlines() if line.strip()]) <= 45
    imported = {name.strip() for line in re.findall(r"^import (.*)$", code, re.MULTILINE) for name in line.split(",")}
    imported |= {name.split(".")[0] for name in re.findall(r"^from (\S+)", code, re.MULTILINE)}
    assert imported <= sys.stdlib_module_names
