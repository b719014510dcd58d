"""Where a label stands: whether a label without an id may be one that is known, or one that a new row is about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import polars as pl

from syncd.diff.content import content_of, fiftyone_content
from syncd.model.fields import BOX, LABEL, LabelType, Mapping
from syncd.model.plan import Conflict
from syncd.model.snapshot import column

SAME_PLACE = 0.5
"""Boxes that overlap by at least this share (intersection over union) mark the same place in a sample."""

Place = tuple[str, str | None]
"""A label by sample id and label id."""


def place_of(row: dict[str, Any]) -> Place:
    """The place of a FiftyOne row."""
    return (row["sample_id"], row["label_id"])


def without_places(rows: pl.DataFrame, places: Iterable[Place]) -> pl.DataFrame:
    """The rows that do not stand on one of these places."""
    schema = {name: rows.schema[name] for name in ("sample_id", "label_id")}
    left_out = pl.DataFrame(list(places), schema=schema, orient="row")
    return rows.join(left_out, on=["sample_id", "label_id"], how="anti", nulls_equal=True)


def replacements(
    mapping: Mapping, nameless: pl.DataFrame, vanished: pl.DataFrame
) -> Iterator[tuple[Place, Conflict]]:
    """Labels without any id that stand where a known label vanished: perhaps its successors, so nobody guesses.

    ``vanished`` holds the baseline rows that no label was found for. Those that overlap most are matched first.
    """
    candidates = nameless.join(vanished.select("sample_id").unique(), on="sample_id", how="semi")
    lost = vanished.join(candidates.select("sample_id").unique(), on="sample_id", how="semi")
    lost_in: dict[str, list[dict[str, Any]]] = {}
    for known in lost.iter_rows(named=True):
        lost_in.setdefault(known["sample_id"], []).append(known)
    matches = [
        (-share, known["annotation_id"], row["label_id"] or "", index, row, known)
        for index, row in enumerate(candidates.iter_rows(named=True))
        for known in lost_in[row["sample_id"]]
        if (share := _share(mapping, row, known)) >= SAME_PLACE
    ]
    taken: set[str | int] = set()
    for _, annotation_id, _, index, row, known in sorted(matches, key=lambda each: each[:4]):
        if annotation_id in taken or index in taken:
            continue
        taken |= {annotation_id, index}
        yield (
            place_of(row),
            Conflict(
                kind="replaced",
                annotation_id=annotation_id,
                sample_id=row["sample_id"],
                label_id=row["label_id"],
                field=None,
                base=content_of(mapping, known),
                fiftyone=fiftyone_content(mapping, row),
                database=None,
            ),
        )


def occupant(mapping: Mapping, labels: list[dict[str, Any]], new: dict[str, Any]) -> dict[str, Any] | None:
    """The label without an id, of those in the sample, that stands where the new row's label would go.

    Labels whose ids were never written (or stand in another attribute than the configured one) look like this:
    inserting on both sides would double every annotation. In a list without boxes the place says nothing, so there
    only an equal label counts.
    """
    if mapping.label_type is LabelType.CLASSIFICATIONS:
        name = column(LABEL)
        return next((each for each in labels if each[name] == new[name]), None)
    shares = [(_share(mapping, each, new), each) for each in labels]
    best = max(shares, key=lambda each: each[0], default=None)
    return best[1] if best is not None and best[0] >= SAME_PLACE else None


def _share(mapping: Mapping, row: dict[str, Any], known: dict[str, Any]) -> float:
    """How much the places of two labels of one sample coincide; where no box is known, the sample is the place."""
    if mapping.label_type is not LabelType.DETECTIONS or BOX not in mapping.names:
        return 1.0
    one, two = row[column(BOX)], known[column(BOX)]
    return 0.0 if one is None or two is None else overlap(one, two)


def overlap(one: list[float], two: list[float]) -> float:
    """Intersection over union of two boxes [x, y, w, h]; 0 where either has no area."""
    width = min(one[0] + one[2], two[0] + two[2]) - max(one[0], two[0])
    height = min(one[1] + one[3], two[1] + two[3]) - max(one[1], two[1])
    if not (width > 0 and height > 0):
        return 0.0
    shared = width * height
    return shared / (one[2] * one[3] + two[2] * two[3] - shared)
