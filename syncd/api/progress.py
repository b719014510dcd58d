"""How far a long call is, as phases and as a fraction."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = "Callable[[str, float], None]"
"""Called with the phase that begins, and how much of the whole is done by then (0 to 1). It never goes back."""

SHARES = {
    "looking for changes": 0.05,
    "looking at both sides": 0.05,
    "reading FiftyOne and the database": 0.1,
    "reading the log": 0.1,
    "looking again": 0.3,
    "comparing": 0.6,
    "fetching pictures": 0.6,
    "applying": 0.7,
    "writing": 0.8,
    "recording what was met": 0.95,
}
"""By phase, the share of a call that has passed when it begins: estimates, made to grow and not to be exact."""

DONE = "done"


def silent(_phase: str, _fraction: float) -> None:
    """No progress is shown."""


class Fractions:
    """Tells a person's callback of phases; what it raises ends the call, to be settled by the next run."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._fraction = 0.0

    def __call__(self, phase: str) -> None:
        """A phase begins, or goes on."""
        self._fraction = max(self._fraction, SHARES.get(phase, self._fraction))
        self._progress(phase, self._fraction)

    def done(self) -> None:
        """The call has ended well."""
        self._progress(DONE, 1.0)
