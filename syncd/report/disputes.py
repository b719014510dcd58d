"""Conflicts within the period of a report: opened, resolved and how, and how long they waited."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import polars as pl
import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.report.selection import MOMENT, Selection
from syncd.report.totals import Tally, tally
from syncd.store.conflicts import RESOLVED
from syncd.store.tables import Tables

CONFLICTS: dict[str, pl.DataType] = {
    "id": pl.Int64(),
    "binding": pl.String(),
    "annotation_id": pl.String(),
    "kind": pl.String(),
    "field": pl.String(),
    "status": pl.String(),
    "resolution": pl.String(),
    "opened_at": MOMENT,
    "resolved_at": MOMENT,
}
"""The columns of ``syncd.conflict`` that say what became of it."""


@dataclass(frozen=True)
class Disputes:
    """Numbers of conflicts; ``waited`` is the median from opening to resolution (``None``: none was resolved).

    ``resolved_by_resolution`` tells what was taken, and leaves out by whom and why: each of these would be a row.
    """

    opened: int
    opened_by_kind: tuple[Tally, ...]
    resolved: int
    resolved_by_resolution: tuple[Tally, ...]
    waited: timedelta | None
    longest: timedelta | None


def conflicts(connection: Connection, tables: Tables, selection: Selection) -> pl.DataFrame:
    """The conflicts of the selected bindings and field, of all times, in order of ``id``."""
    table = tables.conflict
    chosen = sa.select(*(table.c[name] for name in CONFLICTS)).order_by(table.c.id)
    if selection.bindings:
        chosen = chosen.where(table.c.binding.in_(selection.bindings))
    if selection.field is not None:
        chosen = chosen.where(table.c.field == selection.field)
    return pl.DataFrame([tuple(row) for row in connection.execute(chosen)], schema=CONFLICTS, orient="row")


def disputes(found: pl.DataFrame, selection: Selection) -> Disputes:
    """What was opened in the selection's span, and what was resolved in it, whenever it was opened. Pure."""
    opened = found.filter(_within("opened_at", selection))
    resolved = found.filter(pl.col("status") == RESOLVED, _within("resolved_at", selection))
    waits = resolved.select(wait=pl.col("resolved_at") - pl.col("opened_at"))["wait"].sort().to_list()
    return Disputes(
        opened=opened.height,
        opened_by_kind=tally(opened, "kind"),
        resolved=resolved.height,
        resolved_by_resolution=tally(resolved.with_columns(resolution=_taken()), "resolution"),
        waited=waits[(len(waits) - 1) // 2] if waits else None,
        longest=waits[-1] if waits else None,
    )


def _taken() -> pl.Expr:
    """``took fiftyone``, ``took database`` or ``took another value``, of words that go on with a person and a note."""
    words = pl.col("resolution")
    side = words.str.extract(r"^(took (?:fiftyone|database)), ")
    return pl.coalesce(side, pl.when(words.str.starts_with("took ")).then(pl.lit("took another value")), words)


def _within(column: str, selection: Selection) -> pl.Expr:
    since = pl.col(column) >= selection.since if selection.since is not None else pl.lit(True)
    until = pl.col(column) < selection.until if selection.until is not None else pl.lit(True)
    return since & until
