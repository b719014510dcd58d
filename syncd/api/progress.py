"""How far a long call is, as phases and as a fraction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

Progress: TypeAlias = "Callable[[str, float], None]"
"""Called with the phase that begins, and how much of the whole is done by then (0 to 1). It never goes back."""


@dataclass(frozen=True)
class Counting:
    """Progress in numbers: ``report`` is called with the phase, how much of it is done, and how much there is.

    There may be 0 of a phase: then nobody knows.
    """

    report: Callable[[str, int, int], object]


SHARES = {
    "reading the table": 0.02,
    "reading samples": 0.02,
    "reading the samples": 0.02,
    "looking for changes": 0.05,
    "looking at both sides": 0.05,
    "reading FiftyOne and the database": 0.1,
    "reading the log": 0.1,
    "looking for the media": 0.1,
    "loading": 0.2,
    "embedding": 0.2,
    "uploading": 0.2,
    "looking again": 0.3,
    "comparing": 0.6,
    "fetching pictures": 0.6,
    "applying": 0.7,
    "computing metadata": 0.7,
    "rewriting paths": 0.7,
    "cutting again": 0.8,
    "writing": 0.8,
    "comparing the predictions": 0.9,
    "pushing the vocabulary": 0.95,
    "recording what was met": 0.95,
}
"""By phase, the share of a call that has passed when it begins: estimates, made to grow and not to be exact."""

COUNTED = {"loading": 0.7, "embedding": 0.7, "uploading": 0.7}
"""By phase, the share of a call that has passed when it ends: of those that take most of a call and count."""

DONE = "done"


def silent(_phase: str, _fraction: float) -> None:
    """No progress is shown."""


class Fractions:
    """Tells a person's callback of phases; what it raises ends the call, to be settled by the next run."""

    def __init__(self, progress: Progress | Counting) -> None:
        self._progress = progress
        self._fraction = 0.0

    def __call__(self, phase: str) -> None:
        """A phase begins, or goes on."""
        self.counted(phase, 0, 0)

    def counted(self, phase: str, done: int, total: int) -> None:
        """So much of a phase is done, of so much (0: nobody knows)."""
        if isinstance(self._progress, Counting):
            self._progress.report(phase, done, total)
            return
        begun = SHARES.get(phase, self._fraction)
        passed = (COUNTED.get(phase, begun) - begun) * min(done / total, 1.0) if total else 0.0
        self._fraction = max(self._fraction, begun + passed)
        self._progress(phase, self._fraction)

    def done(self) -> None:
        """The call has ended well."""
        if not isinstance(self._progress, Counting):
            self._progress(DONE, 1.0)
