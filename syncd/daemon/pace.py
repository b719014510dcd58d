"""When a binding is polled next. Pure: times are seconds of one clock that nobody sets."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from syncd.config import DaemonConfig
from syncd.model import Side

SLOT_S = 0.25
"""Calls that come within this time of each other are one: a bulk edit makes thousands."""

SHORTEST_S = 1.0
"""Between the beginnings of two rounds, however often something calls."""

MARGIN_S = 0.1
"""Later than the quiet period ends, so that an edit is no longer young when it is looked at."""

COUNT_EVERY = timedelta(minutes=5)
"""How often the rows of the table are counted, which takes longer the more there are: a number that is too small tells
of a deletion. Without the count the next sweep finds it."""

HELD_EVERY = timedelta(minutes=5)
"""How often a held binding is looked at where nothing says that anything has changed."""

HELD_CALLED_S = 60.0
"""The same while edits go on: each of them makes another plan of what is held, for which everything is read."""


@dataclass(frozen=True)
class Tempo:
    """Seconds between two polls, and for how long an edit is left alone."""

    poll_s: float
    quiet_s: float

    @staticmethod
    def of(config: DaemonConfig) -> Tempo:
        """The tempo that the configuration asks for, in seconds."""
        return Tempo(config.poll_interval.total_seconds(), config.quiet_period.total_seconds())


def due_after(tempo: Tempo, side: Side, called_at: float) -> float:
    """From when on a round sees what a side called about: the end of its slot, and in FiftyOne of the quiet period."""
    quiet = tempo.quiet_s if side is Side.FIFTYONE else 0.0
    return math.ceil((called_at + quiet + MARGIN_S) / SLOT_S) * SLOT_S


def next_round(tempo: Tempo, last_began: float, called_for: Iterable[float]) -> float:
    """When the next round is to begin: after the interval, or when one is called for, whichever comes first."""
    called = min(called_for, default=math.inf)
    return min(last_began + tempo.poll_s, max(called, last_began + SHORTEST_S))
