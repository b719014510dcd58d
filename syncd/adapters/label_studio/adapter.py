"""The database side of a binding, in Label Studio."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import polars as pl

from syncd.adapters.defaults import StoreDefaults
from syncd.adapters.label_studio.read import Tasks
from syncd.adapters.label_studio.regions import Controls, Region, value_of
from syncd.adapters.label_studio.write import Writer
from syncd.adapters.rest.client import Client
from syncd.model import Change, Mapping, Origin, Side, Snapshot
from syncd.model.capabilities import BulkValues, Capabilities, Guard, Stamps, Transactions
from syncd.model.kinds import dtype
from syncd.model.result import Judge, Result
from syncd.model.snapshot import TIMESTAMP_DTYPE, column, empty, schema

CAPABILITIES = Capabilities(
    guard=Guard.NONE,
    transactions=Transactions.NONE,
    stamps=Stamps.NOMINATE,
    history=False,
    deletion_feed=False,
    bulk_values=BulkValues.ONE,
    enforced_vocabulary=False,
    slice_size=50,
)
"""What Label Studio can do."""

FEW = 20
"""So many annotations are looked up one by one; for more of them everything is read."""


class LabelStudioAdapter(StoreDefaults):
    """Annotations as regions (or choices) of one control; an annotation's id is its region's."""

    side = Side.DATABASE
    capabilities = CAPABILITIES

    def __init__(self, client: Client, project: int, controls: Controls, mapping: Mapping) -> None:
        self.mapping = mapping
        self._client, self._project, self._controls = client, project, controls
        self._tasks = Tasks(client, project)
        self._places: dict[str, Region] = {}
        self._names: dict[int, str] = {}
        self._writer = Writer(client, self._tasks, controls, mapping, self._place_of)

    def origin(self, *, count_rows: bool = True) -> Origin:
        """Server, project and control; the regions are counted by reading them."""
        identity = f"{self._client.where} project {self._project} control {self._controls.label.name}"
        return Origin(identity, rows=len(self._everything()) if count_rows else None)

    def now(self) -> datetime:
        """The server's clock, to about a second, and never ahead of it."""
        return self._client.now()

    def read_all(self) -> Snapshot:
        """Every region."""
        as_of = self.now()
        return Snapshot(self.side, self._frame(self._everything()), complete=True, as_of=as_of)

    def read_since(self, since: datetime) -> Snapshot:
        """Regions whose annotation was saved since; what was deleted is told by nobody."""
        as_of = self.now()
        found = [region for task in self._tasks.since(since) for region in self._controls.regions(task)]
        self._remember(found)
        rows = self._frame(found).filter(pl.col("edited_at") >= pl.lit(since).cast(TIMESTAMP_DTYPE))
        return Snapshot(self.side, rows, complete=False, as_of=as_of)

    def read_ids(self, ids: Collection[str]) -> Snapshot:
        """The regions with these ids: few of them by the annotations in which they stood, else by reading all."""
        as_of, wanted = self.now(), set(ids)
        if not wanted:
            return Snapshot(self.side, self._frame([]), complete=False, as_of=as_of)
        found = self._looked_up(wanted)
        if found is None or {each.id for each in found} != wanted:
            found = [each for each in self._everything() if each.id in wanted]
        return Snapshot(self.side, self._frame(found), complete=False, as_of=as_of)

    def writable(self, field: str) -> bool:
        """Whether the field is mapped."""
        return field in self.mapping.names

    def signature(self, actor: str | None) -> str | None:  # noqa: ARG002
        """The owner of the token, whoever asked."""
        me = self._client.get("current-user/whoami")
        return _name(me)

    def new_ids(self, count: int) -> list[str] | None:
        """Random ids: an insert whose answer is lost is found by its id."""
        return [uuid.uuid4().hex for _ in range(count)]

    def write(self, changes: Sequence[Change], judge: Judge | None = None) -> list[Result]:
        """Reads, compares, writes whole annotations, and reads back. What others write in between is lost."""
        return self.named(changes, lambda named: self._writer.write(named, judge))

    # How

    def _everything(self) -> list[Region]:
        found = [region for task in self._tasks.everything() for region in self._controls.regions(task)]
        self._places.clear()
        self._remember(found)
        return found

    def _remember(self, found: Sequence[Region]) -> None:
        self._places |= {each.id: each for each in found if each.id is not None}

    def _place_of(self, id_: str) -> Region | None:
        """Where a region stands, as far as it was seen; a look at everything, where it was not."""
        if id_ not in self._places:
            self._everything()
        return self._places.get(id_)

    def _looked_up(self, wanted: set[str]) -> list[Region] | None:
        places = [self._places.get(each) for each in wanted]
        homes = {each.annotation: each for each in places if each is not None}
        if None in places or len(homes) > FEW:
            return None
        found: list[Region] = []
        for number, place in homes.items():
            annotation = self._client.get_or_none(f"annotations/{number}/")
            if annotation is not None and not annotation.get("was_cancelled"):
                found += self._controls.of(annotation, place.task, place.media)
        return [each for each in found if each.id in wanted]

    def _frame(self, regions: Sequence[Region]) -> pl.DataFrame:
        if not regions:
            return empty(self.side, self.mapping)
        texts = pl.Series([each.edited_at for each in regions], dtype=pl.String)
        stamps = texts.str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="ms", strict=False)
        columns: dict[str, pl.Series] = {
            "annotation_id": pl.Series([each.id for each in regions], dtype=pl.String),
            "media": pl.Series([each.media for each in regions], dtype=pl.String),
            "frame": pl.Series([None] * len(regions), dtype=pl.String),
            "edited_at": stamps.dt.replace_time_zone("UTC").cast(TIMESTAMP_DTYPE),
            "actor": pl.Series([self._account(each.editor) for each in regions], dtype=pl.String),
        }
        problems: list[dict[str, str]] = [{} for _ in regions]
        for field in self.mapping.fields:
            values = []
            for position, region in enumerate(regions):
                value, problem = value_of(self._controls, field, region.items)
                values.append(value)
                if problem is not None:
                    problems[position][field.name] = problem
            columns[column(field.name)] = pl.Series(values, dtype=dtype(field.kind))
        shown = [json.dumps(each, ensure_ascii=False, separators=(",", ":")) if each else None for each in problems]
        columns["problems"] = pl.Series(shown, dtype=pl.String)
        return pl.DataFrame(columns).select(list(schema(self.side, self.mapping)))

    def _account(self, id_: int | None) -> str | None:
        if id_ is None:
            return None
        if id_ not in self._names:
            self._names |= {int(each["id"]): _name(each) for each in self._client.get("users/")}
        return self._names.setdefault(id_, f"user {id_}")


def _name(user: dict[str, Any]) -> str:
    return str(user.get("username") or user.get("email") or f"user {user.get('id')}")
