"""When reports are due, and what their files are called."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.report.formats import Format, format_of
from syncd.report.schedule import Period, file_name, last_period

NOW = datetime(2026, 11, 23, 16, 7, 5, tzinfo=timezone.utc)
"""A Monday."""


@pytest.mark.parametrize(("days", "since", "until"), [(7, "2026-11-16", "2026-11-23"), (1, "2026-11-22", "2026-11-23")])
def test_weeks_begin_on_mondays_and_days_at_midnight(days: int, since: str, until: str) -> None:
    found = last_period(timedelta(days=days), NOW)
    assert found == Period(*(datetime.fromisoformat(each).replace(tzinfo=timezone.utc) for each in (since, until)))


def test_a_file_is_called_after_its_span_and_what_it_is_about() -> None:
    week, hour = last_period(timedelta(days=7), NOW), last_period(timedelta(hours=1), NOW)
    assert file_name(week, Format.MARKDOWN) == "syncd-2026-11-16--2026-11-23.md"
    assert file_name(hour, Format.HTML, ["a b"]) == "syncd-a_b-2026-11-23T150000--2026-11-23T160000.html"


@given(
    st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(days=400)),
    st.integers(0, 3_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, timezone.utc)),
)
@settings(max_examples=100, deadline=None)
def test_spans_follow_each_other_without_a_gap(every: timedelta, now: datetime) -> None:
    found = last_period(every, now)
    assert found.until <= now < found.until + every
    assert last_period(every, found.until) == found
    assert last_period(every, now + every).since == found.until


@pytest.mark.parametrize("form", Format)
def test_a_file_s_ending_names_its_format(form: Format) -> None:
    assert format_of(Path("some.report" + form.ending.upper())) is form
    assert format_of(Path("some.report")) is None
