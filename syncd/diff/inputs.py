"""What the diff is given: three frames, what syncd itself did lately, and a policy. No connection, no clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from syncd.diff.names import SIGNED_SCHEMA
from syncd.model.fields import Mapping, Side
from syncd.model.kinds import TIMESTAMP_DTYPE
from syncd.model.policy import Policy
from syncd.model.snapshot import Snapshot, empty_samples
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
}
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
STANDING_SCHEMA: dict[str, pl.DataType] = {
    "annotation_id": pl.String(),
    "label_id": pl.String(),
    "field": pl.String(),
    "value": pl.String(),
}


STAMPS_SCHEMA: dict[str, pl.DataType] = {"edited_at": TIMESTAMP_DTYPE, "sample_id": pl.String()}


@dataclass(frozen=True)
class History:
    """What syncd itself did and left open.

    ``written`` holds what syncd wrote to FiftyOne within the stale window (``old``: canonical JSON of what it
    replaced, ``new``: of what it wrote; ``seq``: in this order); ``open_conflicts`` the conflicts nobody has resolved
    (``fiftyone``: canonical JSON), and ``open_subjects`` what these, and the open ones about labels without an id, are
    about; ``refused`` the drawn labels without an id whose row the database would not take (``fiftyone``: what it was
    given); ``minted`` (annotation id, label id) of rows that earlier versions meant to insert for drawn labels, and
    that never came; ``answered`` the tags that stay on their labels (or samples) and have had their effect; ``halves``
    what tags asked the database to hold, and a run that died wrote to FiftyOne only (``old``, ``new``: canonical JSON);
    ``unfilled`` the attributes that a run which died was about to give back to their labels. ``signed`` says whose
    names syncd itself left in rows (:data:`syncd.diff.names.SIGNED_SCHEMA`).

    ``by_hand`` are the annotations that people were found to have changed in FiftyOne by the run before this one,
    and ``standing`` the edits and drawn labels that already waited then, or were in a conflict without an annotation:
    what is evidence of how a value came back (:mod:`syncd.diff.returns`).

    Of annotations that may have gone back in time (:func:`syncd.diff.rewind.asked_for`): ``earlier`` holds the applied
    changes (``began_at``: when their run did), ``waiting`` the edits that wait for a person already, and
    ``newest_elsewhere`` is the time of the newest change of any other annotation.
    """

    written: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=WRITTEN_SCHEMA))
    open_conflicts: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=OPEN_SCHEMA))
    open_subjects: frozenset[str] = frozenset()
    refused: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=REFUSED_SCHEMA))
    minted: frozenset[tuple[str, str]] = frozenset()
    answered: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=ANSWERED_SCHEMA))
    halves: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=HALF_SCHEMA))
    signed: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=SIGNED_SCHEMA))
    by_hand: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=BY_HAND_SCHEMA))
    standing: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=STANDING_SCHEMA))
    unfilled: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=UNFILLED_SCHEMA))
    earlier: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=EARLIER_SCHEMA))
    waiting: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=WAITING_SCHEMA))
    newest_elsewhere: datetime | None = None


@dataclass(frozen=True)
class Young:
    """Edits stamped within ``[after, until]`` are left for the next poll (the App saves while people type).

    A stamp beyond ``until`` comes from a clock that runs ahead; waiting for it could mean waiting for ever.
    """

    after: datetime
    until: datetime


@dataclass(frozen=True)
class Inputs:
    """Everything the diff looks at.

    ``baseline_size`` counts the whole baseline, of which an incremental run holds only the part in ``baseline``; as
    far as the brakes must know it (:func:`syncd.diff.brakes.enough_known`).
    What it holds is closed: every annotation in it comes with all its labels, its row and its baseline, wherever
    these now are.
    ``met_besides`` counts annotations that are met for the first time and left out, because both sides hold them alike;
    ``starts``: the table that is written is empty and nothing was ever agreed.
    ``samples`` are the samples found for the media of rows that are new in the database, or whose sample is gone;
    ``homes`` those samples on which known labels are missing that are still in the dataset (``None``: not looked for,
    all of them are), and ``away`` says of an incremental reading that there are annotations without a sample.
    ``alongside`` are samples with the stamp of an edited label (:data:`STAMPS_SCHEMA`). ``adopt`` accepts labels
    and samples that were made anew under known annotation ids (a rebuilt dataset that a person has confirmed);
    ``force`` releases the brakes, and ``accepted`` is a side that went back in time and is taken as it is.
    ``another_table`` says which table was agreed with, where this is another; ``behind`` that what is known here is
    older than what was known when FiftyOne was last written. ``vocabulary`` is what a label may be; ``None`` where
    anything goes.
    """

    mapping: Mapping
    policy: Policy
    fiftyone: Snapshot
    database: Snapshot
    baseline: pl.DataFrame
    baseline_size: int
    samples: pl.DataFrame = field(default_factory=empty_samples)
    homes: pl.DataFrame | None = None
    away: bool = False
    alongside: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=STAMPS_SCHEMA))
    history: History = field(default_factory=History)
    young: Young | None = None
    vocabulary: Vocabulary | None = None
    met_besides: int = 0
    starts: bool = False
    adopt: bool = False
    force: bool = False
    accepted: Side | None = None
    another_table: str | None = None
    behind: str | None = None

    @property
    def complete(self) -> bool:
        """Whether both sides were read completely: only then does what is not there mean that it was removed."""
        return self.fiftyone.complete and self.database.complete
