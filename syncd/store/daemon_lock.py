"""One daemon per binding over all hosts: the daemon that holds this lock polls, every other one stands by.

The lock is taken on the connection that writes, for as long as that connection lives, beside the lock of each run
(:mod:`syncd.store.lock`). Commands take only the latter: they work beside a daemon. A daemon that lost its connection
has lost this lock, every run's lock, and the means to write, at the same moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from syncd.errors import Busy
from syncd.store.lock import held_by_another, make_sure, one_run


@contextmanager
def one_daemon(connection: Connection, schema: str, binding: str) -> Iterator[None]:
    """Holds the daemon's lock on this connection; ``Busy`` where another daemon has it."""
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
