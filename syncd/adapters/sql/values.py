"""Single values on their way to a database driver."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from decimal import Decimal

from syncd.adapters.sql.encoding import can_hold
from syncd.adapters.sql.ids import is_sendable
from syncd.model import Change, Content, Holds, Kind, Value

ACTOR = "syncd"
"""Who wrote it, in the lab's own column, where nobody knows who edited it."""

INT64 = range(-(2**63), 2**63)


def to_driver(kind: Kind, value: Value, *, naive: bool = False) -> object:
    """One canonical value as a parameter; ``naive`` for columns whose times have no zone (UTC then)."""
    if value is None:
        return None
    if kind is Kind.DECIMAL:
        return Decimal(str(value))
    if kind is Kind.TIMESTAMP and isinstance(value, datetime):
        utc = value.astimezone(timezone.utc)
        return utc.replace(tzinfo=None) if naive else utc
    return value


def editor(actor: str | None, holds: Holds | None) -> str:
    """Who the lab's own column says has edited it; a name longer than the column is cut."""
    encoding, longest = (None, None) if holds is None else (holds.encoding, holds.max_length)
    known = actor if actor and is_sendable(actor) and can_hold(encoding, actor) else ACTOR
    return known if longest is None else known[:longest]


def part_of(content: Content, name: str) -> Content:
    """One field of a whole annotation."""
    return content.get(name) if isinstance(content, dict) else None


def why_unsendable(change: Change) -> str | None:
    """Why no database takes what this change would store; drivers raise errors of their own for it."""
    for value in _values(change):
        if isinstance(value, str) and not is_sendable(value):
            return "text with a NUL character, or with half of a surrogate pair, which no database holds"
        if isinstance(value, int) and value not in INT64:
            return f"{value} is larger than any integer that a database holds"
    return None


def _values(change: Change) -> Iterator[Content]:
    if isinstance(change.new, dict):
        yield from change.new.values()
        yield change.media
    else:
        yield change.new
