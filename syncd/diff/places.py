"""Where a label stands: whether a label without an id may be one that is known, or one that a new row is about."""

from __future__ import annotations

from typing import Any

import polars as pl

from syncd.diff.content import content_of, fiftyone_content
from syncd.model.fields import BOX, LABEL, LabelType, Mapping
from syncd.model.kinds import dumps
from syncd.model.plan import Conflict, Edited
from syncd.model.snapshot import column

REPLACED = "replaced"
"""Kind of the conflict about a label without an id that stands where a known one stood."""

SAME_PLACE = 0.5
"""Boxes that overlap by at least this share (intersection over union) mark the same place in a sample."""


def replacements(mapping: Mapping, nameless: pl.DataFrame, vanished: pl.DataFrame) -> dict[int, Conflict]:
    """Labels without an id that stand where a known label vanished: perhaps its successors, so nobody guesses.

    ``vanished`` holds the baseline rows for which no label was found. Labels that overlap most are matched first, of
    those that do alike the ones of the same class.
    Returns the conflicts by row number in ``nameless``.
    """
    lost_in: dict[str, list[dict[str, Any]]] = {}
    for known in vanished.join(nameless.select("sample_id").unique(), on="sample_id", how="semi").iter_rows(named=True):
        lost_in.setdefault(known["sample_id"], []).append(known)
    candidates = nameless.with_row_index("nth").filter(pl.col("sample_id").is_in(list(lost_in)))
    matches = [
        (
            (-share, row[column(LABEL)] != known[column(LABEL)], known["annotation_id"], dumps(content)),
            row,
            known,
        )
        for row in candidates.iter_rows(named=True)
        for content in (fiftyone_content(mapping, row),)
        for known in lost_in[row["sample_id"]]
        if (share := _share(mapping, row, known)) >= SAME_PLACE
    ]
    found: dict[int, Conflict] = {}
    taken: set[str] = set()
    for (*_, annotation_id, _), row, known in sorted(matches, key=lambda each: each[0]):
        if annotation_id in taken or row["nth"] in found:
            continue
        taken.add(annotation_id)
        found[row["nth"]] = Conflict(
            kind=REPLACED,
            annotation_id=annotation_id,
            sample_id=row["sample_id"],
            label_id=row["label_id"],
            field=None,
            base=content_of(mapping, known),
            fiftyone=fiftyone_content(mapping, row),
            database=None,
            in_fiftyone=Edited(row["actor"], row["edited_at"]),
        )
    return found


def occupant(mapping: Mapping, labels: list[dict[str, Any]], new: dict[str, Any]) -> dict[str, Any] | None:
    """The label without an id, of those in the sample, that stands where the new row's label would go.

    Labels whose ids were never written (or stand in another attribute than the configured one) look like this:
    inserting on both sides would double every annotation. In a list without boxes the place says nothing, so there
    only an equal label counts.
    """
    if mapping.label_type.list_name is not None and not _has_boxes(mapping):
        name = column(LABEL)
        return next((each for each in labels if each[name] == new[name]), None)
    shares = [(_share(mapping, each, new), each) for each in labels]
    best = max(shares, key=lambda each: each[0], default=None)
    return best[1] if best is not None and best[0] >= SAME_PLACE else None


def _share(mapping: Mapping, row: dict[str, Any], known: dict[str, Any]) -> float:
    """How much the places of two labels of one sample coincide; where no box is known, the sample is the place."""
    if not _has_boxes(mapping):
        return 1.0
    one, two = row[column(BOX)], known[column(BOX)]
    return 0.0 if one is None or two is None else overlap(one, two)


def _has_boxes(mapping: Mapping) -> bool:
    return mapping.label_type is LabelType.DETECTIONS and BOX in mapping.names


def overlap(one: list[float], two: list[float]) -> float:
    """Intersection over union of two boxes [x, y, w, h]; 0 where either has no area."""
    width = min(one[0] + one[2], two[0] + two[2]) - max(one[0], two[0])
    height = min(one[1] + one[3], two[1] + two[3]) - max(one[1], two[1])
    if not (width > 0 and height > 0):
        return 0.0
    shared = width * height
    return shared / (one[2] * one[3] + two[2] * two[3] - shared)
