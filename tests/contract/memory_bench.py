"""Benches of the sides in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from syncd.model import Change, Value
from syncd.model.capabilities import Capabilities, Guard
from syncd.testing import TABLE, Faults, Label, MemoryLabels, MemoryRows
from syncd.testing.content import canonical_values
from syncd.testing.contract.bench import KINDS, Bench, Content, Item, item, mapping_of


class MemoryRowsBench(Bench):
    """Rows in memory."""

    bulk = False

    def __init__(self, capabilities: Capabilities = TABLE) -> None:
        self.mapping = mapping_of(KINDS)
        self.faults = Faults()
        self.adapter: MemoryRows = MemoryRows(self.mapping, faults=self.faults, capabilities=capabilities)

    def put(self, *items: Item) -> None:
        for each in items:
            self.adapter.put(each.id, each.values, media=each.media)

    def between(self, what: Callable[[], None]) -> bool:
        def once(_: Change) -> None:
            self.faults.between = self.faults.before_change = None
            what()

        if self.adapter.capabilities.guard is Guard.REVISION:
            self.faults.before_change = once
        else:
            self.faults.between = once
        return True

    def put_many(self, ids: Sequence[str]) -> None:
        self.put(*(item(each) for each in ids))

    def put_sample(self, media: str) -> None:
        pass

    def edit(self, id_: str, **values: Any) -> None:
        self.adapter.edit(id_, "curator", **values)

    def remove(self, id_: str) -> None:
        self.adapter.remove(id_)

    def stamp(self, id_: str, moment: datetime) -> None:
        clock, self.adapter.clock = self.adapter.clock, lambda: moment
        self.adapter.edit(id_)
        self.adapter.clock = clock

    def commit(self) -> None:
        pass

    def refuse(self, name: str, value: Value) -> None:
        self.faults.refuse(name, value)

    def stored(self) -> list[tuple[str | None, Content]]:
        return [(each.annotation_id, canonical_values(self.mapping, each.values, {})) for each in self.adapter.rows]


class MemoryLabelsBench(Bench):
    """Labels in memory."""

    bulk = False

    def __init__(self) -> None:
        self.mapping = mapping_of(KINDS)
        self.faults = Faults()
        self.adapter: MemoryLabels = MemoryLabels(self.mapping, faults=self.faults)

    def put(self, *items: Item) -> None:
        for media in dict.fromkeys(each.media for each in items):
            labels = [Label(each.id, dict(each.values)) for each in items if each.media == media]
            self.adapter.add_sample(media, labels)

    def put_many(self, ids: Sequence[str]) -> None:
        self.put(*(item(each) for each in ids[:100]))
        for each in ids[100:]:
            self.adapter.add_sample(f"/images/{each}.png", [Label(each, item(each).values)])

    def put_sample(self, media: str) -> None:
        self.adapter.add_sample(media)

    def edit(self, id_: str, **values: Any) -> None:
        self.adapter.edit(self._label_id(id_), **values)

    def remove(self, id_: str) -> None:
        self.adapter.remove(self._label_id(id_))

    def stamp(self, id_: str, moment: datetime) -> None:
        for sample, label in self.adapter.labels():
            if label.annotation_id == id_:
                sample.edited_at = moment

    def commit(self) -> None:
        pass

    def refuse(self, name: str, value: Value) -> None:
        self.faults.refuse(name, value)

    def stored(self) -> list[tuple[str | None, Content]]:
        return [(label.annotation_id, self.adapter.values(label)) for _, label in self.adapter.labels()]

    def _label_id(self, id_: str) -> str:
        return next(str(each.label_id) for _, each in self.adapter.labels() if each.annotation_id == id_)
