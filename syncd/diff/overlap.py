"""The overlap of boxes: whether a label without an id may be a known annotation, or what a new row describes."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any

import polars as pl

from syncd.diff.findings import content_of, fiftyone_content
from syncd.model.conflict_kinds import ConflictKind
from syncd.model.kinds import dumps
from syncd.model.mapping import BOX, LABEL, LabelType, Mapping
from syncd.model.plan import Conflict, Edited
from syncd.model.snapshot import column

Row = dict[str, Any]


SAME_PLACE = 0.5
"""Boxes that overlap by at least this share (intersection over union) mark the same place in a sample."""


def replacements(mapping: Mapping, nameless: pl.DataFrame, vanished: pl.DataFrame) -> dict[int, Conflict]:
    """Labels without an id that stand where a known label vanished: perhaps its successors, so nobody guesses.

    ``vanished`` holds the baseline rows for which no label was found. Labels that overlap most are matched first, of
    those that do alike the ones of the same class.
    Returns the conflicts by row number in ``nameless``.
    """
    lost_in: dict[str, list[Row]] = {}
    for known in vanished.join(nameless.select("sample_id").unique(), on="sample_id", how="semi").iter_rows(named=True):
        lost_in.setdefault(known["sample_id"], []).append(known)
    candidates: dict[str, list[Row]] = {}
    for row in nameless.with_row_index("nth").filter(pl.col("sample_id").is_in(list(lost_in))).iter_rows(named=True):
        candidates.setdefault(row["sample_id"], []).append(row)
    return {
        row["nth"]: _replaced(mapping, row, known)
        for sample_id, rows in candidates.items()
        for row, known in _matched(mapping, rows, lost_in[sample_id])
    }


def _replaced(mapping: Mapping, row: Row, known: Row) -> Conflict:
    return Conflict(
        kind=ConflictKind.REPLACED,
        annotation_id=known["annotation_id"],
        sample_id=row["sample_id"],
        label_id=row["label_id"],
        field=None,
        base=content_of(mapping, known),
        fiftyone=fiftyone_content(mapping, row),
        database=None,
        in_fiftyone=Edited(row["actor"], row["edited_at"]),
    )


def _matched(mapping: Mapping, rows: list[Row], lost: list[Row]) -> Iterator[tuple[Row, Row]]:
    """The labels of one sample, each with the lost one in whose place it stands."""
    contents = {row["nth"]: dumps(fiftyone_content(mapping, row)) for row in rows}
    rows = sorted(rows, key=lambda each: contents[each["nth"]])
    lost = sorted(lost, key=lambda each: str(each["annotation_id"]))
    name = column(LABEL)
    # Thousands of labels may have one place between them: those are not compared each with each.
    for key in (lambda each: (_exactly(mapping, each), each[name]), lambda each: _exactly(mapping, each)):
        placed = [[each for each in some if _exactly(mapping, each) is not None] for some in (rows, lost)]
        pairs = list(_paired(placed[0], placed[1], key))
        yield from pairs
        gone = {id(each) for pair in pairs for each in pair}
        rows, lost = ([each for each in some if id(each) not in gone] for some in (rows, lost))
    near = _Near(mapping, lost)
    matches = [
        ((-share, row[name] != known[name], known["annotation_id"], contents[row["nth"]]), row, known)
        for row in rows
        for known in near.to(row)
        if (share := overlap(row[column(BOX)], known[column(BOX)])) >= SAME_PLACE
    ]
    taken: set[int] = set()
    for _, row, known in sorted(matches, key=lambda each: each[0]):
        if not {id(row), id(known)} & taken:
            taken |= {id(row), id(known)}
            yield row, known


def _paired(rows: list[Row], lost: list[Row], key: Callable[[Row], Hashable]) -> Iterator[tuple[Row, Row]]:
    """Labels and lost ones that are alike by a key, one to one, as they come."""
    waiting: dict[Hashable, deque[Row]] = {}
    for each in lost:
        waiting.setdefault(key(each), deque()).append(each)
    for row in rows:
        alike = waiting.get(key(row))
        if alike:
            yield row, alike.popleft()


class Occupants:
    """The labels without an id on one sample, of which each is taken for what stands in the place of one new row.

    Labels whose ids were never written (or stand in another attribute than the configured one) look like this:
    inserting on both sides would double every annotation. In a list without boxes the place says nothing, so there
    only an equal label counts.
    """

    def __init__(self, mapping: Mapping, labels: list[Row]) -> None:
        self._mapping = mapping
        self._by_label = mapping.label_type.list_name is not None and not _has_boxes(mapping)
        self._alike: dict[Hashable, deque[Row]] = {}
        for each in labels:
            self._alike.setdefault(self._key(each), deque()).append(each)
        self._near = _Near(mapping, labels)
        self._taken: set[int] = set()

    def take(self, new: Row) -> Row | None:
        """The label that stands where the new row's label would go."""
        alike = self._alike.get(self._key(new))
        while alike and id(alike[0]) in self._taken:
            alike.popleft()
        found = alike[0] if alike and self._key(new) is not None else None
        if found is None and not self._by_label:
            free = (each for each in self._near.to(new) if id(each) not in self._taken)
            shares = [(overlap(each[column(BOX)], new[column(BOX)]), each) for each in free]
            share, found = max(shares, key=lambda each: each[0], default=(0.0, None))
            found = found if share >= SAME_PLACE else None
        if found is not None:
            self._taken.add(id(found))
        return found

    def _key(self, row: Row) -> Hashable:
        return (row[column(LABEL)],) if self._by_label else _exactly(self._mapping, row)


class _Near:
    """Labels of one sample by where they begin from the left: of thousands, few can be in the place of another.

    Boxes that mark the same place differ in their left edges by no more than the width of either. Without boxes all
    labels of a sample are in one place, and whoever asks has paired them by that already.
    """

    def __init__(self, mapping: Mapping, rows: Sequence[Row]) -> None:
        boxed = [each for each in rows if _exactly(mapping, each) is not None] if _has_boxes(mapping) else []
        self._rows = sorted(boxed, key=lambda each: float(each[column(BOX)][0]))
        self._left = [each[column(BOX)][0] for each in self._rows]

    def to(self, row: Row) -> Sequence[Row]:
        """Those that may be in the place of this one; whoever asks compares."""
        box = row[column(BOX)] if self._rows else None
        if box is None or not all(map(math.isfinite, box)):
            return ()
        left, width = box[0], 1.01 * abs(box[2])
        return self._rows[bisect_left(self._left, left - width) : bisect_right(self._left, left + width)]


def _exactly(mapping: Mapping, row: Row) -> Hashable:
    """The place of a label; ``None`` where it has no sound box although its kind has one."""
    if not _has_boxes(mapping):
        return ()
    box = row[column(BOX)]
    sound = box is not None and all(map(math.isfinite, box)) and box[2] > 0 and box[3] > 0
    return tuple(box) if sound else None


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
