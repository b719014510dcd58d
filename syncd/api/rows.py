"""Rows of syncd's own tables as the API gives them: frozen, with the columns' names, and lists of them.

Each list is a sequence, has a ``total`` (how many there are, whatever page was asked for), the document that the
command prints (``as_json``), and a table for a notebook.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from types import MappingProxyType
from typing import Any, Generic, TypeVar, overload

from syncd.api.html import MOST, shown, table
from syncd.model.kinds import Json, iso
from syncd.store.conflicts import OPEN


@dataclass(frozen=True)
class Row:
    """One row of a table, with its columns."""

    def as_json(self) -> dict[str, Json]:
        """The row as a document has it: moments in UTC, as text."""
        return {name: iso(value) if isinstance(value, datetime) else value for name, value in vars(self).items()}


@dataclass(frozen=True)
class ChangeRow(Row):
    """One entry of the change log."""

    seq: int
    run_id: str
    binding: str
    annotation_id: str | None
    sample_id: str | None
    label_id: str | None
    direction: str | None
    action: str
    field: str | None
    old: Any
    new: Any
    reason: str
    actor: str | None
    edited_at: datetime | None
    applied_at: datetime | None
    status: str
    undo_of: int | None
    hash: str | None


@dataclass(frozen=True)
class ConflictRow(Row):
    """One conflict: what was agreed (``base``), and what either side holds."""

    id: int
    binding: str
    subject: str
    annotation_id: str | None
    sample_id: str | None
    label_id: str | None
    kind: str
    field: str | None
    base: Any
    fiftyone: Any
    database: Any
    fiftyone_by: str | None
    fiftyone_at: datetime | None
    database_by: str | None
    database_at: datetime | None
    suggestions: list[Any]
    status: str
    resolution: str | None
    run_id: str
    opened_at: datetime
    updated_at: datetime
    resolved_at: datetime | None

    @property
    def is_open(self) -> bool:
        """Whether nobody has resolved it."""
        return self.status == OPEN


@dataclass(frozen=True)
class WaitingRow(Row):
    """One edit that waits for an approving tag, or one annotation that bears an error tag."""

    id: int
    binding: str
    subject: str
    kind: str
    annotation_id: str | None
    sample_id: str | None
    label_id: str | None
    field: str | None
    old: Any
    new: Any
    actor: str | None
    edited_at: datetime | None
    since: datetime


R = TypeVar("R", bound=Row)


def rows_of(kind: type[R], found: Iterable[Mapping[str, Any]]) -> tuple[R, ...]:
    """Rows as they were read."""
    names = [each.name for each in fields(kind)]
    return tuple(kind(**{name: row[name] for name in names}) for row in found)


@dataclass(frozen=True)
class Rows(Sequence[R], Generic[R]):
    """Rows in order; ``total`` counts those that match, on this page or not."""

    rows: tuple[R, ...]
    total: int

    @overload
    def __getitem__(self, index: int) -> R: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[R, ...]: ...

    def __getitem__(self, index: int | slice) -> R | tuple[R, ...]:
        return self.rows[index]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[R]:
        return iter(self.rows)

    def _table(self, what: str, columns: Sequence[str], cells: Iterable[Sequence[object]]) -> str:
        """The rows for a notebook, with how many there are."""
        return table(columns, cells, f"{len(self.rows[:MOST]):,} of {self.total:,} {what}")


@dataclass(frozen=True)
class ConflictList(Rows[ConflictRow]):
    """Conflicts, the oldest first."""

    def groups(self) -> list[dict[str, Any]]:
        """How many of these conflicts have kind, field and both values in common, the most first."""
        names = ("binding", "kind", "field", "fiftyone", "database")
        counted = Counter(
            (each.binding, each.kind, each.field, shown(each.fiftyone), shown(each.database)) for each in self
        )
        return [dict(zip(names, key, strict=True)) | {"count": count} for key, count in counted.most_common()]

    def as_json(self) -> dict[str, Any]:
        """The document of ``syncd conflicts list``."""
        return {"conflicts": [each.as_json() for each in self], "groups": self.groups()}

    def _repr_html_(self) -> str:
        columns = ("id", "annotation", "kind", "field", "FiftyOne", "database", "was", "opened")
        cells = (
            (
                each.id,
                each.annotation_id or each.label_id,
                each.kind,
                each.field,
                each.fiftyone,
                each.database,
                each.base,
                each.opened_at,
            )
            for each in self.rows[:MOST]
        )
        return self._table("conflicts", columns, cells)


@dataclass(frozen=True)
class WaitingList(Rows[WaitingRow]):
    """What waits for a person in FiftyOne, the longest first."""

    def as_json(self) -> dict[str, Any]:
        """The document of ``syncd review list``."""
        return {"waiting": [each.as_json() for each in self]}

    def _repr_html_(self) -> str:
        columns = ("annotation", "kind", "field", "old", "new", "by", "since")
        cells = (
            (each.annotation_id or each.label_id, each.kind, each.field, each.old, each.new, each.actor, each.since)
            for each in self.rows[:MOST]
        )
        return self._table("waiting", columns, cells)


@dataclass(frozen=True)
class ChangeLog(Rows[ChangeRow]):
    """Entries of the change log, the newest last; ``notes`` are what people wrote about runs, by run.

    ``hints`` say what may be wrong with the question, where nothing was found.
    """

    notes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    hints: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The document of ``syncd log``."""
        return {"changes": self.documents()}

    def documents(self) -> list[dict[str, Any]]:
        """The entries, each with the note of its run."""
        return [each.as_json() | {"note": self.notes.get(each.run_id)} for each in self]

    def _repr_html_(self) -> str:
        columns = ("seq", "annotation", "direction", "field", "old", "new", "reason", "by", "applied", "status")
        cells = (
            (
                each.seq,
                each.annotation_id,
                each.direction,
                each.field or each.action,
                each.old,
                each.new,
                each.reason,
                each.actor,
                each.applied_at,
                each.status,
            )
            for each in self.rows[-MOST:]
        )
        return self._table("changes", columns, cells)
