"""Conflicts in a report."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import polars as pl

from syncd.report.disputes import CONFLICTS, Disputes, disputes
from syncd.report.selection import Selection
from syncd.report.totals import Tally

NOON = datetime(2026, 11, 1, 12, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)


def conflict(opened: int, resolved: int | None = None, how: str | None = None) -> dict[str, object]:
    """Opened and resolved so many hours after noon."""
    row: dict[str, object] = {"binding": "b", "kind": "edit_edit", "opened_at": NOON + opened * HOUR, "status": "open"}
    if resolved is not None:
        row |= {"status": "resolved", "resolution": how, "resolved_at": NOON + resolved * HOUR}
    return row


def test_a_conflict_counts_where_it_was_opened_and_again_where_it_was_resolved() -> None:
    before, within, after = conflict(-5, 1, "fiftyone"), conflict(0), conflict(0, 3, "database")
    found = pl.DataFrame([before, within, after, conflict(2)], schema=CONFLICTS)
    got = disputes(found, Selection(since=NOON, until=NOON + 2 * HOUR))
    assert got == Disputes(2, (Tally("edit_edit", 2),), 1, (Tally("fiftyone", 1),), 6 * HOUR, 6 * HOUR)


def test_the_wait_is_the_median_that_really_occurred() -> None:
    found = pl.DataFrame([conflict(0, hours, "settled") for hours in (9, 1, 2, 1)], schema=CONFLICTS)
    got = disputes(found, Selection())
    assert (got.waited, got.longest) == (HOUR, 9 * HOUR)


def test_no_conflict_waited_no_time() -> None:
    assert disputes(pl.DataFrame(schema=CONFLICTS), Selection()) == Disputes(0, (), 0, (), None, None)
