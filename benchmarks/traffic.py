"""Counts what a work reads from each server, by standing between them: a repetition of its own, outside the clock."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

import sqlalchemy as sa
from pymongo.uri_parser import parse_uri

from benchmarks.errors import BenchmarkError
from benchmarks.place import Place

CHUNK = 1 << 18
HERE = "127.0.0.1"
POSTGRES_PORT = 5432

Connect = Callable[[], socket.socket]


@dataclass(frozen=True)
class Traffic:
    """Bytes that came from a server, and round trips: how often it answered after it had been asked."""

    received: int
    trips: int

    def since(self, before: Traffic, calls: int = 1) -> Traffic:
        """What came between two moments, in each of so many calls."""
        return Traffic((self.received - before.received) // calls, (self.trips - before.trips) // calls)


class Tap:
    """A port that passes everything on to a server, and counts; as many connections as anybody opens."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._listener = socket.create_server((HERE, 0))
        self._lock = threading.Lock()
        self._received = 0
        self._trips = 0
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def read(self) -> Traffic:
        """What came so far."""
        with self._lock:
            return Traffic(self._received, self._trips)

    def close(self) -> None:
        """No new connections; those that are open end with their client."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed
                return
            server = self._connect()
            asked = threading.Event()
            for pump in (self._ask, self._answer):
                threading.Thread(target=pump, args=(client, server, asked), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket, asked: threading.Event) -> None:
        for data in _sent_by(client):
            asked.set()
            if not _passed_on(data, server):
                break
        _end(server)

    def _answer(self, client: socket.socket, server: socket.socket, asked: threading.Event) -> None:
        for data in _sent_by(server):
            with self._lock:
                self._received += len(data)
                self._trips += asked.is_set()
            asked.clear()
            if not _passed_on(data, client):
                break
        _end(client)


def _sent_by(sender: socket.socket) -> Iterator[bytes]:
    while True:
        try:
            data = sender.recv(CHUNK)
        except OSError:  # an end that was reset has ended
            return
        if not data:
            return
        yield data


def _passed_on(data: bytes, receiver: socket.socket) -> bool:
    try:
        receiver.sendall(data)
    except OSError:  # nobody listens any more
        return False
    return True


def _end(receiver: socket.socket) -> None:
    try:
        receiver.shutdown(socket.SHUT_WR)
    except OSError:  # it has ended already
        return


@contextmanager
def tapped(place: Place) -> Iterator[tuple[Place, dict[str, Tap]]]:
    """The same place with both servers behind taps, by the servers' names."""
    with ExitStack() as stack:
        postgres_url, postgres = _postgres(place.postgres_url)
        stack.callback(postgres.close)
        mongo_uri, mongo = _mongo(place.mongo_uri)
        stack.callback(mongo.close)
        taps = {"MongoDB": mongo, "PostgreSQL": postgres}
        yield replace(place, postgres_url=postgres_url, mongo_uri=mongo_uri), taps


def _postgres(url: str) -> tuple[str, Tap]:
    found = sa.make_url(url)
    query = dict(found.query)
    host, port = query.pop("host", found.host or HERE), int(str(query.pop("port", found.port or POSTGRES_PORT)))
    if not isinstance(host, str):
        raise BenchmarkError("the traffic of several PostgreSQL hosts cannot be counted (--no-traffic)")

    def connect() -> socket.socket:
        if not host.startswith("/"):
            return socket.create_connection((host, port))
        found = socket.socket(socket.AF_UNIX)
        found.connect(f"{host}/.s.PGSQL.{port}")
        return found

    tap = Tap(connect)
    return found.set(host=HERE, port=tap.port, query=query).render_as_string(hide_password=False), tap


def _mongo(uri: str) -> tuple[str, Tap]:
    nodes = parse_uri(uri)["nodelist"]
    if len(nodes) != 1 or not uri.startswith("mongodb://"):
        raise BenchmarkError("the traffic of several MongoDB hosts cannot be counted (--no-traffic)")
    [(host, port)] = nodes
    tap = Tap(lambda: socket.create_connection((host, port)))
    before, _, options = uri.partition("?")
    user, at, _ = before.removeprefix("mongodb://").rpartition("@")
    path = before.removeprefix("mongodb://").rpartition("@")[2].partition("/")[2]
    # A driver that is told of a replica set would go to its members by their own names, past the tap.
    kept = [each for each in options.split("&") if each and not each.startswith(("replicaSet=", "directConnection="))]
    return f"mongodb://{user}{at}{HERE}:{tap.port}/{path}?{'&'.join([*kept, 'directConnection=true'])}", tap
