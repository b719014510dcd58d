"""A complete reading of more than memory should hold: laid down in parts, of which only what is not settled is kept.

Both sides and the baseline are read once, each as one statement or moment, as any complete reading is. What the diff
is given of them is closed, like what an incremental run reads: every annotation with all its labels, its row and its
baseline, wherever these are. What is not there was not on that side when it was read.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from syncd.diff.settled import Named, is_named, places, shared_places
from syncd.diff.sift import FIRST, Rules, met_schema, remembered, sift
from syncd.model import Mapping, Side, Snapshot
from syncd.model.snapshot import baseline_schema, empty_samples, schema
from syncd.reconcile.parts import Parts, parts_for
from syncd.session import Session
from syncd.store import baseline


@dataclass(frozen=True)
class Met:
    """The next baseline of annotations that both sides hold alike and of which there is nothing else to say.

    Too many for memory: they lie in a folder. ``named`` are those that are looked at with others after all.
    """

    parts: Parts
    named: Named

    def __iter__(self) -> Iterator[pl.DataFrame]:
        """Baseline rows, some at a time."""
        return (part.drop(FIRST) for part in self._parts() if part.height)

    @property
    def first(self) -> int:
        """How many of them are met for the first time."""
        return sum(int(part[FIRST].sum()) for part in self._parts())

    def _parts(self) -> Iterator[pl.DataFrame]:
        if self.named == Named():
            return iter(self.parts)
        return (part.filter(~is_named(self.named)) for part in self.parts)


@dataclass(frozen=True)
class Swept:
    """What is not settled, of sides that were read completely; and what was met.

    ``not_ingested`` counts rows that were left out because FiftyOne does not have their samples.
    """

    fiftyone: Snapshot
    database: Snapshot
    baseline: pl.DataFrame
    baseline_size: int
    met: Met
    not_ingested: int


def sweep(session: Session, rules_at: Callable[[datetime], Rules], size: int, until_done: ExitStack) -> Swept:
    """Reads everything and keeps what is not settled.

    ``rules_at`` gives the rules for the moment at which FiftyOne was read; ``size`` is about how many annotations
    there are. What is met lies in a folder that goes with ``until_done``.
    """
    count = parts_for(size)
    kept = Path(until_done.enter_context(tempfile.TemporaryDirectory(prefix="syncd-met-")))
    with tempfile.TemporaryDirectory(prefix="syncd-sweep-") as folder:
        laid = Laid(Path(folder), kept, session.mapping, count)
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="fiftyone") as reader:
            labels = reader.submit(session.fiftyone.read_all_to, laid.fiftyone)
            rows_as_of = session.database.read_all_to(laid.database)
            session.rest()
            baseline.read_all_to(laid.baseline, session.state, session.tables, session.mapping, session.arrow)
            session.rest()
            labels_as_of = labels.result()
        named = laid.unsettled(rules_at(labels_as_of), session.fiftyone.find_samples)
        fiftyone, database, known, closed = laid.closed(named)
        return Swept(
            Snapshot(Side.FIFTYONE, fiftyone, complete=True, as_of=labels_as_of, scanned=laid.fiftyone.rows),
            Snapshot(Side.DATABASE, database, complete=True, as_of=rows_as_of, scanned=laid.database.rows),
            known,
            laid.baseline.rows,
            Met(laid.met, closed),
            laid.not_ingested(closed),
        )


class Laid:
    """Both sides and the baseline, in parts; and in another folder what is met."""

    def __init__(self, folder: Path, kept: Path, mapping: Mapping, count: int) -> None:
        self.count = count
        self.fiftyone = Parts(folder / "fiftyone", schema(Side.FIFTYONE, mapping), count)
        self.database = Parts(folder / "database", schema(Side.DATABASE, mapping), count)
        self.baseline = Parts(folder / "baseline", baseline_schema(mapping), count)
        self.met = Parts(kept, met_schema(mapping), count)
        self.absent = Parts(folder / "absent", {"annotation_id": pl.String()}, count)

    def unsettled(self, rules: Rules, find_samples: Callable[[list[str]], pl.DataFrame]) -> Named:
        """What must be looked at, part by part; what is met is laid down, and so are rows without a sample.

        ``find_samples`` says which samples FiftyOne has for some media.
        """
        found = remembered(rules)
        numbers = []
        for part in range(self.count):
            fiftyone = self.fiftyone.part(part)
            sifted = sift(rules, self.baseline.part(part), fiftyone, self.database.part(part))
            found = found.with_(sifted.named)
            self.met.add(sifted.met)
            media = sifted.new["media"].drop_nulls().unique().to_list()
            samples = find_samples(media) if media else empty_samples()
            found = found.with_(Named.of(sifted.new.join(samples, on="media", how="semi").select("annotation_id")))
            self.absent.add(sifted.new.join(samples, on="media", how="anti").select("annotation_id"))
            numbers.append(places(fiftyone))
        shared = shared_places(pl.concat(numbers))
        if shared:
            crowded = [part.filter(places(part).is_in(list(shared))) for part in self.fiftyone]
            found = found.with_(Named.of(*crowded))
        return found

    def not_ingested(self, named: Named) -> int:
        """How many rows without a sample there are besides those that are named."""
        return sum(
            part.filter(~pl.col("annotation_id").is_in(list(named.annotation_ids))).height for part in self.absent
        )

    def closed(self, named: Named) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, Named]:
        """Labels, rows and baseline of what is named, and of all that belongs to it, which is named too."""
        if named == Named():
            return self.fiftyone.none, self.database.none, self.baseline.none, named
        while True:
            labels, known = self.fiftyone.filter(is_named(named)), self.baseline.filter(is_named(named))
            more = named.with_(Named.of(labels, known))
            if more == named:
                break
            named = more
        bears = pl.col("annotation_id").is_in(list(named.annotation_ids))
        # A row without an id is no annotation's, but is counted.
        rows = self.database.filter(bears | pl.col("annotation_id").is_null())
        return labels, rows, known, named
