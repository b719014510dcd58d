"""One server process in a folder: started, watched, stopped; common to PostgreSQL and MongoDB."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from syncd.errors import SetupError

LAUNCHER = Path(__file__).with_name("launcher.py")
START_SECONDS = 60.0
STOP_SECONDS = 20.0
POLL_SECONDS = 0.02
LOG_LINES = 15


@contextmanager
def claimed(folder: Path, *, wait: float = STOP_SECONDS) -> Iterator[int]:
    """Hold ``folder`` for one server at a time; gives the descriptor of the lock. Created where absent, 0700.

    The server inherits the descriptor, so the lock is free exactly when no process of the server is left: whoever has
    it knows that pid files in the folder are stale. A server whose user was killed needs a moment to go; SetupError
    after ``wait`` seconds.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(folder / "server.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + wait
        while not _try_lock(handle):
            if time.monotonic() > deadline:
                raise SetupError(
                    f"The folder {folder} is in use by a server of another syncd process.",
                    remedy="End that process, or use another folder.",
                )
            time.sleep(POLL_SECONDS)
        yield handle
    finally:
        os.close(handle)


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def running(
    command: Sequence[str | Path],
    *,
    log: Path,
    lock: int,
    stop: Sequence[signal.Signals],
    user: str | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server for the time of the context; its output is appended to ``log``.

    ``stop`` are the signals that end it, each given STOP_SECONDS before the next and at last SIGKILL; the first is
    also what the kernel sends it on Linux when this process dies. It has a session of its own: Ctrl-C in a terminal
    reaches this process alone, which then stops the server in order.
    """
    process = _start(command, log=log, lock=lock, death=stop[0], user=user)
    try:
        yield process
    finally:
        _stop(process, stop)


def launched(command: Sequence[str | Path], *, death: signal.Signals, user: str | None) -> list[str | Path]:
    """Give the command that runs ``command`` as ``user`` and with ``death`` as its signal when this process dies."""
    return [sys.executable, "-I", "-S", LAUNCHER, str(os.getpid()), str(int(death)), user or "-", *command]


def _start(
    command: Sequence[str | Path], *, log: Path, lock: int, death: signal.Signals, user: str | None
) -> subprocess.Popen[bytes]:
    """Start the launcher from a thread that lives as long as the server.

    For the kernel the parent is the thread that forked, and not its process: a server started in a passing thread
    would get the death signal when that thread ends.
    """
    launch = launched(command, death=death, user=user)
    started: list[subprocess.Popen[bytes] | OSError] = []
    ready = threading.Event()

    def keep() -> None:
        try:
            with log.open("ab") as output:
                process = subprocess.Popen(
                    launch,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    pass_fds=(lock,),
                    start_new_session=True,
                    cwd="/",
                )
        except OSError as error:
            started.append(error)
            return
        else:
            started.append(process)
        finally:
            ready.set()
        process.wait()

    threading.Thread(target=keep, name=f"keeps {Path(command[0]).name}", daemon=True).start()
    ready.wait()
    if isinstance(started[0], OSError):
        raise SetupError(f"Could not start {command[0]}: {started[0]}") from started[0]
    return started[0]


def _stop(process: subprocess.Popen[bytes], signals: Sequence[signal.Signals]) -> None:
    for each in (*signals, signal.SIGKILL):
        process.send_signal(each)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        return


def await_ready(process: subprocess.Popen[bytes], ready: Callable[[], bool], *, what: str, log: Path) -> None:
    """Return when ``ready()`` is true; SetupError with the end of the log where the server ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        ended = process.poll()
        if ended is not None:
            raise SetupError(f"{what} ended while starting (status {ended}). The end of {log}:\n{tail(log)}")
        if time.monotonic() > deadline:
            raise SetupError(f"{what} did not start within {START_SECONDS:.0f} s. The end of {log}:\n{tail(log)}")
        time.sleep(POLL_SECONDS)


def tail(log: Path) -> str:
    """Give the last lines of a log, for an error message."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES:])
