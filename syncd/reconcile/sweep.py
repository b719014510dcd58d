"""A complete reading of more than memory should hold: laid down in parts, of which only what is not settled is kept.

Both sides and the baseline are read once, each as one statement or moment, as any complete reading is. What the diff
is given of them is closed, like what an incremental run reads: every annotation with all its labels, its row and its
baseline, wherever these are. What is not there was not on that side when it was read.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from syncd.diff.settled import Named, Rules, places, remembered, shared_places, unsettled
from syncd.model import Mapping, Side, Snapshot
from syncd.model.snapshot import baseline_schema, schema
from syncd.reconcile.parts import Parts
from syncd.session import Session
from syncd.store import baseline

PART = 250_000
"""Annotations in one part, more or less: some hundred megabytes while they are compared."""


@dataclass(frozen=True)
class Swept:
    """What is not settled, of sides that were read completely."""

    fiftyone: Snapshot
    database: Snapshot
    baseline: pl.DataFrame
    baseline_size: int


def sweep(session: Session, rules_at: Callable[[datetime], Rules], size: int) -> Swept:
    """Reads everything and keeps what is not settled.

    ``rules_at`` gives the rules for the moment at which FiftyOne was read; ``size`` is about how many annotations
    there are.
    """
    count = max(1, -(-size // PART))
    with tempfile.TemporaryDirectory(prefix="syncd-sweep-") as folder:
        laid = Laid(Path(folder), session.mapping, count)
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="fiftyone") as reader:
            labels = reader.submit(session.fiftyone.read_all_to, laid.fiftyone)
            rows_as_of = session.database.read_all_to(laid.database)
            session.rest()
            baseline.read_all_to(laid.baseline, session.state, session.tables, session.mapping, session.arrow)
            session.rest()
            labels_as_of = labels.result()
        fiftyone, database, known = laid.closed(laid.unsettled(rules_at(labels_as_of)))
        return Swept(
            Snapshot(Side.FIFTYONE, fiftyone, complete=True, as_of=labels_as_of, scanned=laid.fiftyone.rows),
            Snapshot(Side.DATABASE, database, complete=True, as_of=rows_as_of, scanned=laid.database.rows),
            known,
            laid.baseline.rows,
        )


class Laid:
    """Both sides and the baseline, in parts."""

    def __init__(self, folder: Path, mapping: Mapping, count: int) -> None:
        self.count = count
        self.fiftyone = Parts(folder / "fiftyone", schema(Side.FIFTYONE, mapping), count)
        self.database = Parts(folder / "database", schema(Side.DATABASE, mapping), count)
        self.baseline = Parts(folder / "baseline", baseline_schema(mapping), count)

    def unsettled(self, rules: Rules) -> Named:
        """What must be looked at, part by part."""
        found = remembered(rules)
        numbers = []
        for part in range(self.count):
            fiftyone = self.fiftyone.part(part)
            found = found.with_(unsettled(rules, self.baseline.part(part), fiftyone, self.database.part(part)))
            numbers.append(places(fiftyone))
        shared = shared_places(pl.concat(numbers))
        if shared:
            crowded = [part.filter(places(part).is_in(list(shared))) for part in self.fiftyone]
            found = found.with_(Named.of(*crowded))
        return found

    def closed(self, named: Named) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
        """Labels, rows and baseline of what is named, and of all that belongs to it."""
        if named == Named():
            return self.fiftyone.none, self.database.none, self.baseline.none
        while True:
            labels, known = self.fiftyone.filter(_is_named(named)), self.baseline.filter(_is_named(named))
            more = named.with_(Named.of(labels, known))
            if more == named:
                break
            named = more
        bears = pl.col("annotation_id").is_in(list(named.annotation_ids))
        # A row without an id is no annotation's, but is counted.
        return labels, self.database.filter(bears | pl.col("annotation_id").is_null()), known


def _is_named(named: Named) -> pl.Expr:
    ids = {"annotation_id": named.annotation_ids, "sample_id": named.sample_ids, "label_id": named.label_ids}
    return pl.any_horizontal([pl.col(name).is_in(list(each)).fill_null(value=False) for name, each in ids.items()])
