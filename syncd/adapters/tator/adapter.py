"""The database side of a binding, in Tator."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import polars as pl

from syncd.adapters.base import Sink
from syncd.adapters.defaults import StoreDefaults
from syncd.adapters.rest.client import Client
from syncd.adapters.tator.frames import Framer, Names, Raw, stamps, with_attributes
from syncd.adapters.tator.media import Media
from syncd.adapters.tator.project import Place, members_of, name_of
from syncd.adapters.tator.read import Rows, latest
from syncd.adapters.tator.work import Hands
from syncd.adapters.tator.write import Writer
from syncd.model import Change, Mapping, Origin, Side, Snapshot
from syncd.model.capabilities import BulkValues, Capabilities, Guard, Stamps, Transactions
from syncd.model.plan import Edited
from syncd.model.result import Judge, Result
from syncd.model.snapshot import empty

SLICE = 1_000
"""Changes in one call of :meth:`TatorAdapter.write`: so many are in doubt after a crash, until the history is read."""

CLOCKS = timedelta(minutes=5)
"""How far the server's clock may be behind the one of syncd's own tables."""


def capabilities(*, enforced: bool) -> Capabilities:
    """What Tator can do; ``enforced``: the label's attribute is an enum."""
    return Capabilities(
        guard=Guard.PROVABLE,
        transactions=Transactions.NONE,
        stamps=Stamps.NOMINATE,
        history=True,
        deletion_feed=True,
        bulk_values=BulkValues.SAME,
        enforced_vocabulary=enforced,
        slice_size=SLICE,
    )


class TatorAdapter(StoreDefaults):
    """Annotations as boxes of one type in one version of a project; an annotation's id is its elemental id."""

    side = Side.DATABASE

    def __init__(
        self, client: Client, place: Place, mapping: Mapping, names: Names, media: Media, *, enforced: bool
    ) -> None:
        self.mapping = mapping
        self._client, self._place, self._names, self._media = client, place, names, media
        self._accounts: dict[int, str] = {place.me.id: place.me.name}
        self._rows = Rows(client, place)
        self._framer = Framer(mapping, names, media, place.me.id, self._account)
        self._writer = Writer(Hands(client, place, self._rows, self._framer, media))
        self._capabilities = capabilities(enforced=enforced)

    @property
    def capabilities(self) -> Capabilities:
        """What Tator can do."""
        return self._capabilities

    def origin(self, *, count_rows: bool = True) -> Origin:
        """Server, project, version and type: the same box in another layer is another annotation."""
        place = self._place
        identity = f"{self._client.where} project {place.project} version {place.version} type {place.type_id}"
        return Origin(identity, rows=self._rows.count() if count_rows else None)

    def now(self) -> datetime:
        """The server's clock, to about a second, and never ahead of it."""
        return self._client.now()

    def read_all(self) -> Snapshot:
        """Every annotation, checked against the server's own count."""
        parts = _Parts()
        as_of = self.read_all_to(parts)
        rows = pl.concat(parts.frames) if parts.frames else empty(self.side, self.mapping)
        return Snapshot(self.side, rows, complete=True, as_of=as_of)

    def read_all_to(self, sink: Sink) -> datetime:
        """Every annotation, page by page; not one moment, but each of them once."""
        as_of = self.now()
        self._media.forget()
        for page in self._rows.everything(self._framer.slim):
            sink.add(self._framer.frame(page))
        return as_of

    def read_since(self, since: datetime) -> Snapshot:
        """What was stamped since, and what was deleted. Bulk edits of Tator's own pages leave no stamp."""
        as_of = self.now()
        rows = list(latest(self._rows.since(since, self._framer.slim)).values())
        there = [each for each in rows if not each["variant_deleted"]]
        gone = {each["elemental_id"]: self._deletion(each) for each in rows if each["variant_deleted"]}
        return Snapshot(self.side, self._framer.frame(there), complete=False, as_of=as_of, deleted=gone)

    def count_since(self, since: datetime, at_most: int) -> int:
        """The number of annotations stamped since, deleted ones among them."""
        return self._rows.count_since(since, at_most)

    def read_ids(self, ids: Collection[str]) -> Snapshot:
        """The annotations with these ids; what is no UUID is none."""
        as_of = self.now()
        rows = self._rows.with_ids(ids, fields=self._framer.slim)
        return Snapshot(self.side, self._framer.frame(rows), complete=False, as_of=as_of)

    def rules(self) -> str | None:
        """The type with its attributes, which decide what values are accepted."""
        return repr(self._type())

    def writable(self, field: str) -> bool:
        """Whether the field is mapped: every attribute can be written."""
        return field in self.mapping.names

    def values_taken(self) -> dict[str, tuple[frozenset[str], str]]:
        """The choices of enums, as they are now."""
        known = {str(each["name"]): each for each in self._type().get("attribute_types") or ()}
        taken: dict[str, tuple[frozenset[str], str]] = {}
        for field, name in self._names.attributes.items():
            each = known.get(name)
            if each is not None and each.get("dtype") == "enum":
                taken[field] = (frozenset(each["choices"]), f"the choices of attribute {name!r} in Tator")
        return taken

    def signature(self, actor: str | None) -> str | None:
        """The owner of the token, whoever asked; the person's own name where an attribute takes it."""
        return actor if actor is not None and self._names.person is not None else self._place.me.name

    def write(self, changes: Sequence[Change], judge: Judge | None = None) -> list[Result]:
        """Compare-and-sets that the history proves afterwards."""
        return self.named(changes, lambda named: self._writer.write(named, judge))

    def find_writes(self, changes: Sequence[Change], since: datetime) -> list[Result | None]:
        """What the history of marks says of writes whose answer was lost."""
        aware = since if since.tzinfo is not None else since.replace(tzinfo=timezone.utc)
        return self._writer.find(changes, aware - CLOCKS)

    def _type(self) -> dict[str, Any]:
        found = self._client.get(f"LocalizationTypes/{self._place.project}")
        return next((each for each in found if int(each["id"]) == self._place.type_id), {})

    def _deletion(self, row: Raw) -> Edited:
        """When it was deleted. Not by whom: a deletion leaves the name of who edited it last."""
        return Edited(None, stamps([with_attributes(row)["modified_datetime"]])[0])

    def _account(self, id_: int) -> str:
        if id_ not in self._accounts:
            self._accounts |= {each.id: each.name for each in members_of(self._client, self._place.project)}
        if id_ not in self._accounts:
            # No member any more: the server may still tell who that was.
            found = self._client.get_or_none(f"User/{id_}")
            self._accounts[id_] = f"user {id_}" if found is None else name_of(found)
        return self._accounts[id_]


class _Parts:
    """Collects the parts of a snapshot."""

    def __init__(self) -> None:
        self.frames: list[pl.DataFrame] = []

    def add(self, frame: pl.DataFrame) -> None:
        """Keeps a part."""
        self.frames.append(frame)

    def clear(self) -> None:
        """Drops all parts."""
        self.frames.clear()
