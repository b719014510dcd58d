"""Whether a run may read incrementally, and from where; and what holds it before it has read anything."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import polars as pl

from syncd.adapters.sql.clock import UNLIKE
from syncd.adapters.sql.table_identity import is_same_place
from syncd.engine.read import Reading
from syncd.engine.session import RULES
from syncd.model import Origin, Side, Snapshot
from syncd.store.cursors import Cursor

OTHER_TERMS = "the vocabulary, the rules of review or the rows that keys refer to changed"
"""Why everything is judged anew, the mapping being the same."""


@dataclass(frozen=True)
class Pace:
    """The part of ``daemon`` that concerns one run. ``quiet_period`` is zero for a run that a person asked for."""

    overlap: timedelta = timedelta(minutes=10)
    full_scan_interval: timedelta = timedelta(hours=1)
    quiet_period: timedelta = timedelta(0)


def why_full(
    cursors: dict[Side, Cursor],
    origins: dict[Side, Origin],
    fingerprint: str,
    pace: Pace,
    now: dict[Side, datetime],
    *,
    stamped: bool,
) -> str | None:
    """Why everything must be read; ``None`` where an incremental read suffices.

    ``fingerprint`` changes with the rules by which annotations are judged; ``now`` is each side's own clock;
    ``stamped``: rows have a time of change, or triggers record which rows change.
    """
    if not stamped:
        return "no column is mapped to updated_at"
    for side, origin in origins.items():
        cursor = cursors.get(side)
        if cursor is None or cursor.position is None or cursor.swept_at is None:
            return "first run"
        if cursor.mapping != fingerprint:
            fields = [each.rpartition(RULES)[0] for each in (cursor.mapping, fingerprint)]
            return "the mapping changed" if fields[0] != fields[1] else OTHER_TERMS
        if not is_same_place(cursor.identity, origin.identity):
            return f"{side.value} is not what it was"
        if cursor.deleted_at != origin.deleted_at:
            return f"something was deleted in {side.value}"
        if side is Side.FIFTYONE and (cursor.rows or 0) > (origin.rows or 0):
            return "FiftyOne has fewer samples than before"
        if max(cursor.position, cursor.swept_at) - now[side] > max(pace.overlap, UNLIKE):
            # Until that time has come nothing would be read, nor a sweep be due.
            return f"the clock of {side.value} was ahead"
        if now[side] - cursor.swept_at >= pace.full_scan_interval:
            return "a complete sweep is due"
    return None


@dataclass(frozen=True)
class NewRows:
    """The number of rows without a baseline that an incremental read found: ``since`` the cursor, and at other times.

    The latter (``before``) may have been committed late, or have waited for their sample for long; so may rows whose
    time has not come yet.
    """

    since: int
    before: int


def new_rows(reading: Reading, cursor: Cursor) -> NewRows:
    """Counts the new rows by their stamps."""
    rows = reading.database.rows.join(reading.baseline, on="annotation_id", how="anti")
    since = rows.filter(pl.col("edited_at").is_between(cursor.position, reading.database.as_of)).height
    return NewRows(since, rows.height - since)


def rows_unexplained(cursor: Cursor, origin: Origin, found: NewRows) -> bool:
    """Whether the table's number of rows is not the old number plus the new rows found: some must be gone.

    A deletion is overlooked only where a row was committed late at the same time; the next sweep finds that.
    """
    if cursor.rows is None or origin.rows is None:
        return False
    least = cursor.rows + found.since
    return not least <= origin.rows <= least + found.before


def why_held(cursors: dict[Side, Cursor], origin: Origin, known: int) -> str | None:
    """A dataset made anew under its old name holds the binding: its labels are not edits of the old ones."""
    cursor = cursors.get(Side.FIFTYONE)
    if cursor is None or not known or cursor.identity == origin.identity:
        return None
    return "the dataset was deleted and made anew under its name; its labels are not those that were known"


def another_table(cursors: dict[Side, Cursor], origin: Origin) -> str | None:
    """The identity of the table when the sides last agreed, if it is another one now."""
    cursor = cursors.get(Side.DATABASE)
    if cursor is None or is_same_place(cursor.identity, origin.identity):
        return None
    return f"the table is {origin.identity}, and what was agreed on was {cursor.identity}"


def takes_otherwise(cursors: dict[Side, Cursor], rules: str | None) -> bool:
    """Whether the table may accept now what it refused: its constraints, triggers or policies have changed."""
    cursor = cursors.get(Side.DATABASE)
    return cursor is not None and None not in (cursor.rules, rules) and cursor.rules != rules


def moved(
    fingerprint: str,
    origins: dict[Side, Origin],
    snapshots: tuple[Snapshot, Snapshot],
    cursors: dict[Side, Cursor],
    oldest_left: datetime | None,
    found: NewRows | None,
    captured: str | None = None,
    left_alone: frozenset[str] = frozenset(),
    samples_left: frozenset[str] = frozenset(),
    rules: str | None = None,
) -> list[Cursor]:
    """The cursors after a run; never past an edit that was left for the next one.

    The database's cursor names the annotations that were ``left_alone``, because the database has told of their changes
    already. FiftyOne's cursor says since when the ``samples_left`` are left alone.

    Where the rows were not counted, their number is the old one plus those ``found``. ``captured`` is the position in
    what triggers record. ``rules`` is the fingerprint of what the table accepts, where everything was judged by it.
    """
    result = []
    for snapshot in snapshots:
        origin = origins[snapshot.side]
        before = cursors.get(snapshot.side)
        position = snapshot.as_of
        if snapshot.side is Side.FIFTYONE and oldest_left is not None:
            position = min(position, oldest_left)
        rows = origin.rows
        if rows is None and before is not None and before.rows is not None and found is not None:
            rows = before.rows + found.since
        swept = snapshot.as_of if snapshot.complete else before.swept_at if before else None
        result.append(
            Cursor(
                side=snapshot.side,
                position=position,
                identity=origin.identity,
                rows=rows,
                deleted_at=origin.deleted_at,
                mapping=fingerprint,
                swept_at=swept,
                captured=captured if snapshot.side is Side.DATABASE else None,
                left_alone=left_alone if snapshot.side is Side.DATABASE else frozenset(),
                rules=_rules(rules, before) if snapshot.side is Side.DATABASE else None,
                put_off=_put_off(snapshot, before, samples_left) if snapshot.side is Side.FIFTYONE else {},
            )
        )
    return result


def _rules(found: str | None, before: Cursor | None) -> str | None:
    return found if found is not None or before is None else before.rules


def _put_off(snapshot: Snapshot, before: Cursor | None, samples: frozenset[str]) -> dict[str, datetime]:
    """Since when each of these samples is left alone: since now, where it was not before."""
    known = before.put_off if before is not None else {}
    return {each: min(known.get(each, snapshot.as_of), snapshot.as_of) for each in samples}


def recounted(cursors: list[Cursor], rows: int) -> list[Cursor]:
    """The cursors, with the database's number of rows after syncd's own inserts and deletes."""
    return [
        replace(each, rows=each.rows + rows) if each.side is Side.DATABASE and each.rows is not None else each
        for each in cursors
    ]
