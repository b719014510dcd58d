"""The inputs of the diff: three frames, syncd's own recent history, and a policy. No connection, no clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from syncd.diff.editor_names import SIGNED_SCHEMA
from syncd.model.mapping import Mapping, Side
from syncd.model.policy import Policy
from syncd.model.snapshot import TIMESTAMP_DTYPE, Snapshot, empty_samples
from syncd.model.vocabulary import Vocabulary

WRITTEN_SCHEMA: dict[str, pl.DataType] = {
    "annotation_id": pl.String(),
    "field": pl.String(),
    "action": pl.String(),
    "old": pl.String(),
    "reason": pl.String(),
    "new": pl.String(),
    "sample_id": pl.String(),
    "run_id": pl.String(),
    "seq": pl.Int64(),
}
OPEN_SCHEMA: dict[str, pl.DataType] = {
    "annotation_id": pl.String(),
    "field": pl.String(),
    "kind": pl.String(),
    "fiftyone": pl.String(),
    "database": pl.String(),
    "seen_on": pl.String(),
}
"""``seen_on`` is the sample of the label that a conflict is about, when it was seen last."""
HALF_SCHEMA: dict[str, pl.DataType] = {
    "annotation_id": pl.String(),
    "field": pl.String(),
    "old": pl.String(),
    "new": pl.String(),
    "reason": pl.String(),
}
UNFILLED_SCHEMA: dict[str, pl.DataType] = {"annotation_id": pl.String(), "field": pl.String()}
WAITING_SCHEMA: dict[str, pl.DataType] = {
    "annotation_id": pl.String(),
    "field": pl.String(),
    "old": pl.String(),
    "new": pl.String(),
}
MOMENT = pl.Datetime("us", "UTC")
EARLIER_SCHEMA: dict[str, pl.DataType] = {
    "seq": pl.Int64(),
    "annotation_id": pl.String(),
    "field": pl.String(),
    "action": pl.String(),
    "direction": pl.String(),
    "old": pl.String(),
    "new": pl.String(),
    "edited_at": MOMENT,
    "began_at": MOMENT,
    "applied_at": MOMENT,
}
REFUSED_SCHEMA: dict[str, pl.DataType] = {
    "sample_id": pl.String(),
    "label_id": pl.String(),
    "fiftyone": pl.String(),
}
ANSWERED_SCHEMA: dict[str, pl.DataType] = {"annotation_id": pl.String(), "tag": pl.String()}
BY_HAND_SCHEMA: dict[str, pl.DataType] = {"annotation_id": pl.String(), "sample_id": pl.String(), "run_id": pl.String()}
WAITED_SCHEMA: dict[str, pl.DataType] = {
    "annotation_id": pl.String(),
    "label_id": pl.String(),
    "field": pl.String(),
    "value": pl.String(),
}


STAMPS_SCHEMA: dict[str, pl.DataType] = {"edited_at": TIMESTAMP_DTYPE, "sample_id": pl.String()}


@dataclass(frozen=True)
class History:
    """What syncd itself did and left open. Values are canonical JSON text."""

    written: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=WRITTEN_SCHEMA))
    """What syncd wrote to FiftyOne within the stale window: ``old`` was replaced by ``new``, in order of ``seq``."""

    open_conflicts: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=OPEN_SCHEMA))
    """The conflicts about annotations that nobody has resolved."""

    open_subjects: frozenset[str] = frozenset()
    """What these are about, and the open ones about labels without an id."""

    refused: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=REFUSED_SCHEMA))
    """The drawn labels without an id whose row the database would not take, and what it was given."""

    minted: frozenset[tuple[str, str]] = frozenset()
    """(annotation id, label id) of rows that earlier versions meant to insert for drawn labels, and that never came."""

    answered: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=ANSWERED_SCHEMA))
    """The tags that stay on their labels (or samples) and have had their effect."""

    halves: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=HALF_SCHEMA))
    """What tags asked the database to hold, and a run that died wrote to FiftyOne only."""

    unfilled: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=UNFILLED_SCHEMA))
    """The attributes that a run which died was about to give back to their labels."""

    signed: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=SIGNED_SCHEMA))
    """Whose names syncd itself left in rows (:mod:`syncd.diff.editor_names`)."""

    by_hand: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=BY_HAND_SCHEMA))
    """The annotations that the run before this one found changed in FiftyOne by people (:mod:`syncd.diff.reverts`)."""

    standing: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=WAITED_SCHEMA))
    """The edits and drawn labels that waited already then, or were in a conflict without an annotation."""

    earlier: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=EARLIER_SCHEMA))
    """The applied changes of annotations that may have gone back in time (:func:`syncd.diff.rewind.asked_for`).

    ``began_at`` is when their run began.
    """

    waiting: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=WAITING_SCHEMA))
    """The edits of those annotations that wait for a person already, and what the database held then (``old``)."""

    newest_elsewhere: datetime | None = None
    """The time of the newest change of any other annotation."""


@dataclass(frozen=True)
class Young:
    """Edits stamped within ``[after, until]`` are left for the next poll (the App saves while people type).

    A stamp beyond ``until`` comes from a clock that runs ahead; waiting for it could mean waiting for ever. So could
    waiting for a sample that a job touches all the time: ``overdue`` are the samples that have been left for so long
    that they are looked at as they are.
    """

    after: datetime
    until: datetime
    overdue: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Inputs:
    """Everything the diff looks at.

    It is closed: every annotation in it comes with all its labels, its row and its baseline, wherever these now are.
    """

    mapping: Mapping
    policy: Policy
    fiftyone: Snapshot
    database: Snapshot
    baseline: pl.DataFrame
    """What was agreed of the annotations that were read: of an incremental reading a part of the whole baseline."""

    baseline_size: int
    """The size of the whole baseline, as far as the brakes must know it (:func:`syncd.diff.brakes.enough_known`)."""

    samples: pl.DataFrame = field(default_factory=empty_samples)
    """The samples of the media of rows that are new in the database, or whose label or sample is elsewhere."""

    homes: pl.DataFrame | None = None
    """Of the samples on which known labels are missing, those that are there; ``None``: not looked for, all are."""

    away: bool = False
    """Whether, of an incremental reading, there are annotations whose sample left the dataset."""

    alongside: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=STAMPS_SCHEMA))
    """Samples that bear the stamp of an edited label."""

    history: History = field(default_factory=History)
    young: Young | None = None
    vocabulary: Vocabulary | None = None
    """What a label may be; ``None`` where anything goes."""

    met_besides: int = 0
    """How many annotations are met for the first time and left out, because both sides hold them alike."""

    starts: bool = False
    """Whether the table that is written is empty and nothing was ever agreed."""

    adopt: bool = False
    """Labels and samples that were made anew under known ids are accepted: a person has confirmed a rebuilt dataset."""

    force: bool = False
    """The brakes are released."""

    accepted: Side | None = None
    """A side that went back in time and is taken as it is."""

    another_table: str | None = None
    """Why this table is another than was agreed with, if it is."""

    behind: str | None = None
    """Why syncd's own tables are older than what FiftyOne was written from, if they are."""

    @property
    def complete(self) -> bool:
        """Whether both sides were read completely: only then does what is not there mean that it was removed."""
        return self.fiftyone.complete and self.database.complete
