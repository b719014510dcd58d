"""The states of a binding in a running daemon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from enum import Enum

from syncd.model.kinds import Json, iso


class State(str, Enum):
    """What a binding is at. ``STOPPED`` waits for a person, ``DEGRADED`` for a server, ``STANDBY`` for the lock."""

    IN_AGREEMENT = "in_agreement"
    RECONCILING = "reconciling"
    CONFLICTS = "conflicts"
    HELD = "held"
    DEGRADED = "degraded"
    STOPPED = "stopped"
    STANDBY = "standby"
    STARTING = "starting"


def _now() -> datetime:
    return datetime.now(timezone.utc)


@dataclass(frozen=True)
class BindingState:
    """One binding's state. Times are UTC.

    ``since``: when this state began. ``side``: where a degraded one fails ("fiftyone", "database", "state"). ``why``: a
    sentence without secrets and label content. ``lag_seconds``: by side, how far behind it was read at ``last_success``
    (who shows it adds the time since). ``wake``: by side, what wakes the binding ("stream",
    "notify", "poll").
    """

    binding: str
    state: State = State.STARTING
    since: datetime = field(default_factory=_now)
    side: str | None = None
    why: str | None = None
    next_try: datetime | None = None
    last_success: datetime | None = None
    open_conflicts: int = 0
    awaiting_review: int = 0
    lag_seconds: Mapping[str, float | None] = field(default_factory=dict)
    wake: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Json]:
        """The state as JSON."""
        return {
            "binding": self.binding,
            "state": self.state.value,
            "since": iso(self.since),
            "side": self.side,
            "why": self.why,
            "next_try": _text(self.next_try),
            "last_success": _text(self.last_success),
            "conflicts": {"open": self.open_conflicts},
            "awaiting_review": self.awaiting_review,
            "lag_seconds": dict(self.lag_seconds),
            "wake": dict(self.wake),
        }


def _text(at: datetime | None) -> str | None:
    return None if at is None else iso(at)
