"""A sweep: reads both sides and the baseline completely, partitioned if large, and keeps what is unsettled.

Both sides and the baseline are read once, each as one statement or moment. What the diff is given of them is closed, as
in an incremental read: every annotation comes with all its labels, its row and its baseline, wherever these are. What
is not there was not on that side when it was read.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import polars as pl

from syncd.diff.inputs import STAMPS_SCHEMA
from syncd.diff.reverts import edited_stamps
from syncd.diff.settled import FIRST, Named, Rules, is_named, spoken_of
from syncd.engine.document_cache import DocumentCache
from syncd.engine.hidden import look_behind
from syncd.engine.partitioned import Partitioned, PartitionedLabels
from syncd.engine.partitions import Parts, parts_for
from syncd.engine.session import Session
from syncd.model import Side, Snapshot
from syncd.model.snapshot import distinct, schema
from syncd.store import baseline


@dataclass(frozen=True)
class Met:
    """The next baseline of annotations that both sides hold alike and about which there is nothing else to say.

    They may be too many for memory; they are then in a folder. ``named`` go through the diff after all.
    """

    parts: Parts
    named: Named

    def __iter__(self) -> Iterator[pl.DataFrame]:
        """Baseline rows, some at a time."""
        return (part.drop(FIRST) for part in self._parts() if part.height)

    @property
    def first(self) -> int:
        """How many of them are first meetings."""
        return sum(int(part[FIRST].sum()) for part in self._parts())

    def _parts(self) -> Iterator[pl.DataFrame]:
        if self.named == Named():
            return iter(self.parts)
        return (part.filter(~is_named(self.named)) for part in self.parts)


@dataclass(frozen=True)
class Swept:
    """The unsettled annotations of both sides, completely read; and what was met.

    ``not_ingested`` counts rows that were left out because FiftyOne does not have their samples; ``alongside`` are the
    samples with the stamp of an edited label.
    """

    fiftyone: Snapshot
    database: Snapshot
    baseline: pl.DataFrame
    baseline_size: int
    met: Met
    not_ingested: int
    alongside: pl.DataFrame


def sweep(
    session: Session,
    rules_at: Callable[[datetime], Rules],
    size: int,
    cache: DocumentCache | None,
    until_done: ExitStack,
) -> Swept:
    """Reads everything and keeps what is unsettled.

    ``rules_at`` gives the rules for the moment at which FiftyOne was read; ``size`` is the approximate number of
    annotations. ``cache`` learns from the documents that are decoded. What was met is in
    a folder that lives as long as ``until_done``.
    """
    kept = Path(until_done.enter_context(tempfile.TemporaryDirectory(prefix="syncd-met-")))
    with tempfile.TemporaryDirectory(prefix="syncd-sweep-") as folder:
        count = parts_for(size)
        in_fiftyone = _labels(session, Path(folder), count, cache)
        partitioned = Partitioned(Path(folder), kept, session.mapping, count, in_fiftyone)
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="fiftyone") as reader:
            labels = reader.submit(session.fiftyone.read_all_to, in_fiftyone, in_fiftyone.recogniser)
            rows_as_of = session.database.read_all_to(partitioned.database)
            session.rest()
            baseline.read_all_to(partitioned.baseline, session.state, session.tables, session.mapping, session.arrow)
            session.rest()
            labels_as_of = labels.result()
        partitioned.compare(session.fiftyone.decode)
        rules = rules_at(labels_as_of)
        named = partitioned.unsettled(rules, session.fiftyone.find_samples)
        left = partitioned.closed(named, session.fiftyone.decode)
        looked_at = pl.concat([each.select("annotation_id") for each in (left.fiftyone, left.baseline)])
        lacking = looked_at.join(left.database, on="annotation_id", how="anti")
        rows, hidden = look_behind(session, left.database, distinct("annotation_id", lacking))
        session.rest()
        return Swept(
            Snapshot(
                Side.FIFTYONE, left.fiftyone, complete=True, as_of=labels_as_of, scanned=partitioned.fiftyone.rows
            ),
            Snapshot(
                Side.DATABASE, rows, complete=True, as_of=rows_as_of, scanned=partitioned.database.rows, hidden=hidden
            ),
            left.baseline,
            partitioned.baseline.parts.rows,
            Met(partitioned.met, left.named),
            partitioned.not_ingested(left.named),
            partitioned.stamped(edited_stamps(session.mapping, left.fiftyone, left.baseline))
            # Only what syncd wrote lately can have returned under one.
            if rules.history.written.height
            else pl.DataFrame(schema=STAMPS_SCHEMA),
        )


def _labels(session: Session, folder: Path, count: int | None, cache: DocumentCache | None) -> PartitionedLabels:
    """Receives FiftyOne's labels; with the document cache, also documents that it recognises."""
    decoded = Parts(folder / "fiftyone", schema(Side.FIFTYONE, session.mapping), count)
    if cache is None:
        return PartitionedLabels(decoded)
    speaking = partial(spoken_of, session.policy.review, session.vocabulary)
    documents = None if count is None else folder / "documents"
    return cache.labels(decoded, documents, session.mapping, speaking, session.fingerprint)
