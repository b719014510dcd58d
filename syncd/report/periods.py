"""The schedule of the daemon's reports: the periods that they cover, the names of their files, and where they go.

Spans of one length follow each other without a gap from a Monday on, so that weeks begin on Mondays and days at
midnight, in UTC. Which span is the last needs no memory, and its file's name says whether it has been written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from syncd.report.formats import Format

MONDAY = datetime(1970, 1, 5, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Period:
    """From ``since`` until before ``until``."""

    since: datetime
    until: datetime


def last_period(every: timedelta, now: datetime) -> Period:
    """The last span of this length that is over."""
    until = MONDAY + (now - MONDAY) // every * every
    return Period(until - every, until)


def file_name(period: Period, form: Format, bindings: Sequence[str] = ()) -> str:
    """Such as ``syncd-2026-11-16--2026-11-23.html``; with the bindings, where the daemon runs only some."""
    both = (period.since, period.until)
    # A span that does not begin and end at midnight needs the time too.
    pattern = "%Y-%m-%d" if all(at.time() == MONDAY.time() for at in both) else "%Y-%m-%dT%H%M%S"
    names = [re.sub(r"[^\w.-]", "_", each) for each in bindings]
    return "-".join(["syncd", *names, "--".join(at.strftime(pattern) for at in both)]) + form.ending
