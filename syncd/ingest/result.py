"""The result of an ingest: for people, and as JSON; the rows that could not be loaded, as a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from syncd.errors import SyncdError
from syncd.ingest.judge import no_faults
from syncd.model import Json
from syncd.spreadsheet import without_formulas
from syncd.vocabulary.push import Pushed

SHOWN = 20
"""Paths, labels and reasons that a result names; files hold the rest."""


@dataclass(frozen=True)
class Unknown:
    """A label that the vocabulary does not have: in how many new rows, and the nearest terms."""

    label: str
    rows: int
    nearest: tuple[str, ...]


@dataclass(frozen=True)
class Refreshed:
    """The predictions of one field after an ingest.

    ``total`` are those that the table has for annotations of the dataset. ``added`` counts only what was added to
    samples that were there, ``removed`` what the table has no more. ``notes`` are sentences.
    """

    field: str
    total: int
    added: int = 0
    updated: int = 0
    removed: int = 0
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Json]:
        """The documented form."""
        return {"total": self.total, "added": self.added, "updated": self.updated, "removed": self.removed}


@dataclass(frozen=True)
class IngestResult:
    """One ingest of one binding. Numbers are of annotations, except ``samples`` and ``media``.

    ``new`` had no baseline when the ingest began; of these ``recorded`` agree on both sides now. ``waiting`` are new
    ones beyond ``--limit``. ``left`` counts by kind what only a reconcile can settle. ``removed`` are media that rows
    name and that are not there (any more); ``unnamed`` is the number of files that no row names.
    ``metadata`` counts samples that were there before without any, and have got theirs,
    ``recut`` crops whose box was changed in the table.
    ``pushed`` is null where the dataset had the vocabulary already.
    """

    binding: str
    dataset: str
    run_id: str | None
    dry_run: bool
    created: bool
    rows: int
    new: int
    samples: int = 0
    recorded: int = 0
    waiting: int = 0
    metadata: int = 0
    recut: int = 0
    faults: pl.DataFrame = field(default_factory=no_faults)
    faults_file: str | None = None
    unknown: tuple[Unknown, ...] = ()
    removed: tuple[str, ...] = ()
    unnamed: int | None = None
    left: Mapping[str, int] = field(default_factory=dict)
    pushed: Pushed | None = None
    predictions: tuple[Refreshed, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """0 done; 3 done, but rows or media need somebody."""
        return 3 if self.faults.height or self.removed or self.left else 0

    @property
    def fault_counts(self) -> dict[str, int]:
        """Number of faulty rows by kind of fault, the most frequent first."""
        counted = self.faults.group_by("kind").len().sort(["len", "kind"], descending=[True, False])
        return dict(counted.iter_rows())

    def as_json(self) -> dict[str, Json]:
        """The documented form."""
        return {
            "binding": self.binding,
            "dataset": self.dataset,
            "run_id": self.run_id,
            "dry_run": self.dry_run,
            "created": self.created,
            "rows": self.rows,
            "new": self.new,
            "samples_added": self.samples,
            "recorded": self.recorded,
            "waiting": self.waiting,
            "metadata_computed": self.metadata,
            "recut": self.recut,
            "faults": {
                "rows": self.faults.height,
                "kinds": dict[str, Json](self.fault_counts),
                "first": [dict[str, Json](row) for row in self.faults.head(SHOWN).iter_rows(named=True)],
                "file": self.faults_file,
            },
            "unknown_labels": [
                {"label": each.label, "rows": each.rows, "nearest": list(each.nearest)} for each in self.unknown
            ],
            "removed_media": {"count": len(self.removed), "first": list(self.removed[:SHOWN])},
            "unnamed_media": self.unnamed,
            "left_to_reconcile": dict[str, Json](self.left),
            "vocabulary_pushed": self.pushed.as_json() if self.pushed else None,
            "predictions": {each.field: each.as_json() for each in self.predictions},
            "notes": list(self.notes),
            "seconds": round(self.seconds, 3),
        }


class IngestError(SyncdError):
    """The binding, its dataset or its media do not allow an ingest."""


def write_rejected(result: IngestResult, path: Path, *, safe_for_spreadsheets: bool = False) -> IngestResult:
    """Writes the faults as CSV (``annotation_id``, ``media``, ``kind``, ``reason``), whole or not at all.

    Without faults nothing is written. ``SyncdError`` where the file cannot be written.
    """
    if result.faults.is_empty():
        return result
    part = path.with_name(f".{path.name}.part")
    try:
        (without_formulas(result.faults) if safe_for_spreadsheets else result.faults).write_csv(part)
        part.replace(path)
    except OSError as error:
        raise SyncdError(
            f"The rows that could not be loaded cannot be listed in {path}: {error.strerror}.",
            remedy="Name another file: --rejected FILE. What could be loaded has been loaded.",
        ) from error
    return replace(result, faults_file=str(path))
