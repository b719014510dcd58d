"""The bench of the example adapter: people who edit the file."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from example_store.file_store import FileRows, opened
from syncd.model import Value, to_json
from syncd.model.kinds import from_json
from syncd.model.values import canonical_value
from syncd.testing.contract.bench import KINDS, Bench, Content, Item, item, mapping_of


class FileBench(Bench):
    """Annotations in a JSON file."""

    bulk = False
    unique_ids = True

    def __init__(self, folder: Path) -> None:
        self.path = folder / "annotations.json"
        self.path.write_text(json.dumps({"annotations": {}, "forbidden": {}}), encoding="utf-8")
        self.mapping = mapping_of(KINDS)
        self.adapter: FileRows = FileRows(self.path, self.mapping)

    def put(self, *items: Item) -> None:
        with opened(self.path, write=True) as held:
            for each in items:
                held["annotations"][str(each.id)] = {
                    "media": each.media,
                    "values": self._plain(each.values),
                    "edited_at": datetime.now(timezone.utc).isoformat(),
                }

    def put_many(self, ids: Sequence[str]) -> None:
        self.put(*(item(each) for each in ids))

    def put_sample(self, media: str) -> None:
        pass

    def edit(self, id_: str, **values: Any) -> None:
        with opened(self.path, write=True) as held:
            row = held["annotations"][id_]
            row["values"] |= self._plain(values)
            row |= {"edited_at": datetime.now(timezone.utc).isoformat(), "edited_by": "curator"}

    def remove(self, id_: str) -> None:
        with opened(self.path, write=True) as held:
            del held["annotations"][id_]

    def stamp(self, id_: str, moment: datetime) -> None:
        with opened(self.path, write=True) as held:
            held["annotations"][id_]["edited_at"] = moment.isoformat()

    def refuse(self, name: str, value: Value) -> None:
        with opened(self.path, write=True) as held:
            held["forbidden"].setdefault(name, []).append(to_json(value))

    def between(self, what: Callable[[], None]) -> bool:
        # Nobody can come between: the file is locked.
        what()
        return True

    def commit(self) -> None:
        pass

    def stored(self) -> list[tuple[str | None, Content]]:
        with opened(self.path, write=False) as held:
            return [(name, self._content(each["values"])) for name, each in held["annotations"].items()]

    def _plain(self, values: dict[str, Any]) -> dict[str, Any]:
        return {name: to_json(canonical_value(KINDS[name], value)) for name, value in values.items()}

    def _content(self, values: dict[str, Any]) -> Content:
        return {name: from_json(kind, values.get(name)) for name, kind in KINDS.items()}
