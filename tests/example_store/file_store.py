"""Annotations in a JSON file that scripts share: the smallest adapter that keeps the whole contract.

``{"annotations": {id: {"media": …, "values": {…}, "edited_at": …, "edited_by": …}}, "forbidden": {field: […]}}``. Who
changes it holds a lock on it. There are no transactions: what is written is there for good.
"""

from __future__ import annotations

import fcntl
import json
import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any

import polars as pl
from pydantic import AfterValidator

from syncd.adapters.base import Opening, OpenStore, Probe, Verdict
from syncd.adapters.defaults import OpenStoreDefaults, StoreDefaults
from syncd.config import BindingConfig
from syncd.config.kinds import FilePath, beside_the_configuration
from syncd.config.store import StoreConfig
from syncd.errors import DatabaseUnavailable
from syncd.model import BOX, LABEL, MEDIA_FIELD, Action, Change, Holds, Kind, Mapping, Origin, Side, Snapshot, to_json
from syncd.model.capabilities import BulkValues, Capabilities, Guard, Stamps, Transactions
from syncd.model.kinds import from_json
from syncd.model.result import Judge, Result
from syncd.model.snapshot import column, schema
from syncd.model.store import FieldFacts, StoreDescription
from syncd.model.values import milliseconds, same_content

ACCOUNT, SLICE = "syncd", 500


class FileSection(StoreConfig):
    """The keys of ``bindings[].store`` for this kind; a relative path starts at the configuration's folder."""

    path: Annotated[FilePath, AfterValidator(beside_the_configuration)]


@contextmanager
def opened(path: Path, *, write: bool) -> Iterator[dict[str, Any]]:
    """What the file holds, while nobody else changes it; what becomes of it in the block is written back."""
    try:
        handle = path.open("r+" if write else "r", encoding="utf-8")
    except OSError as error:
        raise DatabaseUnavailable(f"The annotations in {path} cannot be read: {error.strerror}.") from error
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX if write else fcntl.LOCK_SH)
        held: dict[str, Any] = json.load(handle)
        yield held
        if write:
            handle.seek(0)
            json.dump(held, handle)
            handle.truncate()


class FileRows(StoreDefaults):
    """The adapter: :class:`syncd.adapters.base.RowStore`."""

    side = Side.DATABASE

    def __init__(self, path: Path, mapping: Mapping) -> None:
        self.path, self.mapping = path, mapping

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            guard=Guard.REVISION,
            transactions=Transactions.NONE,
            stamps=Stamps.COMPLETE,
            history=False,
            deletion_feed=False,
            bulk_values=BulkValues.DIFFERING,
            enforced_vocabulary=False,
            slice_size=SLICE,
        )

    def origin(self, *, count_rows: bool = True) -> Origin:
        return Origin(f"file {self.path}", rows=len(self._held()) if count_rows else None)

    def now(self) -> datetime:
        return datetime.now(timezone.utc)

    def read_all(self) -> Snapshot:
        as_of = self.now()
        return self._snapshot(self._held(), as_of, complete=True)

    def read_since(self, since: datetime) -> Snapshot:
        as_of, since = self.now(), milliseconds(since)
        return self._snapshot({name: each for name, each in self._held().items() if _at(each) >= since}, as_of)

    def read_ids(self, ids: Collection[str]) -> Snapshot:
        as_of, wanted = self.now(), set(ids)
        return self._snapshot({name: each for name, each in self._held().items() if name in wanted}, as_of)

    def signature(self, actor: str | None) -> str:
        return actor or ACCOUNT

    def write(self, changes: Sequence[Change], judge: Judge | None = None) -> list[Result]:
        """The file gives back what it is given, so that ``judge`` has nothing to judge."""
        with opened(self.path, write=True) as held:
            forbidden = held.get("forbidden", {})
            return [self._carry_out(held["annotations"], each, forbidden) for each in changes]

    def _carry_out(self, rows: dict[str, Any], change: Change, forbidden: dict[str, list[Any]]) -> Result:
        name = change.annotation_id or str(uuid.uuid4())
        row = rows.get(name)
        given = change.new if isinstance(change.new, dict) else {str(change.field): change.new}
        is_new = change.action is Action.INSERT
        expected = row is None if is_new else row is not None and self._holds(row, change)
        wrong = next((each for each, value in given.items() if to_json(value) in forbidden.get(each, ())), None)
        done = expected and wrong is None
        if done:
            row = self._made(rows, name, change, given)
        after = None if row is None else self._of(row, change)
        refused = f"{wrong} must not be that here" if expected and wrong is not None else None
        inserted = name if is_new and done else None
        return Result(change, row is not None, after, done, refused=refused, annotation_id=inserted)

    def _holds(self, row: dict[str, Any], change: Change) -> bool:
        return same_content(self.mapping, change.field, self._of(row, change), change.old)

    def _made(self, rows: dict[str, Any], name: str, change: Change, given: dict[str, Any]) -> dict[str, Any] | None:
        if change.action is Action.DELETE:
            del rows[name]
            return None
        row: dict[str, Any] = rows.setdefault(name, {"media": change.media, "values": {}})
        if change.field == MEDIA_FIELD:
            row["media"] = change.new
        else:
            row["values"].update((each, to_json(value)) for each, value in given.items())
        row |= {"edited_at": self.now().isoformat(), "edited_by": self.signature(change.actor)}
        return row

    def _of(self, row: dict[str, Any], change: Change) -> Any:
        values = {each.name: from_json(each.kind, row["values"].get(each.name)) for each in self.mapping.fields}
        return row["media"] if change.field == MEDIA_FIELD else values[change.field] if change.field else values

    def _held(self) -> dict[str, Any]:
        with opened(self.path, write=False) as held:
            return dict(held["annotations"])

    def _snapshot(self, rows: dict[str, Any], as_of: datetime, *, complete: bool = False) -> Snapshot:
        read = [
            {"annotation_id": name, "media": row["media"], "edited_at": _at(row), "actor": row.get("edited_by")}
            | {column(each.name): from_json(each.kind, row["values"].get(each.name)) for each in self.mapping.fields}
            for name, row in rows.items()
        ]
        frame = pl.DataFrame(read, schema=schema(self.side, self.mapping), orient="row")
        return Snapshot(self.side, frame, complete=complete, as_of=as_of)


def _at(row: dict[str, Any]) -> datetime:
    return milliseconds(datetime.fromisoformat(row["edited_at"]))


class FileStore(OpenStoreDefaults):
    """The store of one binding: :class:`syncd.adapters.base.OpenStore`."""

    def __init__(self, path: Path, binding: BindingConfig) -> None:
        self.path, self.binding = path, binding

    def describe(self, *, crops: bool) -> StoreDescription:
        text = FieldFacts(Kind.TEXT, Holds(Kind.TEXT), f"'label' of {self.path}", "text")
        fields = {LABEL: text} | dict.fromkeys(self.binding.attributes, text)
        if not crops:
            fields[BOX] = FieldFacts(Kind.BOX, Holds(Kind.BOX), f"'box' of {self.path}", "four numbers")
        return StoreDescription(text, fields, media_key="media", source=str(self.path))

    def rows(self, mapping: Mapping) -> FileRows:
        return FileRows(self.path, mapping)

    def count_labels(self) -> dict[str, int]:
        with opened(self.path, write=False) as held:
            return Counter(each["values"][LABEL] for each in held["annotations"].values() if LABEL in each["values"])

    def probes(self) -> Iterable[Probe]:
        yield Probe("File", Verdict.OK, f"{sum(self.count_labels().values()):,} annotations have a label")


class FileFactory:
    """What the entry point names: :class:`syncd.adapters.base.StoreFactory`."""

    section = FileSection
    title = "JSON file"

    @contextmanager
    def open(self, opening: Opening) -> Iterator[OpenStore]:
        assert isinstance(opening.binding.store, FileSection), "it is the section of this kind"
        yield FileStore(opening.binding.store.path, opening.binding)


STORE = FileFactory()
