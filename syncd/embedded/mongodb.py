"""An embedded MongoDB on a free port of the loopback interface."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymongo
from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError

from syncd.embedded.mongod_binary import find_mongod
from syncd.embedded.server import await_ready, claimed, running
from syncd.errors import SetupError

HOST = "127.0.0.1"
REPLICA_SET = "syncd0"
ATTEMPTS = 5
ADDRESS_IN_USE = 48  # mongod's exit status
NOT_YET_INITIALIZED = 94
COMMAND_SECONDS = 10


@dataclass(frozen=True)
class Mongod:
    """A running server; ``uri`` is what a client or FiftyOne's ``database_uri`` takes."""

    uri: str
    folder: Path
    pid: int


class _PortTakenError(Exception):
    """Somebody else took the port between our looking for a free one and the server's using it."""


@contextmanager
def mongod(folder: Path, *, replica_set: bool = True, durable: bool = False) -> Iterator[Mongod]:
    """Run MongoDB with its data in ``folder`` (created where absent, kept afterwards) for the time of the context.

    With ``replica_set`` it is the primary of a set of one, as change streams and transactions need. ``durable`` makes
    a majority write wait for the journal on disk. SetupError where there is no ``mongod``, the folder is in use or the
    server does not start.
    """
    binary = find_mongod()
    folder = Path(os.path.abspath(folder))
    with ExitStack() as stack:
        lock = stack.enter_context(claimed(folder))
        data = folder / "data"
        data.mkdir(exist_ok=True, mode=0o700)
        log = folder / "mongod.log"
        options = ["--bind_ip", HOST, "--nounixsocket", "--setParameter", "diagnosticDataCollectionEnabled=false"]
        # Otherwise a server told to end first waits for other members of its set to catch up.
        options += ["--setParameter", "shutdownTimeoutMillisForSignaledShutdown=0"]
        if replica_set:
            options += ["--replSet", REPLICA_SET, "--oplogSize", "256"]
        for _ in range(ATTEMPTS):
            port = _free_port()
            command: list[str | Path] = [binary, "--dbpath", data, "--port", str(port), *options]
            with ExitStack() as attempt:
                process = attempt.enter_context(running(command, log=log, lock=lock, stop=(signal.SIGTERM,)))
                try:
                    _await_listening(process, port, log)
                except _PortTakenError:
                    continue
                if replica_set:
                    _join_replica_set(process, port, log, durable=durable)
                stack.push(attempt.pop_all())
                break
        else:
            raise SetupError(f"MongoDB found no free port on {HOST} in {ATTEMPTS} attempts.")
        yield Mongod(uri=_uri(port, replica_set=replica_set), folder=folder, pid=process.pid)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _uri(port: int, *, replica_set: bool) -> str:
    options = f"replicaSet={REPLICA_SET}&directConnection=true" if replica_set else "directConnection=true"
    return f"mongodb://{HOST}:{port}/?{options}"


def _await_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until ``port`` takes connections, and make sure that it is our server that takes them."""

    def listening() -> bool:
        if process.poll() == ADDRESS_IN_USE:
            raise _PortTakenError
        with socket.socket() as probe:
            return probe.connect_ex((HOST, port)) == 0

    await_ready(process, listening, what="MongoDB", log=log)
    with pymongo.MongoClient[dict[str, Any]](_uri(port, replica_set=False), serverSelectionTimeoutMS=10_000) as client:
        if client.admin.command("serverStatus")["pid"] != process.pid:
            raise _PortTakenError


def _join_replica_set(process: subprocess.Popen[bytes], port: int, log: Path, *, durable: bool) -> None:
    """Make the server the primary of its replica set of one, whatever port it had when it ran before."""
    with pymongo.MongoClient[dict[str, Any]](_uri(port, replica_set=False), timeoutMS=COMMAND_SECONDS * 1000) as client:
        admin = client.admin
        try:
            _configure_set(admin, {"_id": 0, "host": f"{HOST}:{port}"}, durable=durable)
            await_ready(
                process,
                lambda: bool(admin.command("hello")["isWritablePrimary"]),
                what="MongoDB's replica set",
                log=log,
            )
        except PyMongoError as error:
            raise SetupError(f"MongoDB's replica set of one did not come up: {error}\nIts log: {log}") from error


def _configure_set(admin: Database[dict[str, Any]], member: dict[str, Any], *, durable: bool) -> None:
    """Create the replica set, or tell it the address that its only member has today."""
    try:
        config = admin.command("replSetGetConfig")["config"]
    except OperationFailure as error:
        if error.code != NOT_YET_INITIALIZED:
            raise
        config = {"_id": REPLICA_SET, "version": 1, "members": [member]}
        config["writeConcernMajorityJournalDefault"] = durable
        admin.command("replSetInitiate", config)
        return
    if config["members"][0]["host"] != member["host"]:
        # Forced: no member answers under the old address who could agree.
        changed = {**config, "members": [member], "version": config["version"] + 1}
        admin.command("replSetReconfig", changed, force=True)
