"""Moments as people write them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timezone

import pytest

from syncd.cli.times import end, moment
from syncd.errors import ConfigError

MONDAY = datetime(2026, 11, 23, 14, 30, tzinfo=timezone.utc)


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A summer of its own: UTC+1, UTC+2 between the last Sundays of March and October."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
        time.tzset()
        yield "CET"
    time.tzset()


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=timezone.utc)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("7d", utc(2026, 11, 16, 14, 30), utc(2026, 11, 16, 14, 30)),
        ("12h ago", utc(2026, 11, 23, 2, 30), utc(2026, 11, 23, 2, 30)),
        ("2026-11-01T12:00", utc(2026, 11, 1, 11), utc(2026, 11, 1, 11)),
        ("2026-11-01T12:00Z", utc(2026, 11, 1, 12), utc(2026, 11, 1, 12)),
        ("2026-11-01", utc(2026, 10, 31, 23), utc(2026, 11, 1, 23)),
        ("today", utc(2026, 11, 22, 23), utc(2026, 11, 23, 23)),
        ("Yesterday", utc(2026, 11, 21, 23), utc(2026, 11, 22, 23)),
        ("this week", utc(2026, 11, 22, 23), utc(2026, 11, 29, 23)),
        (" last  week ", utc(2026, 11, 15, 23), utc(2026, 11, 22, 23)),
        ("this month", utc(2026, 10, 31, 23), utc(2026, 11, 30, 23)),
        ("last month", utc(2026, 9, 30, 22), utc(2026, 10, 31, 23)),
        ("this year", utc(2025, 12, 31, 23), utc(2026, 12, 31, 23)),
        ("last year", utc(2024, 12, 31, 23), utc(2025, 12, 31, 23)),
    ],
)
@pytest.mark.usefixtures("zone")
def test_a_moment_begins_and_ends_where_the_calendar_here_says(text: str, since: datetime, until: datetime) -> None:
    assert (moment(text, MONDAY), end(text, MONDAY)) == (since, until)


@pytest.mark.usefixtures("zone")
def test_the_day_when_the_clocks_go_back_has_25_hours() -> None:
    since, until = moment("2026-10-25", MONDAY), end("2026-10-25", MONDAY)
    assert (since, until) == (utc(2026, 10, 24, 22), utc(2026, 10, 25, 23))


@pytest.mark.parametrize("text", ["", "soon", "next week", "2026-13-01", "2026-02-30", "99999999999d", "9999-12-31"])
def test_what_is_no_moment_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        moment(text, MONDAY)
    assert repr(text) in refused.value.message
    assert "last week" in (refused.value.remedy or "")


def test_nothing_said_is_no_limit() -> None:
    assert moment(None, MONDAY) is None
    assert end(None, MONDAY) is None
