"""What the diff is given: three frames, what syncd itself did lately, and a policy. No connection, no clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from syncd.model.fields import Mapping
from syncd.model.policy import Policy
from syncd.model.snapshot import Snapshot, empty_samples
from syncd.model.vocabulary import Vocabulary

WRITTEN_SCHEMA: dict[str, pl.DataType] = {
    "annotation_id": pl.String(),
    "field": pl.String(),
    "action": pl.String(),
    "old": pl.String(),
    "reason": pl.String(),
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
REFUSED_SCHEMA: dict[str, pl.DataType] = {
    "sample_id": pl.String(),
    "label_id": pl.String(),
    "fiftyone": pl.String(),
}
ANSWERED_SCHEMA: dict[str, pl.DataType] = {"annotation_id": pl.String(), "tag": pl.String()}


@dataclass(frozen=True)
class History:
    """What syncd itself did and left open.

    ``written`` holds what syncd wrote to FiftyOne within the stale window (``old``: canonical JSON of what it
    replaced); ``open_conflicts`` the conflicts nobody has resolved (``fiftyone``: canonical JSON); ``refused`` the
    drawn labels without an id whose row the database would not take (``fiftyone``: what it was given); ``minted``
    (annotation id, label id) of rows that earlier versions meant to insert for drawn labels, and that never came;
    ``answered`` the tags that stay on their labels (or samples) and have had their effect; ``halves`` what tags asked
    the database to hold, and a run that died wrote to FiftyOne only (``old``, ``new``: canonical JSON).
    """

    written: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=WRITTEN_SCHEMA))
    open_conflicts: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=OPEN_SCHEMA))
    refused: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=REFUSED_SCHEMA))
    minted: frozenset[tuple[str, str]] = frozenset()
    answered: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=ANSWERED_SCHEMA))
    halves: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=HALF_SCHEMA))


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
    ``samples`` are the samples found for the media of rows that are new in the database. ``adopt`` accepts labels
    and samples that were made anew under known annotation ids (a rebuilt dataset that a person has confirmed);
    ``force`` releases the brakes. ``vocabulary`` is what a label may be; ``None`` where anything goes.
    """

    mapping: Mapping
    policy: Policy
    fiftyone: Snapshot
    database: Snapshot
    baseline: pl.DataFrame
    baseline_size: int
    samples: pl.DataFrame = field(default_factory=empty_samples)
    history: History = field(default_factory=History)
    young: Young | None = None
    vocabulary: Vocabulary | None = None
    adopt: bool = False
    force: bool = False

    @property
    def complete(self) -> bool:
        """Whether both sides were read completely: only then does what is not there mean that it was removed."""
        return self.fiftyone.complete and self.database.complete
