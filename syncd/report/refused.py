"""Labels that the vocabulary refused, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
import sqlalchemy as sa
from sqlalchemy import Connection

from syncd.model import LABEL, Json
from syncd.model.conflict_kinds import ConflictKind
from syncd.model.result import Status
from syncd.report.selection import MOMENT, Selection
from syncd.report.totals import Tally, tally
from syncd.store.conflicts import OPEN
from syncd.store.tables import Tables

REFUSALS: dict[str, pl.DataType] = {
    "binding": pl.String(),
    "annotation_id": pl.String(),
    "label": pl.String(),
    "status": pl.String(),
    "opened_at": MOMENT,
    "resolved_at": MOMENT,
}


@dataclass(frozen=True)
class Refused:
    """A label that is no term: how often it was refused, how many of these wait, and the labels given instead.

    ``became`` counts settled refusals: the label that the annotation got at last, or ``None`` where it kept the one
    that it had. A label that became itself has entered the vocabulary.
    """

    label: str | None
    count: int
    waiting: int
    became: tuple[Tally, ...]


def refusals(connection: Connection, tables: Tables, selection: Selection) -> pl.DataFrame:
    """The refusals opened in the selection's span, with the columns of :data:`REFUSALS`."""
    table = tables.conflict
    chosen = (
        sa.select(
            table.c.binding,
            table.c.annotation_id,
            table.c.fiftyone,
            table.c.status,
            table.c.opened_at,
            table.c.resolved_at,
        )
        .where(table.c.kind == ConflictKind.UNKNOWN_LABEL)
        .order_by(table.c.id)
    )
    if selection.bindings:
        chosen = chosen.where(table.c.binding.in_(selection.bindings))
    if selection.since is not None:
        chosen = chosen.where(table.c.opened_at >= selection.since)
    if selection.until is not None:
        chosen = chosen.where(table.c.opened_at < selection.until)
    rows = [(*row[:2], _typed(row.fiftyone), *row[3:]) for row in connection.execute(chosen)]
    return pl.DataFrame(rows, schema=REFUSALS, orient="row")


def _typed(value: Json) -> str | None:
    """What was typed: it stands alone, or within the content of a label that was drawn."""
    # Not asked of the database: one of another encoding than UTF-8 has no text of what it lacks characters for.
    typed = value.get(LABEL) if isinstance(value, dict) else value
    return None if typed is None else str(typed)


def refused(found: pl.DataFrame, changes: pl.DataFrame) -> tuple[Refused, ...]:
    """The refused labels, the most frequent first; ``changes`` say what became of them. Pure."""
    given = changes.filter(
        pl.col("status") == Status.APPLIED, pl.col("field") == LABEL, pl.col("annotation_id").is_not_null()
    ).select("binding", "annotation_id", "seq", "applied_at", became="new_label")
    numbered = found.with_row_index("number")
    later = (
        numbered.filter(pl.col("status") != OPEN)
        .join(given, on=["binding", "annotation_id"], how="inner")
        .filter(pl.col("applied_at") >= pl.col("opened_at"))
        .sort("seq")
        .group_by("number")
        .agg(pl.col("became").last())
    )
    whole = numbered.join(later, on="number", how="left")
    labels = tally(whole, "label")
    return tuple(_one(label, whole.filter(pl.col("label").eq_missing(label.value))) for label in labels)


def _one(label: Tally, rows: pl.DataFrame) -> Refused:
    settled = rows.filter(pl.col("status") != OPEN)
    return Refused(label.value, label.count, rows.height - settled.height, tally(settled, "became"))
