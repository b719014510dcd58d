"""The Protocols that a side implements. Adapters read and write; they decide nothing.

A new store of annotations (a table, an annotation server) implements :class:`RowStore`, says what it can do
(:class:`~syncd.model.capabilities.Capabilities`), is opened by a :class:`StoreFactory` that an entry point of the group
``syncd.adapters`` names (:mod:`syncd.adapters.plugged`), and passes the contract tests of ``syncd.testing.contract``.
:class:`LabelStore` is the side whose labels live in samples: FiftyOne.

syncd's own tables (log, baseline, conflicts, locks) are never an adapter's affair.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Protocol

import polars as pl

from syncd.model import Change, Kind, Mapping, Mark, Origin, Side, Snapshot, TagEdit
from syncd.model.capabilities import Capabilities
from syncd.model.result import Judge, Result, Written
from syncd.model.store import StoreDescription
from syncd.model.vocabulary import Term

if TYPE_CHECKING:
    from pydantic import BaseModel
    from sqlalchemy import Connection

    from syncd.adapters.sql.arrow import ArrowReader
    from syncd.adapters.sql.limits import Limits
    from syncd.config import BindingConfig, Config


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
        """The server's clock, UTC: where the next :meth:`read_since` may begin, and nothing else.

        It may be coarse (whole seconds, rounded down). What syncd records has the time of its own tables.
        """
        ...

    def read_all(self) -> Snapshot:
        """Reads every annotation; returns a complete snapshot, or raises."""
        ...

    def read_all_to(self, sink: Sink) -> datetime:
        """Reads like :meth:`read_all`, part by part; returns the server's clock when the read began."""
        ...

    def read_since(self, since: datetime) -> Snapshot:
        """Reads annotations stamped at or after ``since`` (and what must be read along with them); never complete.

        Where the side tells of deletions too, they are in :attr:`Snapshot.deleted`.
        """
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
    """The side whose annotations have ids of their own: the table, or the annotation server, that is the authority.

    Ids are the same for as long as an annotation exists, whatever is edited. An error of :mod:`syncd.errors` may be
    raised anywhere; a store that is not reached raises ``DatabaseUnavailable``.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What the store can do. The same for as long as the store is open."""
        ...

    def origin(self, *, count_rows: bool = True) -> Origin:
        """Which store it is, and its number of annotations, which may be left out.

        ``identity`` names everything that makes it this store and no other (server, project, version, type; table):
        where it changes, nothing that was agreed is taken for deleted.
        """
        ...

    def read_all_to(self, sink: Sink) -> datetime:
        """Reads like any adapter. Where the store has no transactions, this need not be one moment.

        An annotation may then be missing or twice (the later one wins: ``sink.clear()`` and begin anew, or leave the
        earlier out). Whatever is missing is asked for by :meth:`read_ids` before it counts as deleted.
        """
        ...

    def rules(self) -> str | None:
        """A fingerprint of what decides which values are accepted; ``None`` if the side does not tell."""
        ...

    def writable(self, field: str) -> bool:
        """Whether the field can be written at all, whatever its direction."""
        ...

    def values_taken(self) -> dict[str, tuple[frozenset[str], str]]:
        """The values that fields accept and no others, by field, each with what ensures that; as they are now."""
        ...

    def read_committed(self, ids: Collection[str]) -> Snapshot:
        """Reads like :meth:`read_ids`, but committed rows only, whatever this transaction wrote; may be much faster.

        A store without transactions of its own does the same as :meth:`read_ids`.
        """
        ...

    def written_ids(self, ids: Collection[str]) -> Written:
        """Which of these ids, read and not found, the store has all the same (a view hides them, say).

        A store that is read as it is written has none of them. Only committed rows count.
        """
        ...

    def not_given_yet(self, ids: Collection[str]) -> frozenset[str]:
        """Which of these ids, which no annotation has, the store will still give to some other one."""
        ...

    def signature(self, actor: str | None) -> str | None:
        """Who the store says has made a change that syncd writes for this actor; ``None`` if it does not say."""
        ...

    def new_ids(self, count: int) -> list[str] | None:
        """So many ids for annotations to be inserted, known before they are written; ``None``: the store gives them.

        Without transactions ids should be known: they are logged first, so that an insert whose answer was lost is
        found by its id. Nothing is written by this.
        """
        ...

    def write(self, changes: Sequence[Change], judge: Judge | None = None) -> list[Result]:
        """Carries out at most ``capabilities.slice_size`` changes, none of which depends on another of them.

        Each is a compare-and-set: ``change.old`` is what the field (a delete: every mapped field) held when it was
        read, and where it holds something else now nothing is written and ``matched`` is False. ``after`` is what was
        read back. ``matched`` says what is known of the write itself, whatever somebody made of it since.

        An insert that has no annotation id gets one from the store; one whose id is there already is not matched, and
        an insert with the id of an annotation that was deleted brings that back. ``change.media`` names its image.

        ``judge`` is called for each value that reads back differently than it was written. If it says that this is no
        answer, the change is undone and refused; where a store cannot undo (no transactions), it is put back by a write
        of its own. Without ``judge``, no value is questioned.

        A refused value costs its own change and no other. An answer that was lost is never asked for by writing again:
        the error is raised, and :meth:`find_writes` tells later. Where :attr:`Guard.PROVABLE` is declared, what a
        write displaced is in the result (``matched`` is True then).
        """
        ...

    def find_writes(self, changes: Sequence[Change], since: datetime) -> list[Result | None]:
        """What became of writes that may or may not have been made: what the store's history says of each, in order.

        Asked after a crash, of changes that were meant to be written at ``since`` (by the clock of syncd's own tables:
        allow for the difference of clocks) or later. A :class:`Result` as :meth:`write` would have returned it, had its
        answer arrived (also what it displaced): the history has a write of ours since then with the new value, even if
        somebody has edited it again. ``answered`` names only fields that still hold what the store made of the value.
        ``None``: no such write is known; the value that is there then decides.

        A store without ``history`` returns ``None`` for each, except for what it can tell in another way.
        """
        ...


class Verdict(str, Enum):
    """What a probe of a store found."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True)
class Probe:
    """One thing that `syncd doctor` has a store look at, without a trace in its data.

    ``subject`` is what was looked at (``token``, ``attribute 'Label'``), ``said`` what was found, ``remedy`` what to do
    about it, where it is not as it should be.
    """

    subject: str
    verdict: Verdict
    said: str
    remedy: str | None = None


class OpenStore(Protocol):
    """A store that answers, for one binding."""

    def describe(self, *, crops: bool, declared: dict[str, Kind | None] | None = None) -> StoreDescription:
        """The store's part of the mapping, as it is now.

        ``crops``: each sample is cut from the box of one annotation, and tied to it by the annotation's id; the box is
        then no field. ``declared`` are the kinds of attributes that FiftyOne has declared: a value without a type of
        its own (in JSON) is of that kind.
        """
        ...

    def rows(self, mapping: Mapping) -> RowStore:
        """The adapter for the mapping that was made of the description (:attr:`Mapping.in_database`)."""
        ...

    def terms(self) -> tuple[Term, ...] | None:
        """The store's own terms (its taxonomy, the choices of the label's attribute); ``None``: it has none.

        They are the vocabulary where the configuration names no other.
        """
        ...

    def count_labels(self) -> dict[str, int]:
        """Annotations per label, at best counted by the store; those without a label are left out."""
        ...

    def image_addresses(self, media: Sequence[str]) -> dict[str, str]:
        """Where the images of these media can be fetched from at this moment, by http(s): addresses may expire soon.

        What the store does not keep is left out; a store that keeps no images returns nothing.
        """
        ...

    def probes(self) -> Iterable[Probe]:
        """What `syncd doctor` is to look at; each is asked for when the one before has been shown."""
        ...


@dataclass(frozen=True)
class Opening:
    """What a factory gets. ``binding.store`` is the section of its own model, checked.

    The others are for a store that is an SQL database, and for nobody else: ``lab`` is the connection to
    ``database.url``, ``state`` that to syncd's own tables (the same one where ``state.url`` is not set), and ``arrow``
    reads the latter as columns, where they are in PostgreSQL.
    """

    config: Config
    binding: BindingConfig
    limits: Limits
    lab: Connection | None = None
    state: Connection | None = None
    arrow: ArrowReader | None = None


class StoreFactory(Protocol):
    """Opens stores of one kind. An entry point of the group ``syncd.adapters`` names it by its kind."""

    section: type[BaseModel] | None
    """The model of ``bindings[].store`` for this kind, ``kind`` included; a subclass of ``syncd.config.kinds.Section``.
    ``None``: there is no such section (SQL)."""

    title: str
    """What people call it: ``Tator``."""

    def open(self, opening: Opening) -> AbstractContextManager[OpenStore]:
        """Connects; ``DatabaseUnavailable`` or a fault of the configuration where that fails."""
        ...
