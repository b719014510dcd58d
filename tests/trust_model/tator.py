"""FiftyOne in memory, the annotations in a Tator double, syncd's own tables in SQLite."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from datetime import timedelta
from typing import Any

from syncd.adapters.tator.adapter import TatorAdapter
from syncd.adapters.tator.connect import connect
from syncd.adapters.tator.describe import names_of
from syncd.adapters.tator.media import Media
from syncd.adapters.tator.project import find_place
from syncd.adapters.tator.values import GEOMETRY
from syncd.engine.session import Session
from syncd.model import BOX, LABEL, Change, Side, Snapshot, Value
from syncd.model.result import Judge, Result
from syncd.store.tables import tables_for
from syncd.testing import Faults, Label, MemoryLabels
from tator_double import Row, Tator
from tator_lab import binding_of, config
from trust_model.memory import (
    FIRST,
    MOST_RACES,
    SAMPLES,
    SCHEMA,
    Clock,
    MemorySides,
    Servers,
    mapping,
)
from trust_model.sides import TERMS, Rules, SeenRow

NAMES = uuid.UUID("0b8f6dc0-13f4-4a52-a9a0-2f2b0f7f4c11")
TYPES = [
    {"name": "Label", "dtype": "string"},
    {"name": "depth", "dtype": "float"},
    {"name": "count", "dtype": "int"},
    {"name": "verified", "dtype": "bool"},
]
ATTRIBUTES = {LABEL: "Label", "depth": "depth", "count": "count", "verified": "verified"}
POINTS = ("detail.loaded", "list.loaded", "delete.loaded", "post.checked")


def named(name: str) -> str:
    """The UUID of an annotation, the same in every telling of a story."""
    return str(uuid.uuid5(NAMES, name))


class TroubledTator(TatorAdapter):
    """The adapter, with faults at each of its methods, at each call that it makes, and at the moment of a write."""

    faults = Faults()
    server: Tator
    minted = 0
    raced: Counter[tuple[str | None, str | None]]

    def origin(self, *, count_rows: bool = True) -> Any:
        self.faults.called("origin")
        return super().origin(count_rows=count_rows)

    def read_all_to(self, sink: Any) -> Any:
        self.faults.called("read_all")
        return super().read_all_to(sink)

    def read_since(self, since: Any) -> Snapshot:
        self.faults.called("read_since")
        return super().read_since(since)

    def read_ids(self, ids: Collection[str]) -> Snapshot:
        self.faults.called("read_ids")
        return super().read_ids(ids)

    def find_writes(self, changes: Sequence[Change], since: Any) -> list[Result | None]:
        self.faults.called("find_writes")
        return super().find_writes(changes, since)

    def new_ids(self, count: int) -> list[str]:
        self.minted += count
        return [named(f"minted {self.minted - each}") for each in range(count)]

    def write(self, changes: Sequence[Change], judge: Judge | None = None) -> list[Result]:
        """As ever; whoever edits meanwhile does so at the worst moment, after the server has loaded the row."""
        self.faults.called("write")
        assert len(changes) <= self.capabilities.slice_size
        waiting, before = list(changes), self.faults.before_change

        def at_the_worst_moment() -> None:
            while waiting and before is not None:
                change = waiting.pop(0)
                self.raced[change.annotation_id, change.field] += 1
                if self.raced[change.annotation_id, change.field] <= MOST_RACES:
                    before(change)

        if before is not None:
            for point in POINTS:
                self.server.at(point, at_the_worst_moment)
        try:
            if self.faults._writing is not None and self.faults._writing[1] < len(changes):
                (error, done), self.faults._writing = self.faults._writing, None
                super().write(changes[:done], judge)
                raise error
            return super().write(changes, judge)
        finally:
            self.server._points.clear()


class TatorSides(MemorySides):
    """See :class:`trust_model.sides.Sides`. A late edit is the bulk edit of Tator's gallery, which leaves no stamp."""

    def __init__(self, servers: Servers) -> None:
        self.mapping = mapping()
        self.clock = Clock()
        self.dataset = MemoryLabels(self.mapping, clock=lambda: self.clock.of(Side.FIFTYONE))
        self.server = Tator([dict(each) for each in TYPES])
        self.server.now = lambda: self.clock.of(Side.DATABASE)  # type: ignore[method-assign]
        self.client = connect(
            self.server.url, self.server.token, rate=0, transport=self.server.transport(), sleep=lambda _: None
        )
        section = config(self.server)
        place = find_place(self.client, section)
        names = names_of(binding_of(ATTRIBUTES), section, crops=False)
        media = Media(self.client, place.project, "name")
        self.adapter = TroubledTator(self.client, place, self.mapping, names, media, enforced=False)
        self.adapter.server, self.adapter.raced = self.server, Counter()
        self.curator = self.server.person(self.server.curator_token)
        self.gone = {}
        self.document_cache = servers.document_cache
        self.writing = self.state = servers.writing
        with self.state.connect() as connection:
            for each in tables_for(connection, SCHEMA).metadata.sorted_tables:
                connection.execute(each.delete())
            connection.commit()
        samples = [f"m{number}" for number in range(SAMPLES)]
        made = [self.dataset.add_sample(name) for name in samples]
        for number in range(FIRST):
            values: dict[str, Value] = {
                LABEL: TERMS[number],
                BOX: [0.01 * number, 0.1, 0.2, 0.2],
                "depth": float(number),
                "count": number,
            }
            self._put(named(f"a{number}"), samples[number % 2], dict(values))
            made[number % 2].labels.append(Label(named(f"a{number}"), dict(values)))

    def close(self) -> None:
        self.client.close()
        self.curator.close()

    @contextmanager
    def session(self, rules: Rules, faults: Faults) -> Iterator[Session]:
        self.clock.now += timedelta(seconds=20)
        self.dataset.faults = self.adapter.faults = faults
        # A process may die, or its server go away, before each call and after it.
        self.server.before_call = lambda method, _: faults.called(f"http {method}")
        self.server.after_call = lambda method, _: faults.called(f"answered {method}")
        try:
            with self.state.connect() as state:
                yield self.session_over(rules, self.adapter, state, state)
        finally:
            self.server.before_call = self.server.after_call = None
            self.server._points.clear()
            self.dataset.faults = self.adapter.faults = Faults()

    def rows(self) -> list[SeenRow]:
        homes = {each.media: each.sample_id for each in self.dataset.samples.values()}
        return [
            SeenRow(str(each.elemental_id), homes.get(self.server.media[each.media].name), _values(each))
            for each in self.server.live()
        ]

    def edit_row(self, annotation_id: str, field: str, value: Any, *, late: bool = False) -> None:
        if field == BOX:
            self._patch(annotation_id, dict(zip(GEOMETRY, value, strict=True)))
        elif late:
            ids = [self._now(annotation_id).id]
            body = {"ids": ids, "attributes": {ATTRIBUTES[field]: value}}
            self.curator.patch("Localizations/1", params={"version": 102}, json=body)
        else:
            self._patch(annotation_id, {"attributes": {ATTRIBUTES[field]: value}})

    def add_row(self, annotation_id: str, sample: str, values: dict[str, Any]) -> None:
        self._put(annotation_id, self.dataset.samples[sample].media, values)

    def remove_row(self, annotation_id: str) -> None:
        self.curator.request("DELETE", f"Localization/102/{annotation_id}", json={})

    def hide_row(self, annotation_id: str) -> None:
        """Nothing is hidden in Tator."""

    def hidden(self) -> Collection[str]:
        return ()

    def retie_row(self, annotation_id: str, sample: str) -> None:
        self._put(annotation_id, self.dataset.samples[sample].media, _values(self._now(annotation_id)))

    def touch_row(self, annotation_id: str) -> None:
        self._patch(annotation_id, {"attributes": {}})

    def back_up(self, side: Side) -> object:
        return deepcopy(self.server.rows) if side is Side.DATABASE else super().back_up(side)

    def put_back(self, side: Side, copy: Any) -> None:
        if side is Side.DATABASE:
            self.server.rows = deepcopy(copy)
        else:
            super().put_back(side, copy)

    def _patch(self, annotation_id: str, body: dict[str, Any]) -> None:
        self.curator.patch(f"Localization/102/{annotation_id}", json=body)

    def _now(self, annotation_id: str) -> Row:
        return self.server.rows.of(annotation_id, 102)[-1]

    def _put(self, annotation_id: str, media: str, values: dict[str, Any]) -> None:
        attributes = {ATTRIBUTES[name]: each for name, each in values.items() if name != BOX and each is not None}
        spec = {
            "elemental_id": annotation_id,
            "version": 102,
            "type": self.server.box_type,
            "media_id": self.server.medium(media).id,
            "frame": 0,
            "attributes": attributes,
            **dict(zip(GEOMETRY, values[BOX], strict=True)),
        }
        self.curator.post("Localizations/1", json=[spec])


def _values(row: Row) -> dict[str, Any]:
    found = {name: row.attributes.get(each) for name, each in ATTRIBUTES.items()}
    return found | {BOX: [row.x, row.y, row.width, row.height]}
