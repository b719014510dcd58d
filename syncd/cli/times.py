"""Moments as people write them on a command line: for --since, --until and their like, in every command."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta, timezone

from syncd.config import parse_duration
from syncd.errors import ConfigError

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
REMEDY = (
    "Expected e.g. 7d, 12h, 2026-11-01, 2026-11-01T12:00, today, yesterday, this week, last week, this month, "
    "last month, this year or last year."
)


def moment(text: str | None, now: datetime) -> datetime | None:
    """The moment from which ``--since TEXT`` counts, in UTC: ``7d`` (ago), ``2026-11-01``, ``last week``.

    Days, weeks (from Monday), months and years are those of the calendar, in local time, as is a time without a zone.
    ``None`` gives ``None``. ``ConfigError`` for what is no moment.
    """
    return None if text is None else _span(text, now)[0]


def end(text: str | None, now: datetime) -> datetime | None:
    """The moment before which ``--until TEXT`` counts, in UTC: the end of a day or a week that is named.

    A moment (``7d`` ago, ``2026-11-01T12:00``) is its own end. ``ConfigError`` for what is no moment.
    """
    return None if text is None else _span(text, now)[1]


def _span(text: str, now: datetime) -> tuple[datetime, datetime]:
    """First moment, and the first after."""
    try:
        words = " ".join(text.lower().split())
        days = _days(words, now.astimezone().date())
        if days is not None:
            return _midnight(days[0]), _midnight(days[1])
        at = _ago(words, now) or datetime.fromisoformat(text.strip().replace("Z", "+00:00")).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise ConfigError(f"{text!r} is no moment in time.", remedy=REMEDY) from None
    return at, at


def _ago(words: str, now: datetime) -> datetime | None:
    try:
        return now - parse_duration(words.removesuffix(" ago"))
    except ValueError:
        return None


def _days(words: str, today: date) -> tuple[date, date] | None:
    """The first day of a span of whole days and the first after it; ``None`` for words that name none."""
    day, week = timedelta(days=1), timedelta(days=7)
    monday = today - today.weekday() * day
    first = today.replace(day=1)
    next_month = (first + 31 * day).replace(day=1)
    january = first.replace(month=1)
    if _DAY.fullmatch(words):
        named = date.fromisoformat(words)
        return named, named + day
    return {
        "today": (today, today + day),
        "yesterday": (today - day, today),
        "this week": (monday, monday + week),
        "last week": (monday - week, monday),
        "this month": (first, next_month),
        "last month": ((first - day).replace(day=1), first),
        "this year": (january, january.replace(year=january.year + 1)),
        "last year": (january.replace(year=january.year - 1), january),
    }.get(words)


def _midnight(day: date) -> datetime:
    """Where the day begins here, in UTC."""
    return datetime.combine(day, time.min).astimezone(timezone.utc)
