"""A line between syncd and a server that can be cut, held up and cut short."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from pymongo.uri_parser import parse_uri

Target = tuple[str, int] | Path


class Proxy:
    """Passes on what comes, by TCP on the loopback interface; ``target`` may change.

    ``delay_s``: each piece waits so long. ``left``: so many more bytes of answers pass, then the line is cut.
    ``silent``: pieces are taken and go nowhere, as where a firewall drops them.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self.delay_s = 0.0
        self.left: int | None = None
        self.silent = False
        self._refusing = False
        self._ends: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Ends every connection; new ones are refused until ``mend``."""
        self._refusing = True
        self.drop()

    def mend(self) -> None:
        """Everything passes again."""
        self._refusing, self.silent, self.left, self.delay_s = False, False, None, 0.0

    def drop(self) -> None:
        """Ends every connection; new ones are taken."""
        with self._lock:
            ends, self._ends = self._ends, set()
        for each in ends:
            _end(each)

    def close(self) -> None:
        self._refusing = True
        self._listener.close()
        self.drop()

    @property
    def connections(self) -> int:
        with self._lock:
            return len(self._ends) // 2

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                try:
                    if self._refusing:
                        raise ConnectionRefusedError
                    far = self._connect()
                except OSError:
                    _end(near)
                    continue
                with self._lock:
                    self._ends |= {near, far}
                for one, other, answers in ((near, far, False), (far, near, True)):
                    threading.Thread(target=self._pass_on, args=(one, other, answers), daemon=True).start()

    def _connect(self) -> socket.socket:
        if isinstance(self.target, Path):
            with contextlib.ExitStack() as stack:
                far = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
                far.connect(str(self.target))
                stack.pop_all()
                return far
        return socket.create_connection(self.target)

    def _pass_on(self, one: socket.socket, other: socket.socket, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                if self.delay_s:
                    time.sleep(self.delay_s)
                if self.silent:
                    continue
                if answers and self.left is not None:
                    data = data[: self.left]
                    self.left -= len(data)
                    other.sendall(data)
                    if not self.left:
                        break
                    continue
                other.sendall(data)
        with self._lock:
            self._ends -= {one, other}
        _end(one)
        _end(other)


def _end(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@contextmanager
def to_mongo(uri: str) -> Iterator[tuple[Proxy, str]]:
    """A proxy before a MongoDB, and the address through it."""
    ((host, port), *_) = parse_uri(uri)["nodelist"]
    proxy = Proxy((host, port))
    try:
        yield proxy, f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true"
    finally:
        proxy.close()


@contextmanager
def to_postgres(url: str) -> Iterator[tuple[Proxy, str]]:
    """A proxy before a PostgreSQL, and the address through it."""
    parsed = sa.make_url(url)
    proxy = Proxy(postgres_target(url))
    address = parsed.set(host="127.0.0.1", port=proxy.port, query={"sslmode": "disable"})
    try:
        yield proxy, address.render_as_string(hide_password=False)
    finally:
        proxy.close()


def postgres_target(url: str) -> Target:
    """Where a PostgreSQL really listens: an address, or its socket."""
    parsed = sa.make_url(url)
    folder = parsed.query.get("host")
    if isinstance(folder, str) and folder.startswith("/"):
        return Path(folder) / f".s.PGSQL.{parsed.query.get('port', 5432)}"
    return parsed.host or "127.0.0.1", parsed.port or 5432
