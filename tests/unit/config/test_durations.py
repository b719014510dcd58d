"""Durations as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.config import format_duration, parse_duration


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("30s", timedelta(seconds=30)),
        ("1h", timedelta(hours=1)),
        ("10m", timedelta(minutes=10)),
        ("500ms", timedelta(milliseconds=500)),
        ("2d", timedelta(days=2)),
        ("1w", timedelta(days=7)),
        ("1h30m", timedelta(minutes=90)),
        (" 1h 30m ", timedelta(minutes=90)),
        ("1.5h", timedelta(minutes=90)),
        ("90", timedelta(seconds=90)),
        ("0", timedelta(0)),
        (0, timedelta(0)),
        (30, timedelta(seconds=30)),
        (0.1, timedelta(milliseconds=100)),
        (timedelta(1), timedelta(1)),
    ],
)
def test_a_duration_is_read(written: object, expected: timedelta) -> None:
    assert parse_duration(written) == expected


@pytest.mark.parametrize(
    "written",
    ["", " ", "s", "1x", "-1s", "1m1h", "1s1s", "1:30", "1 h x", "٣s", "1e3", "nan", "9" * 30, "999999999999d",
     -1, float("nan"), float("inf"), 1e300, 10**400, True, None, [], timedelta(-1)],
)  # fmt: skip
def test_what_is_no_duration_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match=r"duration|write"):
        parse_duration(written)


@given(st.timedeltas(min_value=timedelta(0)))
def test_a_written_duration_is_read_as_the_same(duration: timedelta) -> None:
    assert parse_duration(format_duration(duration)) == duration


def test_a_duration_is_written_as_people_do() -> None:
    written = [format_duration(timedelta(seconds=s)) for s in (0, 0.5, 30, 90, 3600, 5400, 604800, 86461)]
    assert written == ["0s", "500ms", "30s", "1m30s", "1h", "1h30m", "7d", "1d1m1s"]
    assert format_duration(timedelta(seconds=-5)) == "-5s"


@given(st.text())
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    try:
        duration = parse_duration(text)
    except ValueError:
        return
    assert duration >= timedelta(0)
