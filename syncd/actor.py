"""Who acts, as the log and the conflicts name a person who decides."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ACTOR: ContextVar[str | None] = ContextVar("syncd_actor", default=None)
"""Who acts in this context (thread or task), where somebody was named."""


def person() -> str:
    """The actor that was named (:func:`acting_as`); else ``user@host``, as the system or the environment knows it."""
    actor = _ACTOR.get()
    if actor is not None:
        return actor
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        # A container may run under a number that no account has.
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"


@contextmanager
def acting_as(name: str) -> Iterator[None]:
    """Within the block, ``name`` is who decides. A thread that the block starts does not know of it."""
    token = _ACTOR.set(name)
    try:
        yield
    finally:
        _ACTOR.reset(token)
