"""The options of one run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from syncd.engine.mode import Pace
from syncd.model import Side


def _silent(_: str) -> None:
    """No progress is shown."""


@dataclass(frozen=True)
class Options:
    """The options of a run. ``expected`` is the digest of a saved plan: any other plan is refused as stale.

    ``accepted`` is a side that went back in time and is accepted as it is, whatever the brakes say.
    ``tag`` lets only edits through that have it (:mod:`syncd.engine.decide`). ``quiet`` leaves no row behind for a
    run that found nothing new: a daemon makes a million of them in a year.
    """

    dry_run: bool = False
    full: bool = False
    force: bool = False
    pace: Pace = field(default_factory=Pace)
    expected: str | None = None
    accepted: Side | None = None
    count_rows: bool = True
    tag: str | None = None
    quiet: bool = False
    progress: Callable[[str], None] = _silent
