"""Error tags: each flags an annotation for a person, in the log and in the mapped column, and changes no label.

Each is logged once, when it is first seen; where ``review.error_column`` is mapped, that entry is the change of the
column. The annotation stays flagged until a person removes the tag.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from syncd.diff.content import jsonable
from syncd.diff.findings import edited
from syncd.diff.joined import D, F
from syncd.diff.memory import REFUSED
from syncd.diff.tags import ERROR, with_actors
from syncd.diff.unsafe import why_unsafe
from syncd.model.fields import FLAG, Direction, Field, Mapping, Side
from syncd.model.kinds import Kind, Value
from syncd.model.plan import Action, Change, Conflict
from syncd.model.policy import Review
from syncd.model.snapshot import column

REASON = "flagged"


def flag(
    mapping: Mapping, review: Review, tags: pl.DataFrame, rows: pl.DataFrame, open_conflicts: pl.DataFrame
) -> list[Change | Conflict]:
    """The changes (and conflicts) of error tags that have not been answered.

    ``tags`` is of :func:`syncd.diff.tags.said`; ``rows`` are joined rows of annotations that both sides hold.
    """
    errors = tags.filter((pl.col("role") == ERROR) & ~pl.col("answered") & pl.col("annotation_id").is_not_null())
    # Whoever loads labels has not read the column, and leaves flagging to a reconcile.
    if errors.is_empty() or (mapping.flag is not None and D + column(FLAG) not in rows.columns):
        return []
    place = {F + "sample_id": "sample_id", F + "label_id": "label_id"}
    kept = [*place, F + "actor", F + "edited_at", *([D + column(FLAG)] if mapping.flag else [])]
    known = with_actors(rows.join(errors.select("annotation_id").unique(), on="annotation_id", how="semi"), review, F)
    known = known.select("annotation_id", *kept).rename(place)
    errors = errors.select("annotation_id", "sample_id", "label_id", "tag").unique().sort("annotation_id", "tag")
    found = errors.join(known, on=["annotation_id", "sample_id", "label_id"], maintain_order="left")
    refused = open_conflicts.filter((pl.col("field") == FLAG) & (pl.col("kind") == REFUSED))
    refused_ids = set(refused["annotation_id"])
    first = found.unique("annotation_id", keep="first", maintain_order=True) if mapping.flag else found
    return [
        _outcome(mapping.flag, row, refused=row["annotation_id"] in refused_ids) for row in first.iter_rows(named=True)
    ]


def _outcome(field: Field | None, row: dict[str, Any], *, refused: bool) -> Change | Conflict:
    """What one tag asks for: an entry in the log, by way of the column where there is one that does not say so yet."""
    old: Value = None
    new: Value = row["tag"]
    way = None
    if field is not None:
        old = row[D + column(FLAG)]
        new = _value(field, row["tag"])
        says_so = bool(old)
        why = None if says_so else why_unsafe(field, Side.DATABASE, new)
        if not says_so and (refused or why is not None):
            kind = REFUSED if refused else "unsafe_value"
            return Conflict(
                kind=kind,
                annotation_id=row["annotation_id"],
                sample_id=row["sample_id"],
                label_id=row["label_id"],
                field=FLAG,
                base=None,
                fiftyone=jsonable(new),
                database=jsonable(old),
                suggestions=(why,) if why else (),
                in_fiftyone=edited(row, F),
            )
        way = None if says_so else Direction.TO_DATABASE
    return Change(
        annotation_id=row["annotation_id"],
        label_id=row["label_id"],
        sample_id=row["sample_id"],
        direction=way,
        action=Action.UPDATE,
        field=FLAG,
        old=old,
        new=new,
        reason=REASON,
        actor=row[F + "actor"],
        edited_at=row[F + "edited_at"],
    )


def _value(field: Field, tag: str) -> Value:
    """What the column says of a flagged annotation."""
    return {Kind.BOOLEAN: True, Kind.INTEGER: 1}.get(field.kind, tag)
