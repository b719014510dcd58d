"""What the baseline and the database hold of an annotation, for conflicts that were found among labels alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from syncd.diff.content import content_of, jsonable_content
from syncd.model.fields import Mapping
from syncd.model.kinds import Json
from syncd.model.plan import Conflict
from syncd.model.snapshot import column, known_column


def with_sides(
    mapping: Mapping, conflicts: Sequence[Conflict], baseline: pl.DataFrame, database: pl.DataFrame
) -> list[Conflict]:
    """The same conflicts; those about a whole annotation show what was agreed on, and the row, where there is one."""
    lacking = [each for each in conflicts if each.field is None and None in (each.base, each.database)]
    ids = sorted({each.annotation_id for each in lacking if each.annotation_id is not None})
    if not ids:
        return list(conflicts)
    chosen = pl.col("annotation_id").is_in(ids)
    agreed = {row["annotation_id"]: row for row in baseline.filter(chosen).iter_rows(named=True)}
    rows = database.filter(chosen)
    alone = rows.filter(~pl.col("annotation_id").is_duplicated())
    held = {row["annotation_id"]: content_of(mapping, row) for row in alone.iter_rows(named=True)}

    def base(name: str | None) -> Json:
        row = agreed.get(name)
        if row is None:
            return None
        return jsonable_content({each: row[column(each)] for each in mapping.names if row[known_column(each)]})

    return [
        replace(
            each,
            base=base(each.annotation_id) if each.base is None else each.base,
            database=held.get(each.annotation_id) if each.database is None else each.database,
        )
        if each.field is None
        else each
        for each in conflicts
    ]
