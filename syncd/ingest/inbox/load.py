"""Loads one manifest: checks it, puts its images in place, writes its rows in one transaction; or rejects it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from syncd.engine.crash_recovery import settle
from syncd.engine.failures import locked_errors
from syncd.engine.run_record import RunRecord, recorded
from syncd.ingest.context import Work
from syncd.ingest.inbox.arrival import signature_of
from syncd.ingest.inbox.check import Checked, check
from syncd.ingest.inbox.faults import no_faults, report_files
from syncd.ingest.inbox.place import Place, put_all
from syncd.ingest.inbox.resolve import Resolved, look_up, place_images, with_ids
from syncd.ingest.inbox.result import Became, Outcome
from syncd.ingest.inbox.stages import Claimed, Step, claim, name_of, reached
from syncd.ingest.inbox.table import Table, changes_of, insert
from syncd.ingest.inbox.values import IMAGE
from syncd.ingest.run import Report
from syncd.model import Change
from syncd.model.result import Status
from syncd.model.run import RunMode
from syncd.store import changes
from syncd.store.lock import one_run


@dataclass(frozen=True)
class Bench:
    """What a manifest is loaded with."""

    work: Work
    table: Table
    place: Place
    inbox: Path
    dry_run: bool
    progress: Report


def load(bench: Bench, manifest: Path) -> Outcome | None:
    """Loads a manifest that has wholly arrived; ``None`` where it is gone, because another process took it."""
    name = name_of(bench.inbox, manifest)
    before = signature_of(manifest)
    try:
        checked = check(bench.work, bench.table, manifest, manifest.parent, _counting(bench, f"checking {name}"))
    except FileNotFoundError:
        return None
    rows = checked.values.rows
    outcome = Outcome(name, Became.LOADED, rows=rows.height, images=checked.images.height, notes=checked.notes)
    found, resolved, placed = _against_the_table(bench, checked, name)
    if signature_of(manifest) != before:
        return replace(outcome, became=Became.WAITING, waiting="it changed while it was being read", soon=True)
    if found.height:
        return _reject(bench, manifest, outcome, found)
    already = int(resolved.rows["there"].sum())
    notes = (*checked.notes, *_elsewhere(bench, resolved, placed, name))
    outcome = replace(outcome, already=already, added=rows.height - already, notes=notes)
    if bench.dry_run:
        return outcome
    put_all(bench.place, placed, _counting(bench, f"placing the images of {name}"))
    reached(Step.IMAGES_PLACED)
    found = _write(bench, checked, resolved, placed, manifest.name)
    if found.height:
        return _reject(bench, manifest, outcome, found)
    reached(Step.ROWS_WRITTEN)
    taken = claim(bench.inbox, manifest, bench.work.session.now())
    bench.work.session.rest()
    return None if taken is None else replace(outcome, folder=taken.folder.name)


def _against_the_table(bench: Bench, checked: Checked, name: str) -> tuple[pl.DataFrame, Resolved, pl.DataFrame]:
    """Faults that only the table shows: rows it has otherwise, and, by a rehearsal, rows that it would refuse."""
    nothing = Resolved(checked.values.rows, no_faults()), checked.images
    if checked.faults.height:
        return checked.faults, *nothing
    work, table, values = bench.work, bench.table, checked.values
    try:
        resolved = with_ids(work, table, values, checked.images)
        if resolved.faults.height:
            return resolved.faults, *nothing
        placed = place_images(work, table, bench.place, resolved.rows, checked.images, name)
        resolved = look_up(work, table, values, resolved.rows, placed)
        if resolved.faults.height:
            return resolved.faults, resolved, placed
        new = resolved.rows.filter(~pl.col("there"))
        faults, _ = insert(table, new, changes_of(table, new, name))
        return faults, resolved, placed
    finally:
        work.session.writing.rollback()


def _elsewhere(bench: Bench, resolved: Resolved, placed: pl.DataFrame, name: str) -> list[str]:
    """A note on rows that are known by their image's bytes, though their image came under another name."""
    other = placed.filter(~pl.col("location").str.starts_with(f"{bench.place.base}{name}/"))
    rows = resolved.rows.filter("there").join(other.select(IMAGE), on=IMAGE, how="semi")
    if rows.is_empty():
        return []
    return [
        f"{rows.height:,} rows are in the table already, their images under other names, such as {rows['media'][0]}"
    ]


def _write(bench: Bench, checked: Checked, resolved: Resolved, placed: pl.DataFrame, manifest: str) -> pl.DataFrame:
    """Writes the rows that are not there yet, all or none, with their entries in the log; faults where none."""
    work, table = bench.work, bench.table
    session = work.session
    rows = resolved.rows.drop("media", "there")
    if table.is_numbered:
        # Others may have written meanwhile: what the database numbers is looked up once more.
        rows = rows.with_columns(annotation_id=pl.when("made").then(None).otherwise("annotation_id"))
    with one_run(session.writing, session.schema, work.binding.name), locked_errors(session):
        settle(session)
        again = look_up(work, table, checked.values, rows, placed)
        new = again.rows.filter(~pl.col("there"))
        if again.faults.height or new.is_empty():
            session.rest()
            return again.faults
        wanted = changes_of(table, new, manifest)
        with recorded(session, RunMode.INBOX) as run:
            refused, written = insert(table, new, wanted)
            reached(Step.ROWS_INSERTED)
            if refused.height:
                session.writing.rollback()
            _log(bench, run, [] if refused.height else written, manifest)
        return refused


def _log(bench: Bench, run: RunRecord, written: list[Change], manifest: str) -> None:
    """Commits the rows with their entries in the change log, in one transaction.

    Where the state is kept apart there are two, the rows' first. A pending intent before them would be settled as an
    agreement of both sides, of which FiftyOne knows nothing yet; so a process that dies in between leaves the rows
    without entries.
    """
    session, binding = bench.work.session, bench.work.binding.name
    if not session.one_transaction:
        session.writing.commit()
    at = session.now()
    seqs = changes.record_intents(session.state, session.tables, binding, run.id, written)
    outcomes = [changes.Outcome(seq, each, Status.APPLIED) for seq, each in zip(seqs, written, strict=True)]
    changes.finish(session.state, session.tables, binding, outcomes, at)
    counts = {"manifest": manifest, "applied": {"to_database": len(written), "to_fiftyone": 0}}
    run.done(at, counts)
    session.state.commit()


def _reject(bench: Bench, manifest: Path, outcome: Outcome, found: pl.DataFrame) -> Outcome | None:
    outcome = replace(outcome, became=Became.REJECTED, faults=found, added=0)
    if bench.dry_run:
        return outcome
    at = bench.work.session.now()
    bench.work.session.rest()
    binding = bench.work.binding
    safe = binding.ingest.safe_for_spreadsheets
    files = report_files(manifest.name, outcome.manifest, binding.name, found, safe_for_spreadsheets=safe)
    taken: Claimed | None = claim(bench.inbox, manifest, at, files)
    return None if taken is None else replace(outcome, folder=taken.folder.name)


def _counting(bench: Bench, phase: str) -> Callable[[int], None]:
    done = [0]

    def count(more: int) -> None:
        done[0] += more
        bench.progress(phase, done[0], 0)

    return count
