"""What the contract tests need of a system besides its adapter: people who fill it, edit it and look into it.

A bench uses the system's own means for that (the FiftyOne SDK, plain SQL), never the adapter.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from syncd.adapters.base import Adapter, LabelStore, RowStore
from syncd.model import BOX, Action, Change, Direction, Field, Holds, Kind, LabelType, Mapping, Side, Snapshot, Value
from syncd.model.result import Result
from syncd.model.snapshot import column
from syncd.model.values import same_content
from syncd.testing.contract.values import NULLABLE, VALUES

Content = dict[str, Value]

KINDS = {
    "label": Kind.TEXT,
    "note": Kind.TEXT,
    "count": Kind.INTEGER,
    "depth": Kind.FLOAT,
    "price": Kind.DECIMAL,
    "verified": Kind.BOOLEAN,
    "day": Kind.DATE,
    "seen": Kind.TIMESTAMP,
    "ref": Kind.UUID,
    BOX: Kind.BOX,
}
PLACE: list[float] = [0.1, 0.2, 0.3, 0.4]


def mapping_of(kinds: dict[str, Kind], label_type: LabelType = LabelType.DETECTIONS) -> Mapping:
    """A mapping of these fields, both sides of which hold everything."""
    fields = tuple(Field(name, kind, Direction.BOTH, Holds(kind), Holds(kind)) for name, kind in kinds.items())
    return Mapping("contract", fields, label_type)


@dataclass(frozen=True)
class Item:
    """One annotation as somebody made it. Items of the same media are labels of the same sample."""

    id: str | None
    values: dict[str, Any]
    media: str


def item(id_: str | None, *, media: str | None = None, **values: Any) -> Item:
    """An annotation with a label and a place, unless they are given."""
    return Item(id_, {"label": "Copepoda", BOX: PLACE} | values, media or f"/images/{id_}.png")


class Bench(ABC):
    """One system with its adapter."""

    adapter: Adapter
    mapping: Mapping
    several: bool = True
    """Whether one sample may hold several labels."""
    bulk: bool = True
    """Whether it writes thousands of changes at a time, rather than one by one."""
    unique_ids: bool = False
    """Whether the system itself keeps an id from being there twice."""
    moves: bool = True
    """Whether an annotation can be tied to another image at all."""
    clock_step: timedelta = timedelta(0)
    """How far its clock may be behind the time of what was written just now: some tell whole seconds."""

    # People

    @abstractmethod
    def put(self, *items: Item) -> None:
        """Makes these annotations, in samples of their media."""

    @abstractmethod
    def put_many(self, ids: Sequence[str]) -> None:
        """Makes one annotation per id, each in a sample of its own, quickly."""

    @abstractmethod
    def put_sample(self, media: str) -> None:
        """Makes a sample without labels; of rows the image alone, where it must be there before them."""

    @abstractmethod
    def edit(self, id_: str, **values: Any) -> None:
        """Changes an annotation as somebody else would."""

    @abstractmethod
    def remove(self, id_: str) -> None:
        """Deletes an annotation as somebody else would."""

    @abstractmethod
    def stamp(self, id_: str, moment: datetime) -> None:
        """Makes it so that the annotation (or its sample) was last changed at this moment."""

    @abstractmethod
    def refuse(self, name: str, value: Value) -> None:
        """Makes the system refuse this value of the field."""

    def between(self, what: Callable[[], None]) -> bool:
        """Has this happen between the comparison and the write of the next change; False where the bench cannot.

        A store whose guard leaves no such moment has it happen just before.
        """
        return False

    @abstractmethod
    def stored(self) -> list[tuple[str | None, Content]]:
        """Every annotation that others see, by the system's own means, in canonical form."""

    def read_in_small_parts(self, patch: pytest.MonkeyPatch) -> None:
        """Makes the adapter read a few annotations at a time; nothing, where it does not read in parts."""
        return

    @abstractmethod
    def commit(self) -> None:
        """Makes what the adapter wrote visible to others, where it is not at once."""

    # What everybody needs

    @property
    def names(self) -> tuple[str, ...]:
        """The mapped fields."""
        return self.mapping.names

    @property
    def nullable(self) -> list[str]:
        """The fields that may hold nothing."""
        return [each for each in NULLABLE if each in self.names]

    @property
    def values(self) -> dict[str, list[Any]]:
        """Values that every field must hold exactly; a system that holds fewer leaves some out."""
        return VALUES

    @property
    def labels(self) -> LabelStore | None:
        """The adapter, where its annotations are labels."""
        return cast("LabelStore", self.adapter) if self.adapter.side is Side.FIFTYONE else None

    @property
    def rows(self) -> RowStore | None:
        """The adapter, where its annotations are rows."""
        return cast("RowStore", self.adapter) if self.adapter.side is Side.DATABASE else None

    def look(self, id_: str) -> Content | None:
        """What others see of one annotation."""
        found = [content for each, content in self.stored() if each == id_]
        assert len(found) <= 1, f"{id_} is there {len(found)} times"
        return found[0] if found else None

    def expected(self, values: dict[str, Any]) -> Content:
        """Values as the adapter must give them: every mapped field, the absent ones null."""
        return {name: values.get(name) for name in self.names}

    def write(self, *changes: Change) -> list[Result]:
        """Has the adapter carry out the changes, and commits."""
        results = self.adapter.write(changes)
        self.commit()
        assert [each.change for each in results] == list(changes)
        return results

    # Changes

    def update(self, id_: str, name: str, old: Any, new: Any) -> Change:
        """A change of one field of an annotation that is there."""
        return self.updates([(id_, name, old, new)])[0]

    def updates(self, wanted: Iterable[tuple[str, str, Any, Any]]) -> list[Change]:
        """Changes of one field each: (id, field, old, new)."""
        places = self._places()
        return [self._change(places, id_, Action.UPDATE, name, old, new) for id_, name, old, new in wanted]

    def delete(self, id_: str) -> Change:
        """The deletion of an annotation that holds what it holds now."""
        return self.deletes([id_])[0]

    def deletes(self, ids: Iterable[str]) -> list[Change]:
        """The deletions of annotations that hold what they hold now."""
        snapshot, places = held(self.adapter.read_all()), self._places()
        return [self._change(places, each, Action.DELETE, None, snapshot[each], None) for each in ids]

    def insert(self, id_: str, media: str, **values: Any) -> Change:
        """The insertion of an annotation, in the sample of that media."""
        sample = None
        if self.labels is not None:
            found = self.labels.find_samples([media])
            sample = found["sample_id"][0] if found.height else "0" * 24
        new = self.expected({"label": "Copepoda", BOX: PLACE} | values)
        return Change(id_, None, sample, self._way, Action.INSERT, None, None, new, "test", media=media)

    @property
    def _way(self) -> Direction:
        return Direction.TO_FIFTYONE if self.labels is not None else Direction.TO_DATABASE

    def _places(self) -> dict[str, dict[str, Any]]:
        if self.labels is None:
            return {}
        return {row["annotation_id"]: row for row in self.adapter.read_all().rows.iter_rows(named=True)}

    def _change(
        self, places: dict[str, dict[str, Any]], id_: str, action: Action, name: str | None, old: Any, new: Any
    ) -> Change:
        place = places[id_] if self.labels is not None else {}
        return Change(id_, place.get("label_id"), place.get("sample_id"), self._way, action, name, old, new, "test")


def held(snapshot: Snapshot) -> dict[str | None, Content]:
    """What a snapshot holds, by annotation id; ids must be there once."""
    rows = list(snapshot.rows.iter_rows(named=True))
    names = [each.removeprefix("value.") for each in snapshot.rows.columns if each.startswith("value.")]
    found = {row["annotation_id"]: {name: row[column(name)] for name in names} for row in rows}
    assert len(found) == len(rows), "an id is there twice"
    return found


def applied(mapping: Mapping, result: Result) -> bool:
    """Whether a change took effect, as apply judges it."""
    if result.refused is not None:
        return False
    if result.matched is not None:
        return result.matched
    if result.change.action is Action.DELETE:
        return not result.present
    return result.present and same_content(mapping, result.change.field, result.after, result.change.new)
