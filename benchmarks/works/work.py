"""What a work is."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from benchmarks.place import Place


def _nothing() -> None:
    """Nothing to make ready, nothing to put back."""


@dataclass
class Phases:
    """How long each phase of a run took, told by its progress messages."""

    begun: list[tuple[str, float]] = field(default_factory=list)

    def __call__(self, phase: str) -> None:
        """A phase begins."""
        self.begun.append((phase, time.perf_counter()))

    def taken(self, end: float) -> dict[str, float]:
        """Seconds by phase since the last call of this; the last phase ended at ``end``."""
        ends = [moment for _, moment in self.begun[1:]] + [end]
        found: dict[str, float] = {}
        for (name, begun), ended in zip(self.begun, ends, strict=True):
            found[name] = found.get(name, 0.0) + ended - begun
        self.begun.clear()
        return found


@dataclass(frozen=True)
class Trial:
    """A work made ready: ``run`` is what is measured, and returns how many units it did.

    ``prepare`` and ``settle`` go before and after each repetition, outside the clock.
    """

    run: Callable[[], int]
    prepare: Callable[[], None] = _nothing
    settle: Callable[[], None] = _nothing
    phases: Phases | None = None


@dataclass(frozen=True)
class Work:
    """Something to be measured, in a process of its own.

    ``calls`` is how often it runs within one repetition: a work of milliseconds is too short for the CPU clocks.
    ``unit`` is what it does many of. ``basis`` names the work that its time is a multiple of, if of any. ``once`` is
    for what cannot be repeated; ``script`` for what other tools do, on the smallest size only.
    """

    name: str
    title: str
    opened: Callable[[Place], AbstractContextManager[Trial]]
    unit: str = "labels"
    basis: str | None = "bare-together"
    calls: int = 1
    once: bool = False
    script: bool = False
