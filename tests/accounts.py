"""A book of what people were told is saved, and what became of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from bson import ObjectId

from worlds import World

FIFTYONE, DATABASE = "fiftyone", "database"


def mark(annotation_id: str) -> str:
    """What every label written for that annotation begins with."""
    return annotation_id[:8]


@dataclass(frozen=True)
class Edit:
    """One acknowledged edit; ``at`` is when it was acknowledged, on this process's steady clock."""

    side: str
    annotation_id: str
    field: str
    value: Any
    at: float


@dataclass
class Book:
    """Everything that people were told is saved."""

    edits: list[Edit] = field(default_factory=list)
    drawn: dict[str, str] = field(default_factory=dict)
    added: dict[str, str] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    tags: dict[str, str] = field(default_factory=dict)
    approved: set[str] = field(default_factory=set)
    refused: int = 0
    sent_again: int = 0

    def note(self, side: str, annotation_id: str, name: str, value: Any) -> None:
        """Somebody was told that this value is saved."""
        self.edits.append(Edit(side, annotation_id, name, value, time.monotonic()))

    def last(self) -> dict[tuple[str, str, str], Edit]:
        """The last edit of each (side, annotation, field)."""
        return {(each.side, each.annotation_id, each.field): each for each in self.edits}


def unaccounted(world: World, book: Book) -> list[str]:
    """The last edits of each side that are neither there, nor in a conflict, nor superseded by a later one."""
    labels, rows, conflicts, log = world.labels(), world.rows(), world.conflicts(), world.log("applied")
    last = book.last()
    carried = {
        (each["annotation_id"], each["field"], each["direction"], _plain(each["field"], each["new"]))
        for each in log
        if each["field"] in ("label", "depth")
    }
    lost = []
    for (side, name, what), edit in last.items():
        here = labels[name][what], rows[name][what]
        other = last.get((DATABASE if side == FIFTYONE else FIFTYONE, name, what))
        asked = [
            _plain(what, each[side]) for each in conflicts if each["annotation_id"] == name and each["field"] == what
        ]
        way = "to_database" if side == FIFTYONE else "to_fiftyone"
        superseded = (
            other is not None
            and other.at > edit.at
            and here == (other.value, other.value)
            and (name, what, way, edit.value) in carried
        )
        if here != (edit.value, edit.value) and edit.value not in asked and not superseded:
            lost.append(f"{edit}: both sides {here}, conflicts {asked}, the other side's last {other}")
    return lost


def _plain(name: str, value: Any) -> Any:
    """A value of the log or of a conflict as people typed it: decimals stand there as text."""
    return float(value) if name == "depth" and value is not None else value


def object_ids(world: World) -> dict[str, list[ObjectId]]:
    """{annotation id: label ids that bear it}."""
    found: dict[str, list[ObjectId]] = {}
    for each in world.raw_labels():
        found.setdefault(each["annotation_id"], []).append(each["_id"])
    return found
