"""A Tator double with syncd's adapter on it, and people who edit beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import httpx

from syncd.adapters.tator.adapter import TatorAdapter
from syncd.adapters.tator.config import TatorConfig
from syncd.adapters.tator.connect import connect
from syncd.adapters.tator.describe import names_of
from syncd.adapters.tator.media import Media
from syncd.adapters.tator.project import find_place
from syncd.model import BOX, Action, Change, Direction, Kind
from syncd.model.result import Result
from syncd.testing.contract.bench import mapping_of
from tator_double import Row, Tator

TYPES: list[dict[str, Any]] = [
    {"name": "Label", "dtype": "string"},
    {"name": "verified", "dtype": "bool"},
    {"name": "depth", "dtype": "float"},
    {"name": "note", "dtype": "string"},
    {"name": "taxon", "dtype": "enum", "choices": ["Copepoda", "Ostracoda"]},
    {"name": "reviewer", "dtype": "string"},
]
KINDS = {"label": Kind.TEXT, BOX: Kind.BOX, "verified": Kind.BOOLEAN, "depth": Kind.FLOAT, "taxon": Kind.TEXT}
ATTRIBUTES = {"label": "Label", "verified": "verified", "depth": "depth", "taxon": "taxon"}
"""``note`` is an attribute that syncd knows nothing of."""


def config(server: Tator, **more: Any) -> TatorConfig:
    """The section that names the double's layer."""
    given = {"url": server.url, "token": server.token, "project": 1, "version": "ground_truth", "type": "Box"}
    return TatorConfig.model_validate({"kind": "tator"} | given | more)


def binding_of(attributes: dict[str, str] = ATTRIBUTES) -> Any:
    """As much of a binding as the adapter asks for."""
    others = {name: SimpleNamespace(column=each) for name, each in attributes.items() if name != "label"}
    label = SimpleNamespace(name=attributes["label"])
    columns, review = SimpleNamespace(label=label), SimpleNamespace(error_column=None)
    return SimpleNamespace(columns=columns, attributes=others, review=review)


class Lab:
    """``server`` is the double, ``curator`` somebody's HTTP client, ``adapter`` syncd's."""

    def __init__(self, *, types: list[dict[str, Any]] | None = None, **section: Any) -> None:
        self.server = Tator([dict(each) for each in types or TYPES])
        self.slept: list[float] = []
        self.mapping = mapping_of(KINDS)
        section_ = config(self.server, **section)
        self.client = connect(
            self.server.url,
            self.server.token,
            rate=0,
            transport=self.server.transport(),
            sleep=self.slept.append,
        )
        self.place = find_place(self.client, section_)
        media = Media(self.client, self.place.project, section_.media)
        names = names_of(binding_of(), section_, crops=False)
        self.adapter = TatorAdapter(self.client, self.place, self.mapping, names, media, enforced=False)
        self.curator = self.server.person(self.server.curator_token)
        self.server.calls.clear()

    def close(self) -> None:
        """Lets go of the server."""
        self.client.close()
        self.curator.close()

    def put(self, count: int = 1, **attributes: Any) -> list[Row]:
        """Boxes of the curator's, each on an image of its own."""
        given = {"Label": "Copepoda"} | attributes
        return [
            self.server.put(attributes=dict(given), media=self.server.medium(f"{number}.png").id)
            for number in range(count)
        ]

    def change(self, row: Row, field: str, old: Any, new: Any, **more: Any) -> Change:
        """A change of one field."""
        way = Direction.TO_DATABASE
        return Change(row.elemental_id, None, None, way, Action.UPDATE, field, old, new, "test", **more)

    def write(self, *changes: Change) -> list[Result]:
        """The adapter's results."""
        return self.adapter.write(changes)

    def marks(self, row: Row, attribute: str = "Label") -> list[Any]:
        """What each mark of an annotation holds in an attribute."""
        return [each.attributes.get(attribute) for each in self.server.rows.of(str(row.elemental_id), 102)]

    def now(self, row: Row) -> Row:
        """The latest mark."""
        return self.server.rows.of(str(row.elemental_id), 102)[-1]

    def edit(self, row: Row, *, person: httpx.Client | None = None, **body: Any) -> None:
        """A single edit by the curator, of whatever is the latest mark."""
        (person or self.curator).patch(f"Localization/102/{row.elemental_id}", json=body)

    def label(self, row: Row, label: str) -> None:
        """The curator gives it another label."""
        self.edit(row, attributes={"Label": label})

    def in_place(self, rows: Sequence[Row], **attributes: Any) -> None:
        """The bulk edit of Tator's gallery: no mark, no time."""
        ids = [self.now(each).id for each in rows]
        self.curator.patch("Localizations/1", params={"version": 102}, json={"ids": ids, "attributes": attributes})

    def delete(self, row: Row) -> None:
        """The curator deletes it."""
        self.curator.request("DELETE", f"Localization/102/{row.elemental_id}", json={})


@contextmanager
def lab(**more: Any) -> Iterator[Lab]:
    """A lab for the time of a test."""
    found = Lab(**more)
    try:
        yield found
    finally:
        found.close()
