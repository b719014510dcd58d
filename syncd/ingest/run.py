"""One ingest of one binding, from the table to a recorded baseline.

The table's ids and media are read first, without anything else; what the baseline knows is left out. The rest is read,
fetched and written batch by batch, each batch committed, so that a stopped ingest continues where it was.
"""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Event

import polars as pl

from syncd.config import Config
from syncd.diff.vocabulary import nearest_terms
from syncd.engine.failures import clear_errors, locked_errors
from syncd.engine.run_record import recorded
from syncd.engine.samples import refresh_samples
from syncd.ingest.batch import Prepared, Written, prepare_batch, write_batch
from syncd.ingest.context import Work, open_work
from syncd.ingest.crops import recut
from syncd.ingest.judge import faults, judge_ids, no_faults, without
from syncd.ingest.metadata import fill_metadata
from syncd.ingest.predictions import refresh_predictions
from syncd.ingest.result import IngestResult, Unknown
from syncd.model.run import RunMode
from syncd.store import baseline
from syncd.store.lock import one_run
from syncd.vocabulary.push import Pushed, push_if_changed

BATCH = 4_000
"""Media of one batch: what is held in memory at once, and what an interrupted call does again."""

Report = Callable[[str, int, int], None]
"""Called with the phase, how much of it is done, and how much there is."""


def _silent(_: str, __: int, ___: int) -> None:
    """No progress is shown."""


@dataclass(frozen=True)
class IngestOptions:
    """How an ingest is to go.

    ``limit`` is the largest number of new media to add; ``None`` means all. ``anew`` makes a dataset that was dropped
    again, and forgets what was known of it.
    """

    dry_run: bool = False
    limit: int | None = None
    crops: bool = False
    anew: bool = False
    batch: int = BATCH
    progress: Report = _silent


class _StoppedError(Exception):
    """Raised in the thread that prepares batches, when the main thread is through."""


def ingest(config: Config, name: str, options: IngestOptions) -> IngestResult:
    """Loads what is new of a binding. Bad rows are reported and stop nothing else."""
    begun = time.monotonic()
    with (
        clear_errors(),
        open_work(config, name, crops=options.crops, dry_run=options.dry_run, anew=options.anew) as work,
    ):
        if options.dry_run:
            result = _ingest(work, options, None)
        else:
            session = work.session
            with one_run(session.writing, session.schema, name), locked_errors(session):
                result = _recorded(work, options)
    return replace(result, seconds=time.monotonic() - begun)


def _recorded(work: Work, options: IngestOptions) -> IngestResult:
    """The ingest as a run of its own: opened, and closed with what came of it."""
    session = work.session
    with recorded(session, RunMode.INGEST) as run:
        result = _ingest(work, options, run.id)
        counts = {key: value for key, value in result.as_json().items() if key not in ("binding", "run_id", "seconds")}
        run.done(session.now(), counts)
        session.state.commit()
    return result


@dataclass
class _Tally:
    """What the batches have come to so far."""

    samples: int = 0
    recorded: int = 0
    faults: list[pl.DataFrame] = field(default_factory=list)
    unknown: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    notes: list[pl.DataFrame] = field(default_factory=list)

    def add(self, prepared: Prepared, written: Written) -> None:
        """Adds a batch's numbers, faults and notes to the totals."""
        self.samples += written.samples
        self.recorded += written.labels + written.added_to_samples
        self.left.update(written.left)
        self.faults.append(prepared.faults)
        self.notes.append(prepared.notes)
        self.unknown.update(dict(prepared.unknown.iter_rows()))


def _ingest(work: Work, options: IngestOptions, run_id: str | None) -> IngestResult:
    session, progress = work.session, options.progress
    progress("reading the table", 0, 0)
    ids = work.source.ids()
    known = baseline.ids(session.state, session.tables, session.mapping.binding, session.arrow)
    session.rest()
    tally = _Tally()
    bad = judge_ids(ids)
    tally.faults.append(bad)
    new = without(ids, bad).join(known, on="annotation_id", how="anti")
    total_new = new.height
    located = work.media.locate(ids.drop_nulls("media")["media"].unique().sort())
    astray = new.join(located.filter(pl.col("fault").is_not_null()), left_on="media", right_on="key")
    tally.faults.append(faults(astray, "misplaced media", pl.col("fault")))
    new = without(new, astray)

    progress("looking for the media", 0, 0)
    sound = located.filter(pl.col("fault").is_null()).select("key", "location")
    seen = Counter[str]()

    def more(count: int) -> None:
        seen["media"] += count
        progress("looking for the media", seen["media"], 0)

    survey = work.media.survey(sound["location"], more)
    sound = sound.with_columns(pl.col("location").replace(dict(survey.spelt)))
    gone = sound.filter(pl.col("location").is_in(list(survey.missing)))
    absent = new.join(gone, left_on="media", right_on="key")
    where = pl.format("there is no file {}", "location")
    tally.faults.append(faults(absent, "missing media", where))
    new = without(new, absent)
    # What a new row misses is that row's fault; what is gone of known annotations was removed.
    removed = gone.filter(~pl.col("key").is_in(absent["media"].unique().to_list()))["location"].sort()

    chosen = new.sort("media", "annotation_id")
    if options.limit is not None:
        allowed = chosen["media"].unique(maintain_order=True).head(options.limit)
        chosen = chosen.filter(pl.col("media").is_in(allowed.to_list()))
    _batches(work, options, run_id, chosen, sound, tally)
    there = sound.join(gone, on="key", how="anti")
    filled = fill_metadata(work, there, partial(progress, "computing metadata"), dry_run=run_id is None)
    cut_again = recut(work, there, partial(progress, "cutting again"), dry_run=run_id is None)
    predictions = refresh_predictions(work, progress, dry_run=run_id is None)
    if run_id is not None:
        refresh_samples(work.session)
    pushed = _push(work, options) if run_id is not None else None
    found = pl.concat([each for each in tally.faults if each.height] or [no_faults()])
    return IngestResult(
        binding=work.binding.name,
        dataset=work.binding.dataset,
        run_id=run_id,
        dry_run=options.dry_run,
        created=work.created,
        rows=ids.height,
        new=total_new,
        samples=tally.samples,
        recorded=tally.recorded,
        waiting=new.height - chosen.height,
        metadata=filled,
        recut=cut_again.height,
        faults=found.sort("kind", "media", "annotation_id"),
        unknown=_unknown(work, tally.unknown),
        removed=tuple(removed.to_list()),
        unnamed=survey.unnamed,
        left=dict(tally.left),
        pushed=pushed,
        predictions=predictions,
        notes=(*_notes(tally.notes), *(note for each in predictions for note in each.notes)),
    )


def _push(work: Work, options: IngestOptions) -> Pushed | None:
    """The vocabulary as the field's label schema, so that the App offers these classes and no others."""
    if work.vocabulary is None:
        return None
    options.progress("pushing the vocabulary", 0, 0)
    return push_if_changed(work.config, work.binding, work.vocabulary)


def _batches(
    work: Work, options: IngestOptions, run_id: str | None, chosen: pl.DataFrame, located: pl.DataFrame, tally: _Tally
) -> None:
    """Batch after batch: while one is written, the next is read and its media are fetched."""
    total, done = chosen.height, 0
    stop = Event()

    def fetched(_: int) -> None:
        if stop.is_set():
            raise _StoppedError

    def prepare(batch: pl.DataFrame) -> Prepared:
        here = located.filter(pl.col("key").is_in(batch["media"].unique().to_list()))
        return prepare_batch(work, batch["annotation_id"].to_list(), here, fetched, dry_run=options.dry_run)

    options.progress("loading", done, total)
    with _own_collection(), _one_ahead(prepare, _split(chosen, options.batch), stop) as prepared:
        for batch, ready in prepared:
            written = Written()
            if run_id is not None:
                written = write_batch(work, ready, run_id)
            else:
                written = Written(samples=ready.media, labels=ready.rows.height)
            tally.add(ready, written)
            done += batch.height
            gc.collect(1)
            options.progress("loading", done, total)


@contextmanager
def _own_collection() -> Iterator[None]:
    """Python looks for garbage between batches only: within one there is none, and looking takes a quarter longer."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _split(chosen: pl.DataFrame, size: int) -> Iterator[pl.DataFrame]:
    """The rows of so many media at a time: those of one image stay together."""
    media = chosen["media"].unique(maintain_order=True)
    order = pl.DataFrame({"media": media, "batch": pl.int_range(media.len(), eager=True) // size})
    yield from chosen.join(order, on="media", how="left", maintain_order="left").partition_by(
        "batch", maintain_order=True, include_key=False
    )


@contextmanager
def _one_ahead(
    prepare: Callable[[pl.DataFrame], Prepared], batches: Iterator[pl.DataFrame], stop: Event
) -> Iterator[Iterator[tuple[pl.DataFrame, Prepared]]]:
    """Each batch with what was prepared for it; the next one is being prepared meanwhile."""
    with ThreadPoolExecutor(1, thread_name_prefix="ingest") as pool:

        def pairs() -> Iterator[tuple[pl.DataFrame, Prepared]]:
            waiting: tuple[pl.DataFrame, Future[Prepared]] | None = None
            for batch in batches:
                coming = (batch, pool.submit(prepare, batch))
                if waiting is not None:
                    yield waiting[0], _result(waiting[1])
                waiting = coming
            if waiting is not None:
                yield waiting[0], _result(waiting[1])

        try:
            yield pairs()
        finally:
            stop.set()


def _result(future: Future[Prepared]) -> Prepared:
    """Waits in steps: an untimed wait would not see Ctrl-C while Arrow's threads run."""
    while True:
        try:
            return future.result(timeout=0.2)
        except NotYet:
            if future.done():
                return future.result()


def _unknown(work: Work, counted: Counter[str]) -> tuple[Unknown, ...]:
    if work.vocabulary is None or not counted:
        return ()
    near = nearest_terms(list(counted), work.vocabulary)
    return tuple(Unknown(label, rows, near[label]) for label, rows in counted.most_common())


def _notes(found: list[pl.DataFrame]) -> tuple[str, ...]:
    """What was seen of media that are good all the same, counted."""
    together = pl.concat(found) if found else pl.DataFrame(schema={"key": pl.String(), "note": pl.String()})
    counted = together.group_by("note").agg(pl.len(), pl.col("key").min()).sort("note")
    return tuple(f"{note} ({count:,} media, such as {key})" for note, count, key in counted.iter_rows())
