"""The Protocols that a side implements. Adapters read and write; they decide nothing.

A new system implements :class:`RowStore` (or :class:`LabelStore`, if its labels live in samples) and passes the
contract tests of ``syncd.testing.contract``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import Protocol

import polars as pl

from syncd.model import Change, Mark, Origin, Side, Snapshot, TagEdit
from syncd.model.result import Judge, Result, Written


class Sink(Protocol):
    """Receives a snapshot part by part."""

    def add(self, frame: pl.DataFrame) -> None:
        """Receives more rows."""
        ...

    def clear(self) -> None:
        """Drops all rows received so far: they are read anew."""
        ...


class Recogniser(Protocol):
    """The document cache, as a side uses it: recognises documents by their hashes, and learns from decoded ones."""

    @property
    def knows_any(self) -> bool:
        """Whether the cache holds anything."""
        ...

    def recognise(self, documents: pl.DataFrame) -> list[str]:
        """Keeps recognised documents (``DOCUMENTS_SCHEMA``); returns the samples of the others, in order."""
        ...

    def decoded(self, rows: pl.DataFrame, documents: pl.DataFrame) -> None:
        """Learns that ``rows`` are all that these documents (``HASHED_SCHEMA``) hold; they may hold nothing."""
        ...


Meanwhile = Callable[[frozenset[str]], None]
"""Something to be done while labels are on their way; it is told the samples on which they stand."""


class Adapter(Protocol):
    """One side of a binding."""

    side: Side

    def origin(self) -> Origin:
        """What this side is at the moment: distinguishes an edited side from a replaced one."""
        ...

    def now(self) -> datetime:
        """The server's clock, UTC."""
        ...

    def read_all(self) -> Snapshot:
        """Reads every annotation; returns a complete snapshot, or raises."""
        ...

    def read_all_to(self, sink: Sink) -> datetime:
        """Reads like :meth:`read_all`, part by part; returns the server's clock when the read began."""
        ...

    def read_since(self, since: datetime) -> Snapshot:
        """Reads annotations stamped at or after ``since`` (and what must be read along with them); never complete."""
        ...

    def count_since(self, since: datetime, at_most: int) -> int:
        """Counts rows, or samples, stamped at or after ``since``; stops counting at ``at_most``."""
        ...

    def read_ids(self, ids: Collection[str]) -> Snapshot:
        """Reads the annotations with these ids that exist; never complete."""
        ...

    def write(self, changes: Sequence[Change]) -> list[Result]:
        """Carries out the changes as compare-and-sets; returns one result per change, in order."""
        ...


class LabelStore(Adapter, Protocol):
    """A side whose annotations are labels inside samples."""

    def read_all_to(self, sink: Sink, recogniser: Recogniser | None = None) -> datetime:
        """Reads like any adapter; leaves out labels in documents that are recognised."""
        ...

    def decode(self, documents: pl.DataFrame) -> pl.DataFrame:
        """Decodes the labels in recognised documents (``DOCUMENTS_SCHEMA``), as they were read."""
        ...

    def read_since(self, since: datetime, meanwhile: Meanwhile | None = None) -> Snapshot:
        """Reads all labels of samples stamped at or after ``since``.

        ``meanwhile`` is called once, in this thread, with the samples as soon as these are known.
        """
        ...

    def read_samples(self, sample_ids: Collection[str]) -> Snapshot:
        """Reads all labels of these samples."""
        ...

    def read_labels(self, label_ids: Collection[str]) -> Snapshot:
        """All labels of the samples in which labels of these ids (FiftyOne's own) stand."""
        ...

    def write_slices(self, slices: Iterable[Sequence[Change]]) -> list[Result]:
        """Writes like :meth:`write`, slice by slice; asks for a slice when the one before has been written.

        An error raised by the iterable ends the writing: what was written until then stays, and nothing more is
        written.
        """
        ...

    def find_samples(self, media: Collection[str]) -> pl.DataFrame:
        """Finds the samples with these media (:data:`syncd.model.snapshot.SAMPLES_SCHEMA`)."""
        ...

    def leave_mark(self, mark: Mark) -> None:
        """Keeps the mark beside the labels, where :meth:`origin` finds it; touches no sample."""
        ...

    def write_tags(self, edits: Sequence[TagEdit]) -> None:
        """Sets and removes tags of labels and samples; a tag that is there already, or gone, is left alone."""
        ...

    def look_up_samples(self, sample_ids: Collection[str]) -> pl.DataFrame:
        """Finds the samples with these ids (:data:`syncd.model.snapshot.SAMPLES_SCHEMA`)."""
        ...


class RowStore(Adapter, Protocol):
    """A side whose annotations are rows with ids of their own."""

    @property
    def stamped(self) -> bool:
        """Whether rows have the time of their last change; without it there is no incremental read."""
        ...

    def origin(self, *, count_rows: bool = True) -> Origin:
        """As of any adapter; counting the rows may be left out."""
        ...

    def rules(self) -> str | None:
        """A fingerprint of what decides which values are accepted; ``None`` if the side does not tell."""
        ...

    def writable(self, field: str) -> bool:
        """Whether the field's columns can be written at all, whatever its direction."""
        ...

    def values_taken(self) -> dict[str, tuple[frozenset[str], str]]:
        """The values that columns accept and no others, by field, each with what ensures that; as they are now."""
        ...

    def read_committed(self, ids: Collection[str]) -> Snapshot:
        """Reads like :meth:`read_ids`, but committed rows only, whatever this transaction wrote; may be much faster."""
        ...

    def written_ids(self, ids: Collection[str]) -> Written:
        """Which of these ids, read and not found, the written table has all the same; only committed rows count.

        A table that is read itself has none of them.
        """
        ...

    def not_given_yet(self, ids: Collection[str]) -> frozenset[str]:
        """Which of these ids, which no row has, their owner will still give to some other row."""
        ...

    def signature(self, actor: str | None) -> str | None:
        """What the column of editors holds after a change by this actor; ``None`` if there is no such column."""
        ...

    def write(self, changes: Sequence[Change], judge: Judge | None = None) -> list[Result]:
        """Writes like any adapter; a row that is inserted without an annotation id gets one from the owner of ids.

        ``judge`` is called for each value that reads back differently than it was written. If it says that this is no
        answer, the change is undone and refused. Without ``judge``, no value is questioned.
        """
        ...
