"""A MariaDB for the tests: the one that an environment variable names, or Debian's programs in a folder."""

from __future__ import annotations

import getpass
import importlib.util
import os
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

import servers

VARIABLE = "SYNCD_TEST_MARIADB_URL"
PROGRAMS = ("mariadbd", "mariadb-install-db")
START_S = 60
SETTINGS = (
    "--skip-networking",
    "--innodb-buffer-pool-size=32M",
    "--innodb-flush-log-at-trx-commit=0",
    "--performance-schema=OFF",
    # A transaction that a failed test left open keeps its tables; nobody shall wait for a day.
    "--lock-wait-timeout=20",
    # Not UTC: whoever forgets to say in which zone a time is meets it here.
    "--default-time-zone=+05:00",
)


def why_not() -> str | None:
    """Why there is no MariaDB here; ``None`` where there is one."""
    if importlib.util.find_spec("pymysql") is None:
        return "PyMySQL is not installed (the extra `mysql`)"
    if os.environ.get(VARIABLE):
        return None
    missing = [each for each in PROGRAMS if _program(each) is None]
    return f"no {' and no '.join(missing)} (Debian: mariadb-server-core), and no {VARIABLE}" if missing else None


@contextmanager
def server(folder: Path) -> Iterator[tuple[str, str]]:
    """Its address, without a database, and where it came from."""
    if url := os.environ.get(VARIABLE):
        yield url, f"MariaDB {_version(url)}, given by {VARIABLE}"
        return
    with servers.in_memory(folder) as place, (folder / "log").open("w") as log:
        account, data, socket_file = f"--user={getpass.getuser()}", place / "data", folder / "s"
        daemon, install = (str(_program(each)) for each in PROGRAMS)
        made = [install, "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal"]
        subprocess.run([*made, "--skip-test-db", account], stdout=log, stderr=log, check=True)
        where = [f"--datadir={data}", f"--socket={socket_file}", f"--pid-file={folder / 'pid'}", f"--tmpdir={place}"]
        process = subprocess.Popen([daemon, "--no-defaults", *where, *SETTINGS, account], stdout=log, stderr=log)
        try:
            url = f"mysql+pymysql://root@localhost/?unix_socket={socket_file}"
            _await(str(socket_file), process, folder / "log")
            yield url, f"MariaDB {_version(url)}, embedded"
        finally:
            process.terminate()
            process.wait(START_S)


@contextmanager
def database(server_url: str) -> Iterator[str]:
    """A fresh database, dropped afterwards; its collation takes small letters for capitals, as is usual."""
    name = f"syncd_test_{uuid.uuid4().hex[:12]}"
    admin = sa.create_engine(server_url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
    yield sa.make_url(server_url).set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name}")


def _program(name: str) -> str | None:
    # Debian has servers where no user's PATH leads.
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def _await(socket_file: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Knocks with a socket of its own: PyMySQL leaves one open each time that nobody answers."""
    deadline = time.monotonic() + START_S
    while True:
        with socket.socket(socket.AF_UNIX) as knock:
            if knock.connect_ex(socket_file) == 0:
                return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"MariaDB does not start: {log.read_text()[-2000:]}")
        time.sleep(0.1)


def _version(url: str) -> str:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return str(connection.exec_driver_sql("SELECT version()").scalar_one())
