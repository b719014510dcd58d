"""Measures how long the phases of a run take."""

from __future__ import annotations

import time

NAMES = {
    "looking for changes": "reading",
    "reading FiftyOne and the database": "reading",
    "comparing": "comparing",
    "applying": "applying",
}
"""What a run says of its progress, as a phase."""


class Phases:
    """A clock that is told when each phase begins."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._name: str | None = None
        self._since = time.monotonic()

    def enter(self, progress: str) -> None:
        """A phase begins, and the one before it ends."""
        self._leave()
        self._name = NAMES.get(progress, progress)

    def _leave(self) -> None:
        now = time.monotonic()
        if self._name is not None:
            self._seconds[self._name] = self._seconds.get(self._name, 0.0) + now - self._since
        self._since = now

    def seconds(self) -> dict[str, float]:
        """Seconds by phase so far; the phase under way ends here."""
        self._leave()
        self._name = None
        return dict(self._seconds)
