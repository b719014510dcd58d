"""One run per binding over all hosts: the lock lives where the writes go.

On PostgreSQL it is an advisory lock of the very session that writes, on MariaDB and MySQL a lock that the session has
by name (of one server, and not of a cluster): a run whose connection is gone has lost the lock and the ability to write
to the database at the same moment; before it writes to FiftyOne it looks at the lock (:func:`make_sure`). SQLite has
one host by nature; there it is a lock on a file beside the database.
"""

from __future__ import annotations

import fcntl
import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.adapters.sql.mysql import is_mysql
from syncd.errors import Busy, LockLost, StateError
from syncd.logs import Logger

log = Logger(__name__)

NAMESPACE = "syncd"

HELD = """
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid() AND objsubid = 1
AND classid::bigint = :high AND objid::bigint = :low
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

ELSEWHERE = """
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid <> pg_backend_pid() AND objsubid = 1
AND classid::bigint = :high AND objid::bigint = :low
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

HOLDER = """
SELECT l.pid, a.application_name, a.client_addr, a.backend_start FROM pg_locks l
LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
AND l.classid::bigint = :high AND l.objid::bigint = :low
AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


OURS = sa.text("SELECT coalesce(IS_USED_LOCK(:name) = CONNECTION_ID(), 0)")
ANOTHERS = sa.text("SELECT coalesce(IS_USED_LOCK(:name) <> CONNECTION_ID(), 0)")
"""The same of MariaDB and MySQL: who has a lock by name is known by the number of the connection."""


def lock_key(schema: str, binding: str) -> int:
    """The advisory lock's key: a signed 64-bit number, the same on every host."""
    digest = hashlib.blake2b(f"{NAMESPACE}/{schema}/{binding}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


@contextmanager
def one_run(
    connection: Connection,
    schema: str,
    binding: str,
    *,
    known_as: Callable[[], str | None] = lambda: None,
    busy: Callable[[str, str | None], Busy] | None = None,
) -> Iterator[None]:
    """Holds the binding's lock on this connection; ``Busy`` where another run has it.

    ``known_as`` may know more of the other run than the lock does; ``busy`` words the error. While the lock is held a
    connection that was lost stays lost: one made anew would write without the lock.
    """
    if connection.dialect.name == "postgresql":
        lock = _advisory(connection, schema, binding, known_as, busy or _busy)
    elif is_mysql(connection.dialect):
        lock = _named(connection, schema, binding, known_as, busy or _busy)
    elif connection.dialect.name == "sqlite":
        lock = _file(connection, schema, binding, known_as, busy or _busy)
    else:
        raise StateError(
            f"syncd cannot make sure of one run at a time on {connection.dialect.name}.",
            remedy="Keep the annotations in PostgreSQL, MariaDB, MySQL or SQLite.",
        )
    with lock, no_reconnect(connection):
        yield


def make_sure(connection: Connection, schema: str, binding: str) -> None:
    """``LockLost`` unless this connection still holds the lock; to be called outside of a transaction.

    The connection may be alive and the lock gone: a pooler that hands out another session for every transaction
    (PgBouncer) does that.
    """
    if connection.dialect.name != "postgresql" and not is_mysql(connection.dialect):
        return
    key = lock_key(schema, binding)
    asked, given = (sa.text(HELD), _halves(key)) if connection.dialect.name == "postgresql" else (OURS, _name(key))
    try:
        held = connection.execute(asked, given).scalar_one()
    except sa.exc.DBAPIError as error:
        if error.connection_invalidated:
            raise lost(binding) from error
        raise
    except sa.exc.PendingRollbackError as error:
        # It was found to be cut before, and must not be opened anew: that would be without the lock.
        raise lost(binding) from error
    connection.rollback()
    if not held:
        raise LockLost(
            f"The lock on {binding!r} is not held any more, though its connection is: a pooler between syncd and the "
            "database gives every transaction another session.",
            remedy="Connect to the database directly, or let the pooler pool by session.",
        )


def held_by_another(connection: Connection, schema: str, binding: str) -> bool:
    """Whether another session has the lock; to be called outside of a transaction. Of SQLite it is not known."""
    if is_mysql(connection.dialect):
        other = connection.execute(ANOTHERS, _name(lock_key(schema, binding))).scalar_one()
        connection.rollback()
        return bool(other)
    if connection.dialect.name != "postgresql":
        return False
    found = connection.execute(sa.text(ELSEWHERE), _halves(lock_key(schema, binding))).scalar_one()
    connection.rollback()
    return bool(found)


def lost(binding: str) -> LockLost:
    """The error of a run whose connection is gone."""
    return LockLost(
        f"The connection that held the lock on {binding!r} is gone; nothing more was written.",
        remedy=f"Run `syncd reconcile {binding}` again: it settles what was left half done.",
    )


@contextmanager
def no_reconnect(connection: Connection) -> Iterator[None]:
    """Has SQLAlchemy raise ``LockLost`` where it would connect again by itself."""

    def refuse(*_: object) -> NoReturn:
        raise LockLost(
            "The connection to the database was lost in the middle of a run.",
            remedy="Run `syncd reconcile` again: it settles what was left half done.",
        )

    sa.event.listen(connection.engine, "do_connect", refuse)
    try:
        yield
    except sa.exc.StatementError as error:
        if isinstance(error.orig, LockLost):
            raise error.orig from error
        raise
    finally:
        sa.event.remove(connection.engine, "do_connect", refuse)


@contextmanager
def _advisory(
    connection: Connection,
    schema: str,
    binding: str,
    known_as: Callable[[], str | None],
    busy: Callable[[str, str | None], Busy],
) -> Iterator[None]:
    key = lock_key(schema, binding)
    taken = connection.execute(sa.text("SELECT pg_try_advisory_lock(:key)"), {"key": key}).scalar_one()
    if not taken:
        holder = known_as() or _holder(connection, key)
        connection.rollback()
        raise busy(binding, holder)
    connection.commit()
    try:
        yield
    finally:
        _give_back(connection, key, binding)


def _give_back(connection: Connection, key: int, binding: str) -> None:
    """Lets go of the lock. A connection that is gone has none to give back, and that is no fault of this run."""
    if connection.closed or connection.invalidated:
        return
    try:
        connection.rollback()
        connection.execute(sa.text("SELECT pg_advisory_unlock(:key)"), {"key": key})
        connection.commit()
    except sa.exc.DBAPIError as error:
        if not error.connection_invalidated:
            raise
        log.info("the lock went with its connection", binding=binding)


def _halves(key: int) -> dict[str, int]:
    unsigned = key & 0xFFFFFFFFFFFFFFFF
    return {"high": unsigned >> 32, "low": unsigned & 0xFFFFFFFF}


def _holder(connection: Connection, key: int) -> str | None:
    """Who holds the lock, as far as this user may know: of other users' sessions little more than the number."""
    found = connection.execute(sa.text(HOLDER), _halves(key)).first()
    if found is None:
        return None
    since = f", connected since {found[3]:%Y-%m-%d %H:%M:%S}" if found[3] else ""
    return f"{found[1] or 'unnamed'} from {found[2] or 'this host'}, backend process {found[0]}{since}"


@contextmanager
def _named(
    connection: Connection,
    schema: str,
    binding: str,
    known_as: Callable[[], str | None],
    busy: Callable[[str, str | None], Busy],
) -> Iterator[None]:
    name = _name(lock_key(schema, binding))
    taken = connection.execute(sa.text("SELECT GET_LOCK(:name, 0)"), name).scalar_one()
    if not taken:
        found = connection.execute(sa.text("SELECT IS_USED_LOCK(:name)"), name).scalar_one()
        connection.rollback()
        raise busy(binding, known_as() or f"the database's connection {found}")
    connection.commit()
    try:
        yield
    finally:
        if not (connection.closed or connection.invalidated):
            try:
                connection.rollback()
                connection.execute(sa.text("SELECT RELEASE_LOCK(:name)"), name)
                connection.commit()
            except sa.exc.DBAPIError as error:
                if not error.connection_invalidated:
                    raise
                log.info("the lock went with its connection", binding=binding)


def _name(key: int) -> dict[str, str]:
    return {"name": f"{NAMESPACE}-{key & 0xFFFFFFFFFFFFFFFF:016x}"}


@contextmanager
def _file(
    connection: Connection,
    schema: str,
    binding: str,
    known_as: Callable[[], str | None],
    busy: Callable[[str, str | None], Busy],
) -> Iterator[None]:
    database = connection.engine.url.database
    named = database and database != ":memory:"
    place = Path(str(database)).resolve() if named else Path(tempfile.gettempdir()) / "memory"
    name = hashlib.blake2b(f"{place}/{schema}/{binding}".encode(), digest_size=8).hexdigest()
    with (place.parent / f".syncd-{name}.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise busy(binding, known_as()) from None
        yield


def _busy(binding: str, holder: str | None) -> Busy:
    who = f" ({holder})" if holder else ""
    return Busy(
        f"Another run of {binding!r} is under way{who}.",
        remedy="Wait for it to end; `syncd status` shows it.",
    )


@contextmanager
def one_daemon(connection: Connection, schema: str, binding: str) -> Iterator[None]:
    """Holds the daemon's lock on this connection; ``Busy`` where another daemon has it.

    It is taken on the connection that writes, for as long as that lives, beside the lock of each run. A daemon that
    lost its connection has lost this lock, every run's lock, and the means to write, at the same moment.
    """
    with one_run(connection, schema, _subject(binding), busy=lambda _, holder: _stand_by(binding, holder)):
        yield


def make_sure_of_daemon(connection: Connection, schema: str, binding: str) -> None:
    """``LockLost`` unless this connection still holds the daemon's lock; to be called outside of a transaction."""
    make_sure(connection, schema, _subject(binding))


def has_other_daemon(connection: Connection, schema: str, binding: str) -> bool:
    """Whether a daemon, other than on this connection, attends to the binding."""
    return held_by_another(connection, schema, _subject(binding))


def _subject(binding: str) -> str:
    """No binding can have this name."""
    return f"{binding} (daemon)"


def _stand_by(binding: str, holder: str | None) -> Busy:
    who = f" ({holder})" if holder else ""
    return Busy(
        f"Another daemon attends to {binding!r}{who}.",
        remedy="This one stands by, and takes over when that one is gone.",
    )
