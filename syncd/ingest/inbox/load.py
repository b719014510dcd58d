"""Loads one manifest: checks it, puts its images in place, writes its rows by a plan of their own; or rejects it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from syncd.engine.apply import apply
from syncd.engine.crash_recovery import abandon, settle
from syncd.engine.direct_plan import direct_plan
from syncd.engine.failures import locked_errors
from syncd.engine.run_record import recorded
from syncd.engine.session import Session
from syncd.ingest.context import Work
from syncd.ingest.inbox.arrival import signature_of
from syncd.ingest.inbox.check import Checked, check
from syncd.ingest.inbox.faults import no_faults, report_files
from syncd.ingest.inbox.place import Place, put_all
from syncd.ingest.inbox.resolve import Resolved, look_up, place_images, with_ids
from syncd.ingest.inbox.result import Became, Outcome
from syncd.ingest.inbox.stages import Claimed, Step, claim, name_of, reached
from syncd.ingest.inbox.table import ManifestTable, RowsRefused, Table, changes_of, refused
from syncd.ingest.inbox.values import IMAGE
from syncd.ingest.run import Report
from syncd.model.result import Result
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
        return refused(new, table.adapter.write(changes_of(table, new, name))), resolved, placed
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
    """Writes the rows that are not there yet, all or none, as a plan of their own; faults where none was taken."""
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
        session.rest()
        if again.faults.height or new.is_empty():
            return again.faults
        with recorded(session, RunMode.INBOX) as run:
            try:
                done = _apply(session, table, new, manifest, run.id)
            except RowsRefused as refusal:
                session.rest()
                abandon(session, changes.pending(session.state, session.tables, session.mapping))
                done, faults = 0, refusal.faults
            else:
                faults = no_faults()
            counts = {"manifest": manifest, "applied": {"to_database": done, "to_fiftyone": 0}}
            run.done(session.now(), counts)
            session.state.commit()
        return faults


def _apply(session: Session, table: Table, new: pl.DataFrame, manifest: str, run_id: str) -> int:
    """Carries out a plan of these rows, as every plan is: intents, rows, outcomes. How many rows; ``RowsRefused``.

    The caller commits. FiftyOne has no label for them yet: that nothing is agreed of them is what the ingest goes by.
    """
    wanted = changes_of(table, new, manifest)
    order = sorted(range(len(wanted)), key=lambda each: wanted[each].sort_key)
    plan = direct_plan(session.mapping, [wanted[each] for each in order])
    whole = ManifestTable(table, new[order], lambda results: _written(session, run_id, results))
    try:
        return len(apply(replace(session, database=whole), plan, run_id).recorded)
    finally:
        whole.close()


def _written(session: Session, run_id: str, results: Sequence[Result]) -> None:
    """The rows are written and not committed."""
    reached(Step.ROWS_INSERTED)
    if session.one_transaction:
        return
    # Two databases have no common transaction: which ids the rows got is noted before they are committed, so that they
    # are known as ours where the process dies before it records what became of them.
    left = [each for each in changes.pending(session.state, session.tables, session.mapping) if each.run_id == run_id]
    nameless = [each.seq for each in left if each.change.annotation_id is None]
    given = [each.annotation_id for each in results if each.change.annotation_id is None]
    ids = dict(zip(nameless, given, strict=False))
    changes.note_ids(session.state, session.tables, ids, session.now())


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
