"""One run per binding over all hosts: the lock lives where the writes go.

On PostgreSQL it is an advisory lock of the very session that writes: a run whose connection is gone has lost the
lock and the ability to write at the same moment. SQLite has one host by nature; there it is a lock on a file beside
the database.
"""

from __future__ import annotations

import fcntl
import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.errors import Busy, StateError

NAMESPACE = "syncd"


def lock_key(schema: str, binding: str) -> int:
    """The advisory lock's key: a signed 64-bit number, the same on every host."""
    digest = hashlib.blake2b(f"{NAMESPACE}/{schema}/{binding}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


@contextmanager
def one_run(connection: Connection, schema: str, binding: str) -> Iterator[None]:
    """Holds the binding's lock on this connection; ``Busy`` where another run has it."""
    if connection.dialect.name == "postgresql":
        with _advisory(connection, schema, binding):
            yield
    elif connection.dialect.name == "sqlite":
        with _file(connection, schema, binding):
            yield
    else:
        raise StateError(
            f"syncd cannot make sure of one run at a time on {connection.dialect.name}.",
            remedy="Keep its state in PostgreSQL: set `state.url`.",
        )


@contextmanager
def _advisory(connection: Connection, schema: str, binding: str) -> Iterator[None]:
    key = lock_key(schema, binding)
    taken = connection.execute(sa.text("SELECT pg_try_advisory_lock(:key)"), {"key": key}).scalar_one()
    if not taken:
        holder = _holder(connection, key)
        connection.rollback()
        raise _busy(binding, holder)
    connection.commit()
    try:
        yield
    finally:
        if not connection.closed and not connection.invalidated:
            connection.rollback()
            connection.execute(sa.text("SELECT pg_advisory_unlock(:key)"), {"key": key})
            connection.commit()


def _holder(connection: Connection, key: int) -> str:
    """Who holds the lock, as far as this user may know."""
    unsigned = key & 0xFFFFFFFFFFFFFFFF
    found = connection.execute(
        sa.text(
            "SELECT a.application_name, a.client_addr, a.backend_start FROM pg_locks l "
            "JOIN pg_stat_activity a ON a.pid = l.pid "
            "WHERE l.locktype = 'advisory' AND l.granted AND l.classid::bigint = :high AND l.objid::bigint = :low"
        ),
        {"high": unsigned >> 32, "low": unsigned & 0xFFFFFFFF},
    ).first()
    if found is None:
        return ""
    return f" ({found[0] or 'unnamed'} from {found[1] or 'this host'}, connected since {found[2]:%Y-%m-%d %H:%M:%S})"


@contextmanager
def _file(connection: Connection, schema: str, binding: str) -> Iterator[None]:
    database = connection.engine.url.database or ""
    name = hashlib.blake2b(f"{database}/{schema}/{binding}".encode(), digest_size=8).hexdigest()
    folder = Path(database).resolve().parent if database and database != ":memory:" else Path(tempfile.gettempdir())
    with (folder / f".syncd-{name}.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _busy(binding, "") from None
        yield


def _busy(binding: str, holder: str) -> Busy:
    return Busy(
        f"Another run of {binding!r} is under way{holder}.",
        remedy="Wait for it to end; `syncd status` shows it.",
    )
