"""What a side must be able to do. Adapters read and write; they decide nothing.

A new system implements :class:`Adapter` (or :class:`LabelStore`, if labels live in samples) and passes the contract
tests in ``tests/contract``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import polars as pl

from syncd.model import Change, Content, Mark, Origin, Side, Snapshot, TagEdit
from syncd.model.readback import Judge


@dataclass(frozen=True)
class Result:
    """What became of one change on the side it was for.

    ``after`` is what is there now, as read back: the value of the field, or the whole annotation after an insert;
    ``None`` too where the annotation is not there. ``matched`` says whether the compare-and-set found the value it
    expected (``None``: the side cannot tell, judge by ``after``). ``refused`` says why the side would not take the
    value: nothing of the change is there then; and ``in_the_way`` that it may do so for what other annotations hold as
    yet. ``answered`` are the fields of which the side made something else of
    what was written, for good. ``annotation_id`` is the id under which a row was inserted, of which the change may not
    know.
    """

    change: Change
    present: bool
    after: Content = None
    matched: bool | None = None
    label_id: str | None = None
    refused: str | None = None
    in_the_way: bool = False
    answered: frozenset[str] = frozenset()
    annotation_id: str | None = None


@dataclass(frozen=True)
class Written:
    """Which of some ids the table that is written has, whatever the relation that is read shows.

    Without ``certain`` it may have others of them, too, since row-level security keeps rows from this role.
    """

    ids: frozenset[str]
    certain: bool = True


class Sink(Protocol):
    """Takes a snapshot a part at a time."""

    def add(self, frame: pl.DataFrame) -> None:
        """More rows."""
        ...

    def clear(self) -> None:
        """None of the rows so far: they are read anew."""
        ...


class Recogniser(Protocol):
    """Recognises the documents of samples by their hashes, and learns what those that were decoded hold."""

    @property
    def knows_any(self) -> bool:
        """Whether it is worth asking."""
        ...

    def recognise(self, documents: pl.DataFrame) -> list[str]:
        """Keeps the documents that it recognises; of the others (``DOCUMENTS_SCHEMA``) the samples, in order."""
        ...

    def decoded(self, rows: pl.DataFrame, documents: pl.DataFrame) -> None:
        """``rows`` are all that these documents (``HASHED_SCHEMA``) hold; they may hold nothing."""
        ...


Meanwhile = Callable[[frozenset[str]], None]
"""Something to be done while labels are on their way; it is told the samples on which they stand."""


class Adapter(Protocol):
    """One side of a binding."""

    side: Side

    def origin(self) -> Origin:
        """What this side is at the moment: tells an edited side from one that was replaced."""
        ...

    def now(self) -> datetime:
        """The server's clock, UTC."""
        ...

    def read_all(self) -> Snapshot:
        """Every annotation; complete, or an error."""
        ...

    def read_all_to(self, sink: Sink) -> datetime:
        """As :meth:`read_all`, a part at a time; returns the server's clock when the read began."""
        ...

    def read_since(self, since: datetime) -> Snapshot:
        """Annotations stamped at or after ``since`` (and what must be read along with them); never complete."""
        ...

    def count_since(self, since: datetime, at_most: int) -> int:
        """How many rows, or samples, are stamped at or after ``since``; no more are counted than ``at_most``."""
        ...

    def read_ids(self, ids: Collection[str]) -> Snapshot:
        """The annotations with these ids, as far as they exist; never complete."""
        ...

    def write(self, changes: Sequence[Change]) -> list[Result]:
        """Carries out the changes as compare-and-sets; one result per change, in order."""
        ...


class LabelStore(Adapter, Protocol):
    """A side whose annotations are labels inside samples."""

    def read_all_to(self, sink: Sink, recogniser: Recogniser | None = None) -> datetime:
        """As of any adapter; labels in documents that are recognised are left out."""
        ...

    def decode(self, documents: pl.DataFrame) -> pl.DataFrame:
        """The labels in documents that were recognised (``DOCUMENTS_SCHEMA``), as they were read."""
        ...

    def read_since(self, since: datetime, meanwhile: Meanwhile | None = None) -> Snapshot:
        """All labels of samples stamped at or after ``since``.

        ``meanwhile`` is called once, in this thread: with the samples, as soon as these are known.
        """
        ...

    def read_samples(self, sample_ids: Collection[str]) -> Snapshot:
        """All labels of these samples."""
        ...

    def read_labels(self, label_ids: Collection[str]) -> Snapshot:
        """All labels of the samples in which labels of these ids (FiftyOne's own) stand."""
        ...

    def write_slices(self, slices: Iterable[Sequence[Change]]) -> list[Result]:
        """As :meth:`write`, slice by slice; the next one is asked for when the one before has been written.

        What is raised in asking ends it there: what was written until then stays, and nothing more is.
        """
        ...

    def find_samples(self, media: Collection[str]) -> pl.DataFrame:
        """The samples with these media (:data:`syncd.model.snapshot.SAMPLES_SCHEMA`)."""
        ...

    def leave_mark(self, mark: Mark) -> None:
        """Keeps the mark beside the labels, where :meth:`origin` finds it; touches no sample."""
        ...

    def write_tags(self, edits: Sequence[TagEdit]) -> None:
        """Puts tags on labels and samples and takes them off; what is there already, or gone, is left alone."""
        ...

    def look_up_samples(self, sample_ids: Collection[str]) -> pl.DataFrame:
        """The same of the samples with these ids, as far as they exist."""
        ...


class RowStore(Adapter, Protocol):
    """A side whose annotations are rows with ids of their own."""

    @property
    def stamped(self) -> bool:
        """Whether rows bear the time of their last change; without one there is no incremental read."""
        ...

    def origin(self, *, count_rows: bool = True) -> Origin:
        """As of any adapter; counting the rows may be left out."""
        ...

    def rules(self) -> str | None:
        """A fingerprint of what decides which values are taken; ``None`` where the side does not tell."""
        ...

    def writable(self, field: str) -> bool:
        """Whether the field's columns can be written at all, whatever its direction."""
        ...

    def values_taken(self) -> dict[str, tuple[frozenset[str], str]]:
        """The values that columns take and no others, by field, each with what makes sure of that; as they are now."""
        ...

    def read_committed(self, ids: Collection[str]) -> Snapshot:
        """As :meth:`read_ids`, but blind to what this side's own transaction has not committed; may be much quicker."""
        ...

    def written_ids(self, ids: Collection[str]) -> Written:
        """Which of these ids, that were read and not found, the table has all the same; blind to what is not committed.

        Of a table that is read itself it has none.
        """
        ...

    def not_given_yet(self, ids: Collection[str]) -> frozenset[str]:
        """Which of these ids, that no row has, whoever gives ids is still to give, to some other row."""
        ...

    def signature(self, actor: str | None) -> str | None:
        """What the column of editors holds after a change by this actor was written; ``None`` where there is none."""
        ...

    def write(self, changes: Sequence[Change], judge: Judge | None = None) -> list[Result]:
        """As of any adapter; a row that is inserted without an annotation id gets one from whoever gives them.

        ``judge`` is asked about each value that reads back otherwise than it was written. A change of which it says
        that this is no answer is undone and refused. Without it nobody is asked.
        """
        ...
