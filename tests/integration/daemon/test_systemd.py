"""What systemd hears, on a socket like its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from syncd.daemon.systemd import Supervisor, supervisor


class Ear:
    """A datagram socket as systemd has it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + name[1:] if name.startswith("@") else name)
        self.socket.settimeout(5)

    def hear(self) -> dict[str, str]:
        """The next message."""
        lines = self.socket.recv(4096).decode().split("\n")
        return dict(line.split("=", 1) for line in lines)


@pytest.fixture(params=["path", "abstract"])
def ear(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ear]:
    name = str(tmp_path / "notify") if request.param == "path" else f"@syncd-test-{uuid.uuid4().hex}"
    listening = Ear(name)
    yield listening
    listening.socket.close()


def test_systemd_hears_all_that_there_is_to_say(ear: Ear) -> None:
    told = supervisor({"NOTIFY_SOCKET": ear.name})
    assert told.ready("2 bindings")
    assert ear.hear() == {"READY": "1", "STATUS": "2 bindings"}
    assert told.alive()
    assert ear.hear() == {"WATCHDOG": "1"}
    assert told.status("1 binding held")
    assert ear.hear() == {"STATUS": "1 binding held"}
    assert told.reloading()
    heard = ear.hear()
    assert (heard["RELOADING"], heard["MONOTONIC_USEC"].isdecimal()) == ("1", True)
    assert told.stopping("SIGTERM")
    assert ear.hear() == {"STOPPING": "1", "STATUS": "SIGTERM"}


def test_a_status_is_one_line_and_says_nothing_else(ear: Ear) -> None:
    supervisor({"NOTIFY_SOCKET": ear.name}).status("held\nREADY=1\r\n" + "x" * 1000)
    heard = ear.hear()
    assert set(heard) == {"STATUS"}
    assert heard["STATUS"].startswith("held READY=1 xxx")
    assert len(heard["STATUS"]) == 200


def test_without_systemd_nothing_is_said() -> None:
    told = supervisor({})
    assert told == Supervisor(None, None)
    assert not told.ready("up")


def test_a_systemd_that_does_not_listen_is_logged_and_stops_nothing(tmp_path: Path) -> None:
    with capture_logs() as logged:
        assert not supervisor({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).alive()
    assert [(each["log_level"], each["saying"]) for each in logged] == [("warning", "WATCHDOG=1")]


def test_a_systemd_that_does_not_read_holds_nothing_up(ear: Ear) -> None:
    told = supervisor({"NOTIFY_SOCKET": ear.name})
    with capture_logs():
        said = [told.alive() for _ in range(5000)]
    assert said[0]
    assert not said[-1]


def test_a_kind_of_socket_that_is_not_known_is_left_alone() -> None:
    with capture_logs() as logged:
        assert supervisor({"NOTIFY_SOCKET": "vsock:2:1234"}).address is None
    assert len(logged) == 1


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "often"}, None),
    ],
)
def test_the_watchdog_counts_for_this_process_only(environ: dict[str, str], seconds: float | None) -> None:
    assert supervisor(environ).watchdog_seconds == seconds


def test_a_process_finds_systemd_by_its_environment(ear: Ear) -> None:
    code = "from syncd.daemon.systemd import supervisor; supervisor().ready('up')"
    subprocess.run([sys.executable, "-c", code], env=os.environ | {"NOTIFY_SOCKET": ear.name}, check=True)
    assert ear.hear() == {"READY": "1", "STATUS": "up"}
