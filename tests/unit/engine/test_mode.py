"""What makes a run read everything, and what its cursors say afterwards."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import polars as pl
import pytest

from syncd.engine.mode import Pace, moved, why_full
from syncd.model import Origin, Side, Snapshot
from syncd.store.cursors import Cursor

NOW = datetime(2026, 5, 4, 12, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)
ORIGINS = {side: Origin(f"the {side.value}", 10, None) for side in Side}


def cursor(side: Side, read: timedelta = -MINUTE, swept: timedelta = -10 * MINUTE) -> Cursor:
    return Cursor(side, NOW + read, f"the {side.value}", 10, None, "mapping", NOW + swept)


def why(changed: Cursor, pace: Pace | None = None, **now: datetime) -> str | None:
    cursors = {side: cursor(side) for side in Side} | {changed.side: changed}
    clocks = {side: now.get(side.value, NOW) for side in Side}
    return why_full(cursors, ORIGINS, "mapping", pace or Pace(), clocks, stamped=True)


@pytest.mark.parametrize("side", list(Side))
def test_a_cursor_of_the_future_is_that_of_a_clock_that_was_ahead(side: Side) -> None:
    for ahead in (cursor(side, read=30 * MINUTE), cursor(side, swept=timedelta(days=30))):
        assert why(ahead) == f"the clock of {side.value} was ahead"


@pytest.mark.parametrize("side", list(Side))
def test_a_small_difference_between_clocks_is_none(side: Side) -> None:
    assert why(cursor(side, read=5 * MINUTE)) is None, "what the overlap covers"
    assert why(cursor(side, read=MINUTE / 2), Pace(overlap=timedelta(0))) is None
    assert why(cursor(side, read=2 * MINUTE), Pace(overlap=timedelta(0))) is not None


def test_each_side_is_told_by_its_own_clock() -> None:
    ahead = cursor(Side.FIFTYONE, read=timedelta(days=1), swept=timedelta(days=1))
    assert why(ahead, fiftyone=NOW + timedelta(days=1)) is None
    assert why(cursor(Side.DATABASE), fiftyone=NOW + timedelta(days=1)) == "a complete sweep is due"


def test_since_when_a_sample_is_left_alone_is_kept_for_as_long_as_it_is() -> None:
    before = replace(cursor(Side.FIFTYONE), put_off={"s1": NOW - MINUTE, "s2": NOW - MINUTE})
    read = tuple(Snapshot(side, pl.DataFrame(), complete=False, as_of=NOW) for side in Side)
    after = moved(
        "mapping",
        ORIGINS,
        read,
        {Side.FIFTYONE: before},
        None,
        None,
        samples_left=frozenset({"s1", "s3"}),
    )
    put_off = {each.side: each.put_off for each in after}
    assert put_off == {Side.FIFTYONE: {"s1": NOW - MINUTE, "s3": NOW}, Side.DATABASE: {}}
