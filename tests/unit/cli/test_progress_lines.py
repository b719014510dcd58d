"""Progress where no terminal reads along: enough to know that a command lives, and no flood."""

from __future__ import annotations

import time

import pytest

from syncd.cli.progress_lines import duration, pulse


def test_a_phase_is_said_when_it_begins_and_how_far_it_got() -> None:
    lines: list[str] = []
    with pulse(lines.append) as told:
        for done in range(1_000):
            told("loading", f"{done} of 1,000")
        told("comparing", "")
    assert lines == ["loading 0 of 1,000", "loading 999 of 1,000", "comparing"]


def test_a_phase_that_goes_on_without_a_word_is_said_again_with_how_far_it_is_and_how_long() -> None:
    lines: list[str] = []
    with pulse(lines.append, every_s=0.05) as told:
        told("loading", "1 of 9")
        told("loading", "7 of 9")
        time.sleep(0.5)
    assert lines[0] == "loading 1 of 9"
    assert set(lines[1:]) == {"loading 7 of 9 (0 s)"}
    assert 2 <= len(lines) - 1 <= 10


def test_for_programs_what_is_short_is_not_said() -> None:
    lines: list[str] = []
    with pulse(lines.append, late=True) as told:
        told("loading", "")
    assert lines == []


def test_for_programs_what_takes_long_is_said() -> None:
    lines: list[str] = []
    with pulse(lines.append, every_s=0.05, late=True) as told:
        told("loading", "")
        time.sleep(0.3)
    assert set(lines) == {"loading (0 s)"}


def test_nothing_is_said_after_the_end() -> None:
    lines: list[str] = []
    with pulse(lines.append, every_s=0.02) as told:
        told("loading", "")
    count = len(lines)
    time.sleep(0.2)
    assert len(lines) == count


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (59.9, "59 s"), (200, "3 min 20 s"), (7_500, "2 h 5 min")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
