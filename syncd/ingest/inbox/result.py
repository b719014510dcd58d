"""The result of reading an inbox: for people, and as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import polars as pl

from syncd.ingest.inbox.faults import no_faults
from syncd.ingest.result import IngestResult
from syncd.model import Json

SHOWN = 20
"""Faults that a result names; the report has all of them."""


class Became(str, Enum):
    """What became of a manifest."""

    LOADED = "loaded"
    REJECTED = "rejected"
    WAITING = "waiting"


@dataclass(frozen=True)
class Outcome:
    """One manifest. ``added`` rows were written, ``already`` were in the table; ``waiting`` says for what.

    ``moved_to`` is its folder now, relative to the inbox; null in a dry run, or while an ingest is still to come.
    """

    manifest: str
    became: Became
    rows: int = 0
    added: int = 0
    already: int = 0
    images: int = 0
    faults: pl.DataFrame = field(default_factory=no_faults)
    notes: tuple[str, ...] = ()
    waiting: str | None = None
    soon: bool = False
    moved_to: str | None = None
    folder: str | None = None

    def as_json(self) -> dict[str, Json]:
        """The documented form."""
        shown: list[Json] = [dict[str, Json](row) for row in self.faults.head(SHOWN).iter_rows(named=True)]
        return {
            "manifest": self.manifest,
            "outcome": self.became.value,
            "rows": self.rows,
            "added": self.added,
            "already_there": self.already,
            "images": self.images,
            "faults": {"count": self.faults.height, "first": shown},
            "notes": list(self.notes),
            "waiting_for": self.waiting,
            "moved_to": self.moved_to,
        }


@dataclass(frozen=True)
class InboxResult:
    """One look at the inbox of a binding, and the ingest that followed where rows were new."""

    binding: str
    inbox: str
    dry_run: bool
    outcomes: tuple[Outcome, ...] = ()
    ingest: IngestResult | None = None
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """0 done; 3 done, but a manifest was rejected or rows need somebody."""
        if self.of(Became.REJECTED):
            return 3
        return 0 if self.ingest is None else self.ingest.exit_code

    @property
    def is_quiet(self) -> bool:
        """Whether nothing was done, and nothing found."""
        return self.ingest is None and all(each.became is Became.WAITING for each in self.outcomes)

    def of(self, became: Became) -> list[Outcome]:
        """The manifests of which this became."""
        return [each for each in self.outcomes if each.became is became]

    def as_json(self) -> dict[str, Json]:
        """The documented form."""
        return {
            "binding": self.binding,
            "inbox": self.inbox,
            "dry_run": self.dry_run,
            "manifests": [each.as_json() for each in self.outcomes],
            "ingest": None if self.ingest is None else self.ingest.as_json(),
            "seconds": round(self.seconds, 3),
        }
