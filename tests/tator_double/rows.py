"""The table of localizations with its triggers: marks, and which of them is the latest."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

Key = tuple[str, int]
"""An annotation: elemental id and version."""


@dataclass
class Row:
    """One row. An ordinary edit makes a new one with the next mark."""

    id: int
    elemental_id: str | None
    version: int
    type: int
    media: int
    frame: int
    x: float | None
    y: float | None
    width: float | None
    height: float | None
    attributes: dict[str, Any]
    created_by: int
    modified_by: int
    user: int
    created: datetime
    modified: datetime
    mark: int = 0
    latest_mark: int = 0
    deleted: bool = False
    variant_deleted: bool = False
    project: int = 1
    parent: int | None = None

    def copied(self) -> Row:
        """The row as a request has it in memory: what others write meanwhile does not show in it."""
        return replace(self, attributes=dict(self.attributes))


def shown(moment: datetime, *, single: bool) -> str:
    """A time as the server tells it: kept to the microsecond, shown to the millisecond; by itself without a zero."""
    utc = moment.astimezone(timezone.utc)
    if single and utc.microsecond // 1000 == 0:
        return utc.strftime("%Y-%m-%dT%H:%M:%SZ")
    return utc.strftime("%Y-%m-%dT%H:%M:%S.") + f"{utc.microsecond // 1000:03d}Z"


def as_json(row: Row, *, single: bool = False) -> dict[str, Any]:
    """A row as an answer holds it: without ``latest_mark``, which no answer has."""
    return {
        "id": row.id,
        "elemental_id": row.elemental_id,
        "version": row.version,
        "mark": row.mark,
        "project": row.project,
        "type": row.type,
        "media": row.media,
        "frame": row.frame,
        "x": row.x,
        "y": row.y,
        "width": row.width,
        "height": row.height,
        "u": None,
        "v": None,
        "points": None,
        "parent": row.parent,
        "attributes": dict(row.attributes),
        "variant_deleted": row.variant_deleted,
        "created_by": row.created_by,
        "modified_by": row.modified_by,
        "user": row.user,
        "created_datetime": shown(row.created, single=single),
        "modified_datetime": shown(row.modified, single=single),
    }


class Table:
    """All rows by id; ids are given in order, so that a row made later comes later."""

    def __init__(self) -> None:
        self.by_id: dict[int, Row] = {}
        self.groups: dict[Key, list[Row]] = {}
        self.versions: set[int] = set()
        self._last = 0
        self._ids: list[int] = []

    def insert(self, row: Row) -> Row:
        """Adds a row under the next id and, by the trigger, under its next mark."""
        self._last += 1
        row.id = self._last
        self.by_id[row.id] = row
        self._ids.append(row.id)
        if row.elemental_id is None:
            row.mark = row.latest_mark = 0
            return row
        self.versions.add(row.version)
        group = self.groups.setdefault((row.elemental_id, row.version), [])
        marks = [each.mark for each in group if not each.deleted]
        row.mark = max(marks) + 1 if marks else 0
        group.append(row)
        self._settle(group)
        return row

    def adopt(self, row: Row, elemental_id: str) -> None:
        """Gives a very old row its elemental id."""
        row.elemental_id = elemental_id
        self.versions.add(row.version)
        self.groups.setdefault((elemental_id, row.version), []).append(row)

    def remove(self, row: Row) -> None:
        """Removes one row for good; the mark before it is the latest again."""
        del self.by_id[row.id]
        at = bisect.bisect_left(self._ids, row.id)
        del self._ids[at]
        if row.elemental_id is not None:
            group = self.groups[row.elemental_id, row.version]
            group.remove(row)
            self._settle(group)

    def mark_deleted(self, row: Row) -> None:
        """Takes the row away as a deleted medium does: nothing shows it any more."""
        row.deleted = True

    def of(self, elemental_id: str, version: int) -> list[Row]:
        """Every mark of an annotation, in their order."""
        found = self.groups.get((elemental_id, version), [])
        return sorted((each for each in found if not each.deleted), key=lambda each: each.mark)

    def with_elemental_ids(self, wanted: set[str]) -> list[Row]:
        """Every row of these, in every version."""
        found = [row for name in wanted for version in self.versions for row in self.groups.get((name, version), ())]
        return sorted(found, key=lambda each: each.id)

    def after(self, last: int) -> Iterator[Row]:
        """The rows with greater ids, in order."""
        for each in self._ids[bisect.bisect_right(self._ids, last) :]:
            yield self.by_id[each]

    @staticmethod
    def _settle(group: list[Row]) -> None:
        live = [each.mark for each in group if not each.deleted]
        for each in group:
            each.latest_mark = max(live, default=each.mark)
