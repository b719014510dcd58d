"""Bench of Tator: the double behind its own HTTP, whose ids are UUIDs where the contract's are names."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from syncd.adapters.base import Sink
from syncd.adapters.tator import read
from syncd.adapters.tator.adapter import TatorAdapter
from syncd.adapters.tator.config import TatorConfig
from syncd.adapters.tator.connect import connect
from syncd.adapters.tator.describe import names_of
from syncd.adapters.tator.media import Media
from syncd.adapters.tator.project import find_place
from syncd.adapters.tator.values import canonical
from syncd.model import BOX, Change, Kind, Snapshot, Value
from syncd.model.result import Judge, Result
from syncd.testing.contract.bench import KINDS, PLACE, Bench, Content, Item, mapping_of
from syncd.testing.contract.values import VALUES
from tator_double import Tator

TYPES: dict[str, str] = {
    "label": "string",
    "note": "string",
    "count": "int",
    "depth": "float",
    "verified": "bool",
    "seen": "datetime",
}
NAMES = uuid.UUID("6f1c8a52-54a5-4a4b-8d6a-1f6f3a6a2f10")


class _Named:
    """The adapter under the names that the contract gives to annotations; every other id is passed on as it is."""

    def __init__(self, adapter: TatorAdapter) -> None:
        self._adapter = adapter
        self._ids: dict[str, str] = {}
        self._names: dict[str, str] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adapter, name)

    def id_of(self, name: str) -> str:
        """The UUID under which an annotation of that name is made."""
        found = str(uuid.uuid5(NAMES, name))
        self._ids[name], self._names[found] = found, name
        return found

    def name_of(self, id_: str | None) -> str | None:
        return None if id_ is None else self._names.get(id_, id_)

    def _snapshot(self, found: Snapshot) -> Snapshot:
        ids = [self.name_of(each) for each in found.rows["annotation_id"]]
        rows = found.rows.with_columns(pl.Series("annotation_id", ids, dtype=pl.String))
        deleted = {str(self.name_of(each)): told for each, told in found.deleted.items()}
        return replace(found, rows=rows, deleted=deleted)

    def read_all(self) -> Snapshot:
        return self._snapshot(self._adapter.read_all())

    def read_all_to(self, sink: Sink) -> datetime:
        adapter = self

        class Renaming:
            def add(self, frame: pl.DataFrame) -> None:
                ids = [adapter.name_of(each) for each in frame["annotation_id"]]
                sink.add(frame.with_columns(pl.Series("annotation_id", ids, dtype=pl.String)))

            def clear(self) -> None:
                sink.clear()

        return self._adapter.read_all_to(Renaming())

    def read_since(self, since: datetime) -> Snapshot:
        return self._snapshot(self._adapter.read_since(since))

    def read_ids(self, ids: Collection[str]) -> Snapshot:
        return self._snapshot(self._adapter.read_ids([self._ids.get(each, each) for each in ids]))

    def write(self, changes: Sequence[Change], judge: Judge | None = None) -> list[Result]:
        results = self._adapter.write([self._renamed(each) for each in changes], judge)
        return [
            replace(result, change=change, annotation_id=self.name_of(result.annotation_id))
            for change, result in zip(changes, results, strict=True)
        ]

    def find_writes(self, changes: Sequence[Change], since: datetime) -> list[Result | None]:
        found = self._adapter.find_writes([self._renamed(each) for each in changes], since)
        return [result and replace(result, change=change) for change, result in zip(changes, found, strict=True)]

    def _renamed(self, change: Change) -> Change:
        name = change.annotation_id
        if name is None or name.startswith("nul"):
            return change
        return replace(change, annotation_id=self._ids.get(name) or self.id_of(name))


class TatorBench(Bench):
    """A server in this process, its curator, and the adapter of syncd's account."""

    unique_ids = True
    clock_step = timedelta(seconds=1)

    def __init__(self) -> None:
        types: list[dict[str, Any]] = [{"name": name, "dtype": dtype} for name, dtype in TYPES.items()]
        self.server = Tator(types)
        self.mapping = mapping_of({name: kind for name, kind in KINDS.items() if name in (*TYPES, BOX)})
        self.client = connect("http://tator.invalid", self.server.token, rate=0, transport=self.server.transport())
        config = TatorConfig.model_validate(
            {
                "kind": "tator",
                "url": "http://tator.invalid",
                "token": self.server.token,
                "project": 1,
                "version": "ground_truth",
                "type": "Box",
            }
        )
        place = find_place(self.client, config)
        media = Media(self.client, place.project, "name")
        attributes = {name: SimpleNamespace(column=name) for name in TYPES if name != "label"}
        columns = SimpleNamespace(label=SimpleNamespace(name="label"))
        review = SimpleNamespace(error_column=None)
        binding: Any = SimpleNamespace(columns=columns, attributes=attributes, review=review)
        names = names_of(binding, config, crops=False)
        self.named = _Named(TatorAdapter(self.client, place, self.mapping, names, media, enforced=False))
        self.adapter: Any = self.named
        self.curator = self.server.person(self.server.curator_token)

    def close(self) -> None:
        """Lets go of the server."""
        self.client.close()
        self.curator.close()

    @property
    def values(self) -> dict[str, list[Any]]:
        """Tator holds boxes within their image alone."""
        within = [each for each in VALUES[BOX] if all(0 <= part <= 1 for part in each) and all(each[2:])]
        return VALUES | {BOX: within}

    def put(self, *items: Item) -> None:
        for each in items:
            id_ = None if each.id is None else self.named.id_of(each.id)
            box = dict(zip(("x", "y", "width", "height"), each.values.get(BOX) or [None] * 4, strict=True))
            media = self.server.medium(each.media).id
            self.server.put(elemental_id=id_, media=media, attributes=self._attributes(each.values), **box)

    def put_many(self, ids: Sequence[str]) -> None:
        medium = self.server.medium("/images/many.png").id
        box = dict(zip(("x", "y", "width", "height"), PLACE, strict=True))
        for each in ids:
            self.server.put(elemental_id=self.named.id_of(each), media=medium, attributes={"label": "Copepoda"}, **box)

    def put_sample(self, media: str) -> None:
        self.server.medium(media)

    def edit(self, id_: str, **values: Any) -> None:
        given = self._attributes({name: value for name, value in values.items() if name != BOX})
        body: dict[str, Any] = {
            "attributes": given,
            "null_attributes": [name for name, value in values.items() if value is None],
        }
        if BOX in values:
            body |= dict(zip(("x", "y", "width", "height"), values[BOX], strict=True))
        self.curator.patch(f"Localization/102/{self.named.id_of(id_)}", json=body)

    def remove(self, id_: str) -> None:
        self.curator.request("DELETE", f"Localization/102/{self.named.id_of(id_)}", json={})

    def stamp(self, id_: str, moment: datetime) -> None:
        for row in self.server.rows.of(self.named.id_of(id_), 102):
            row.modified = moment

    def refuse(self, name: str, value: Value) -> None:
        for each in self.server.attribute_types:
            if each["name"] == name:
                each["refused"] = [value]

    def stored(self) -> list[tuple[str | None, Content]]:
        found: list[tuple[str | None, Content]] = []
        for row in self.server.live():
            content: Content = {
                name: canonical(KINDS[name], row.attributes.get(name))[0] for name in self.names if name != BOX
            }
            content[BOX] = canonical(Kind.BOX, [row.x, row.y, row.width, row.height])[0]
            found.append((self.named.name_of(row.elemental_id), content))
        return found

    def read_in_small_parts(self, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(read, "PAGE", 3)

    def between(self, what: Callable[[], None]) -> bool:
        self.server.at("detail.loaded", what)
        return True

    def commit(self) -> None:
        pass

    def _attributes(self, values: dict[str, Any]) -> dict[str, Any]:
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in values.items()
            if name in TYPES and value is not None and not (isinstance(value, float) and math.isnan(value))
        }
