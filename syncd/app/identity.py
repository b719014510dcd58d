"""Who is signed in: the layer in front of the App's server says it, for each request."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum


class Role(str, Enum):
    """What somebody may do in the App."""

    EDITOR = "editor"
    VIEWER = "viewer"


@dataclass(frozen=True)
class SignedIn:
    """The person whose request this is."""

    actor: str
    role: Role


SIGNED_IN: ContextVar[SignedIn | None] = ContextVar("syncd_signed_in", default=None)


def current() -> SignedIn | None:
    """Who is signed in; ``None`` where no layer is in front of the server."""
    return SIGNED_IN.get()
