"""``syncd run`` as a service manager starts it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from e2e.lab import SYNCD, Lab


def configure(lab: Lab, **daemon: Any) -> None:
    document = yaml.safe_load(lab.config.read_text())
    document["daemon"] |= daemon
    lab.config.write_text(yaml.safe_dump(document), encoding="utf-8")


@contextmanager
def service(lab: Lab, **environment: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*SYNCD, "run", "--config", str(lab.config)],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_it_reports_to_systemd_answers_on_its_port_and_ends_in_order(lab: Lab, tmp_path: Path) -> None:
    port = free_port()
    configure(lab, http=f"127.0.0.1:{port}", poll_interval="1s")
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ears:
        ears.bind(str(address))
        ears.settimeout(60)
        with service(lab, NOTIFY_SOCKET=str(address), WATCHDOG_USEC="6000000") as process:
            assert ears.recv(4096).startswith(b"READY=1")
            deadline = time.monotonic() + 60
            while lab.syncd("status", json=True).json["bindings"][0]["daemon"] is None:
                assert time.monotonic() < deadline
                time.sleep(0.2)
            heard = b""
            while b"WATCHDOG=1" not in heard:
                heard += ears.recv(4096)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
                assert answer.status == 200
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=20)
            assert process.returncode == 0
            assert out == ""
            assert all(json.loads(line) for line in err.splitlines())
            while b"STOPPING=1" not in heard:
                heard += ears.recv(4096)
    assert lab.syncd("status", json=True).json["bindings"][0]["daemon"] is None


def test_a_port_in_use_is_said_and_ends_it_with_1(lab: Lab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        configure(lab, http=f"127.0.0.1:{taken.getsockname()[1]}")
        done = lab.process("run")
    assert done.code == 1
    assert "port is in use" in done.err
    assert "Traceback" not in done.err


def test_an_invalid_configuration_ends_it_with_2(lab: Lab) -> None:
    configure(lab, poll_interval="soon")
    done = lab.process("run")
    assert done.code == 2
    assert "poll_interval" in done.err
