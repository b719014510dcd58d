"""What the parts of a write have in common: the means, and what became of each change so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from syncd.adapters.rest.client import Client
from syncd.adapters.tator.edits import content_of, predecessor, value_of
from syncd.adapters.tator.frames import Framer, Raw, stamps
from syncd.adapters.tator.media import Media
from syncd.adapters.tator.project import Place
from syncd.adapters.tator.read import Rows, as_uuid, latest
from syncd.adapters.tator.values import GEOMETRY
from syncd.model import MEDIA_FIELD, Action, Change, Content, Value
from syncd.model.plan import Edited
from syncd.model.result import Displaced, Judge, Result
from syncd.model.values import same_value

ROUNDS = 6
"""How often a write is tried anew when others write the same annotations all the time."""


@dataclass
class Outcome:
    """What became of one change so far."""

    matched: bool = False
    refused: str | None = None
    displaced: Displaced | None = None
    answered: frozenset[str] = frozenset()


@dataclass
class Work:
    """One call of the adapter. ``now`` is the newest row of each annotation, as far as it was read."""

    changes: Sequence[Change]
    judge: Judge | None = None
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    now: dict[str, Raw] = field(default_factory=dict)

    def outcome(self, position: int) -> Outcome:
        """That of one change."""
        return self.outcomes.setdefault(position, Outcome())


@dataclass(frozen=True)
class Hands:
    """The means of writing at one place."""

    client: Client
    place: Place
    rows: Rows
    framer: Framer
    media: Media

    @property
    def path(self) -> str:
        """The path of the list of annotations."""
        return f"Localizations/{self.place.project}"

    def read_again(self, work: Work, ids: Sequence[str]) -> None:
        """Learns the current rows of annotations; deleted ones are there with their deleted mark."""
        work.now |= latest(self.rows.with_ids(ids, deleted=True))

    def shown(self, row: Raw) -> str | None:
        """What ties a row to its sample."""
        if self.framer.names.crops:
            return str(row["elemental_id"])
        self.media.learn([row["media"]])
        return self.media.shown(row["media"], row.get("frame") or 0)

    def displaced(self, before: Raw, history: Sequence[Raw], name: str | None) -> Displaced:
        """What stood in the row upon which we wrote, and whose it is: of one field, or of the whole annotation."""
        stamp: datetime = stamps([before["modified_datetime"]])[0]
        if name is None:
            return Displaced(content_of(self.framer, before), Edited(self._editor(before), stamp), self.shown(before))
        each = self.framer.fields.field(name)
        before_it = predecessor(history, before)
        # An edit in place moves no time: where the value came with a mark of its own, the time is that of the edit.
        came = before_it is None or not same_value(each, self._value(before, name), self._value(before_it, name))
        return Displaced(self._value(before, name), Edited(self._editor(before), stamp if came else None))

    def _editor(self, row: Raw) -> str | None:
        return self.framer.editor(row)

    def _value(self, row: Raw, name: str) -> Value:
        return value_of(self.framer, row, self.framer.fields.field(name))

    def item(
        self, id_: str, place: tuple[int, int], attributes: Mapping[str, Any], geometry: Mapping[str, float]
    ) -> dict[str, Any]:
        """An annotation as a POST carries it."""
        media, frame = place
        return {
            "elemental_id": id_,
            "media_id": media,
            "frame": frame,
            "type": self.place.type_id,
            "version": self.place.version,
            "attributes": dict(attributes),
            **geometry,
        }

    def copy(self, row: Raw, place: tuple[int, int]) -> dict[str, Any]:
        """A row as a POST carries it, on another image: it becomes the next mark of the same annotation."""
        attributes = {name: value for name, value in row["attributes"].items() if value is not None}
        geometry = {name: row[name] for name in GEOMETRY if row[name] is not None}
        return self.item(row["elemental_id"], place, attributes, geometry)

    def post(self, items: Sequence[dict[str, Any]]) -> list[int]:
        """Makes rows; their ids, in order."""
        answer = self.client.write("POST", self.path, {}, list(items))
        return [int(each) for each in answer["id"]]

    def result(self, work: Work, position: int) -> Result:
        """What became of a change."""
        change, outcome = work.changes[position], work.outcome(position)
        row = work.now.get(id_of(change))
        present = row is not None and not row["variant_deleted"]
        after: Content = None
        if present and row is not None:
            if change.field == MEDIA_FIELD:
                after = self.shown(row)
            elif change.field is None:
                after = content_of(self.framer, row)
            else:
                after = self._value(row, change.field)
        inserted = change.action is Action.INSERT and outcome.matched and present
        return Result(
            change,
            present=present,
            after=after,
            matched=outcome.matched,
            refused=outcome.refused,
            displaced=outcome.displaced,
            answered=outcome.answered,
            annotation_id=id_of(change) if inserted else None,
        )


def id_of(change: Change) -> str:
    """The annotation's id in the server's spelling; empty where it is none."""
    return as_uuid(change.annotation_id or "") or ""


def single(content: Content) -> Value:
    """The value of one field."""
    assert not isinstance(content, dict), "one field has one value"
    return content
