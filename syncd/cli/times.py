"""Moments as people write them on a command line."""

from __future__ import annotations

from datetime import datetime, timezone

from syncd.config import parse_duration
from syncd.errors import ConfigError


def moment(text: str | None, now: datetime) -> datetime | None:
    """``7d`` (ago), ``2026-11-01``, ``2026-11-01T12:00``; local time where no zone is given."""
    if text is None:
        return None
    try:
        return now - parse_duration(text)
    except ValueError:
        pass
    try:
        parsed = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise ConfigError(
            f"{text!r} is no moment in time.", remedy="Expected e.g. 7d, 12h, 2026-11-01 or 2026-11-01T12:00."
        ) from None
    return parsed.astimezone(timezone.utc)
