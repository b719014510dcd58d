"""Ids on labels whose rows never came: an id belongs to a label only once its own row is there.

syncd puts an id on a label when the label's row is committed, and not before. Earlier versions did it the other way
round, so that a refused row left its number on the label. Such an id is taken back, whatever row has it by now.
"""

from __future__ import annotations

import polars as pl

from syncd.model.fields import ID_FIELD, Direction
from syncd.model.plan import Action, Change

TAKEN_BACK = "id_taken_back"


def without_orphans(
    rows: pl.DataFrame, baseline: pl.DataFrame, minted: frozenset[tuple[str, str]]
) -> tuple[pl.DataFrame, list[Change]]:
    """FiftyOne's rows with the ids taken off labels for which they were only meant, and the changes that do so."""
    if not minted:
        return rows, []
    names = ["annotation_id", "label_id"]
    meant = pl.DataFrame(sorted(minted), schema=dict.fromkeys(names, pl.String()), orient="row")
    orphans = rows.join(meant, on=names, how="semi").join(baseline, on="annotation_id", how="anti")
    if orphans.is_empty():
        return rows, []
    place = ["sample_id", *names]
    marked = orphans.select(place).unique().with_columns(pl.lit(value=True).alias("orphan"))
    kept = pl.when(pl.col("orphan").is_null()).then(pl.col("annotation_id"))
    cleared = rows.join(marked, on=place, how="left", maintain_order="left").with_columns(kept.alias("annotation_id"))
    return cleared.drop("orphan"), [
        Change(
            annotation_id=annotation_id,
            label_id=label_id,
            sample_id=sample_id,
            direction=Direction.TO_FIFTYONE,
            action=Action.UPDATE,
            field=ID_FIELD,
            old=annotation_id,
            new=None,
            reason=TAKEN_BACK,
        )
        for sample_id, annotation_id, label_id in orphans.select(place).iter_rows()
    ]
