"""Totals of the changes. Pure: takes the frame of :func:`syncd.report.selection.changes`.

Everything but ``by_status`` counts applied changes only: the others never came into effect.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from syncd.model.result import Status


@dataclass(frozen=True)
class Tally:
    """How many changes have one value of a column (``None``: they have none there)."""

    value: str | None
    count: int


@dataclass(frozen=True)
class Totals:
    """Numbers of changes, the largest first; ``annotations`` are those with at least one applied change."""

    changes: int
    annotations: int
    by_status: tuple[Tally, ...]
    by_binding: tuple[Tally, ...]
    by_direction: tuple[Tally, ...]
    by_action: tuple[Tally, ...]
    by_field: tuple[Tally, ...]
    by_reason: tuple[Tally, ...]
    by_actor: tuple[Tally, ...]
    by_run: tuple[Tally, ...]
    by_day: tuple[Tally, ...]
    """Days of ``applied_at``, in UTC, in order of time; a day without a change is not named."""


def totals(changes: pl.DataFrame) -> Totals:
    """Counts the changes by each of their properties."""
    done = changes.filter(pl.col("status") == Status.APPLIED)
    days = done.select(day=pl.col("applied_at").dt.strftime("%Y-%m-%d"))
    return Totals(
        changes=done.height,
        annotations=done.select("binding", "annotation_id").drop_nulls("annotation_id").unique().height,
        by_status=tally(changes, "status"),
        by_binding=tally(done, "binding"),
        by_direction=tally(done, "direction"),
        by_action=tally(done, "action"),
        by_field=tally(done, "field"),
        by_reason=tally(done, "reason"),
        by_actor=tally(done, "actor"),
        by_run=tally(done, "run_id"),
        by_day=tuple(sorted(tally(days, "day"), key=lambda each: each.value or "")),
    )


def tally(frame: pl.DataFrame, column: str) -> tuple[Tally, ...]:
    """How many rows have each value of a text column, the most frequent first."""
    counted = frame.group_by(column).agg(count=pl.len()).sort("count", column, descending=[True, False])
    return tuple(Tally(value, int(count)) for value, count in counted.iter_rows())
