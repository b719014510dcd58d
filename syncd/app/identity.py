"""Who sent the request that is being answered; set by :mod:`syncd.app.layer`, read by the plugin."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum


class Role(str, Enum):
    """What a person may do in the App."""

    EDITOR = "editor"
    VIEWER = "viewer"
    """Looks, and changes nothing."""


@dataclass(frozen=True)
class SignedIn:
    """A person, under the name that the log gives to what they do."""

    actor: str
    role: Role


SIGNED_IN: ContextVar[SignedIn | None] = ContextVar("syncd_signed_in", default=None)


def current() -> SignedIn | None:
    """Who sent the request that is being answered; ``None`` where nobody knows."""
    return SIGNED_IN.get()
