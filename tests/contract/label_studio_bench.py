"""Bench of Label Studio: the double, whose people work by the API."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from label_studio_double import LabelStudio
from syncd.adapters.label_studio import read
from syncd.adapters.label_studio.config import LabelStudioConfig
from syncd.adapters.label_studio.connect import connect
from syncd.adapters.label_studio.regions import content_of
from syncd.adapters.label_studio.store import LabelStudioStore
from syncd.model import BOX, LABEL, Kind, Value
from syncd.testing.contract.bench import KINDS, PLACE, Bench, Content, Item, mapping_of
from syncd.testing.contract.values import VALUES

NAMES = ("label", "note", "depth", BOX)


class LabelStudioBench(Bench):
    """A server in this process, its curator, and the adapter of syncd's account."""

    bulk = False
    moves = False
    clock_step = timedelta(seconds=1)

    def __init__(self) -> None:
        self.server = LabelStudio()
        self.mapping = mapping_of({name: kind for name, kind in KINDS.items() if name in NAMES})
        self.client = connect(self.server.url, self.server.token, rate=0, transport=self.server.transport())
        section = {"kind": "label-studio", "url": self.server.url, "token": self.server.token, "project": 3}
        columns = SimpleNamespace(label=SimpleNamespace(name="label"))
        review = SimpleNamespace(error_column=None)
        attributes = {name: SimpleNamespace(column=name) for name in ("note", "depth")}
        binding: Any = SimpleNamespace(columns=columns, attributes=attributes, review=review)
        config = LabelStudioConfig.model_validate(section)
        self.store = LabelStudioStore(self.client, config, binding)
        self.controls = self.store._controls()
        self.adapter = self.store.rows(self.mapping)
        self.curator = self.server.person()

    def close(self) -> None:
        """Lets go of the server."""
        self.client.close()
        self.curator.close()

    @property
    def values(self) -> dict[str, list[Any]]:
        """Percent and back is not exact for every float."""
        return VALUES | {BOX: [[0.0, 0.0, 1.0, 1.0], [0.1, 0.2, 0.25, 0.4], [0.5, 0.5, 0.125, 0.5]]}

    def put(self, *items: Item) -> None:
        for each in items:
            task = self._task(each.media)
            self.server.annotate(task, self._items(each.id, each.values))

    def put_many(self, ids: Sequence[str]) -> None:
        task = self._task("/images/many.png")
        self.server.annotate(task, [one for each in ids for one in self._items(each, {LABEL: "Copepoda", BOX: PLACE})])

    def put_sample(self, media: str) -> None:
        self._task(media)

    def edit(self, id_: str, **values: Any) -> None:
        annotation = self._annotation(id_)
        there = self._content(annotation, id_) | values
        rest = [each for each in annotation["result"] if each.get("id") != id_]
        body = {"result": [*rest, *self._items(id_, there)]}
        self.curator.patch(f"annotations/{annotation['id']}/", json=body)

    def remove(self, id_: str) -> None:
        annotation = self._annotation(id_)
        rest = [each for each in annotation["result"] if each.get("id") != id_]
        self.curator.patch(f"annotations/{annotation['id']}/", json={"result": rest})

    def stamp(self, id_: str, moment: datetime) -> None:
        annotation = self._annotation(id_)
        text = moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        annotation["updated_at"] = self.server.tasks[annotation["task"]]["updated_at"] = text

    def refuse(self, name: str, value: Value) -> None:
        self.server.refused.add(str(value))

    def stored(self) -> list[tuple[str | None, Content]]:
        return [
            (region.id, content_of(self.controls, self.mapping, region.items))
            for annotation in self.server.annotations.values()
            for region in self.controls.of(annotation, annotation["task"], None)
        ]

    def read_in_small_parts(self, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(read, "PAGE", 3)

    def commit(self) -> None:
        pass

    def _task(self, media: str) -> dict[str, Any]:
        there = [each for each in self.server.tasks.values() if each["data"]["image"] == media]
        return there[0] if there else self.server.task(media)

    def _annotation(self, id_: str) -> dict[str, Any]:
        every = self.server.annotations.values()
        return next(each for each in every if any(one.get("id") == id_ for one in each["result"]))

    def _content(self, annotation: dict[str, Any], id_: str) -> dict[str, Any]:
        [region] = [each for each in self.controls.of(annotation, 1, None) if each.id == id_]
        return content_of(self.controls, self.mapping, region.items)

    def _items(self, id_: str | None, values: dict[str, Any]) -> list[dict[str, Any]]:
        box = values.get(BOX) or PLACE
        place = dict(zip(("x", "y", "width", "height"), (each * 100 for each in box), strict=True))
        keys = {"label": "rectanglelabels", "note": "text", "depth": "number"}
        found = []
        for name, key in keys.items():
            value = values.get(name)
            if value is None or (isinstance(value, float) and math.isnan(value)):
                continue
            held = value if KINDS[name] is Kind.FLOAT else [value]
            item = {"from_name": name, "to_name": "image", "type": key, "value": {**place, key: held}}
            found.append(item | ({} if id_ is None else {"id": id_}))
        return found
