"""Daemons in processes of their own, as a service manager starts them, to be stopped, frozen and killed."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from children import context

PATIENCE_S = 60.0

QUICK = {"poll_interval": "300s", "full_scan_interval": "1h", "overlap": "10m", "quiet_period": "0s", "http": None}
"""So seldom that a test which sees an edit carried sees that something woke the daemon."""


LONGEST_PAUSE_S, STOPPED_FIRST_S = 2.0, 3.0
"""Between two tries of a daemon that a test waits for; those of the real one are tested without a daemon."""


def serve(path: str, log: str, names: list[str] | None, hang_s: float | None) -> None:
    """``syncd run`` in this process, its standard error in a file."""
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(handle, 2)
    from syncd import logs
    from syncd.daemon import daemon, error_policy, upkeep, vectors

    # Beside other tests an idle process would hardly ever come to work.
    vectors.NICENESS, vectors.LOOK_S, upkeep.LOOK_S = 0, 1.0, 1.0
    error_policy.LONGEST_PAUSE_S, error_policy.STOPPED_FIRST_S = LONGEST_PAUSE_S, STOPPED_FIRST_S
    if hang_s is not None:
        daemon.HANG_S = hang_s
    logs.configure(terminal=False)
    logs.tell_what_is_done()
    code = daemon.run_daemon(Path(path), names)
    sys.stderr.flush()
    os._exit(code)


class Daemon:
    """One running daemon."""

    def __init__(self, config: Path, log: Path, names: list[str] | None = None, *, hang_s: float | None = None) -> None:
        self.config = config
        self.log = log
        self.process = context.Process(target=serve, args=(str(config), str(log), names, hang_s), daemon=True)
        self.process.start()

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    def send(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """As the kernel or a power cut does it."""
        self.process.kill()
        self.process.join(PATIENCE_S)

    def wait(self, seconds: float = 15.0) -> int | None:
        """The exit code; fails where it takes longer."""
        self.process.join(seconds)
        assert not self.process.is_alive(), "the daemon does not end\n" + self.text()
        return self.process.exitcode

    def text(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def lines(self, event: str | None = None) -> list[dict[str, Any]]:
        """What it logged; of one event, if any is given."""
        found = []
        for line in self.text().splitlines():
            try:
                entry = json.loads(line)
            except ValueError:  # the line under way
                continue
            if event is None or entry.get("event") == event:
                found.append(entry)
        return found

    def until_said(self, event: str, count: int = 1, **details: Any) -> dict[str, Any]:
        """Waits for the line; the first that fits."""

        def fitting() -> list[dict[str, Any]]:
            return [each for each in self.lines(event) if details.items() <= each.items()]

        until(lambda: len(fitting()) >= count, lambda: f"{event} {details} was not said:\n{self.text()}")
        return fitting()[count - 1]


def until(
    true: Callable[[], object], told: Callable[[], str] | str = "it never came true", patience: float = PATIENCE_S
) -> None:
    """Waits until something is true."""
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, told if isinstance(told, str) else told()
        time.sleep(0.05)


def write_config(path: Path, document: Mapping[str, Any], **daemon: Any) -> Path:
    """The file, complete at once."""
    whole = {**document, "daemon": QUICK | daemon}
    fresh = path.with_suffix(".new")
    fresh.write_text(yaml.safe_dump(whole), encoding="utf-8")
    fresh.replace(path)
    return path


@contextmanager
def running(
    config: Path, log: Path, names: list[str] | None = None, *, hang_s: float | None = None
) -> Iterator[Daemon]:
    """A daemon for the length of a block; killed at its end, if it is still there."""
    daemon = Daemon(config, log, names, hang_s=hang_s)
    try:
        yield daemon
    finally:
        if daemon.process.is_alive():
            # One that is frozen takes no other signal.
            daemon.send(signal.SIGCONT)
            daemon.kill()
