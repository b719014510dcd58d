"""One reconcile of one binding, from reading to closing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

import polars as pl
import structlog

from syncd.apply.execute import Applied, apply
from syncd.apply.outcomes import Recorded
from syncd.apply.settle import settle
from syncd.apply.steps import Step, reached
from syncd.diff import History, Inputs, Young, diff
from syncd.errors import StalePlan
from syncd.model import Action, Direction, Origin, Plan, Side
from syncd.reconcile.failures import clear_errors, close_failed, locked_errors
from syncd.reconcile.mode import (
    FULL,
    INCREMENTAL,
    NewRows,
    Pace,
    moved,
    new_rows,
    recounted,
    rows_unexplained,
    why_full,
    why_held,
)
from syncd.reconcile.reading import Reading, read_everything, read_since
from syncd.reconcile.result import RunResult
from syncd.session import Session
from syncd.store import changes, conflicts, cursors, history, runs
from syncd.store.changes import APPLIED
from syncd.store.cursors import Cursor
from syncd.store.lock import no_reconnect, one_run

log = structlog.get_logger(__name__)


def _silent(_: str) -> None:
    """No progress is shown."""


@dataclass(frozen=True)
class Options:
    """How a run is to go. ``expected`` is the digest of a saved plan: anything else is refused as stale."""

    dry_run: bool = False
    full: bool = False
    force: bool = False
    pace: Pace = field(default_factory=Pace)
    expected: str | None = None
    count_rows: bool = True
    progress: Callable[[str], None] = _silent


def reconcile(session: Session, options: Options) -> RunResult:
    """Reads, decides and applies; a dry run stops after deciding and leaves nothing behind."""
    begun = time.monotonic()
    with clear_errors():
        if options.dry_run:
            result = _plan_only(session, options)
        else:
            with _locked(session), locked_errors(session):
                reached(Step.LOCKED)
                result = _run(session, options)
    return replace(result, seconds=time.monotonic() - begun)


@contextmanager
def _locked(session: Session) -> Iterator[None]:
    """The binding's lock; neither connection is ever made anew under it."""
    with ExitStack() as stack:
        name = partial(_other_run, session)
        stack.enter_context(one_run(session.writing, session.schema, session.mapping.binding, known_as=name))
        if not session.one_transaction:
            stack.enter_context(no_reconnect(session.state))
        yield


def _other_run(session: Session) -> str | None:
    """The run that is under way, as its row tells."""
    row = runs.latest(session.state, session.tables, session.mapping.binding)
    if row is None or row["status"] != runs.RUNNING:
        return None
    return f"run {row['id']} on {row['host']}, process {row['pid']}, since {row['started_at']:%Y-%m-%d %H:%M:%S}"


@dataclass(frozen=True)
class Decision:
    """A plan and the reading it rests on."""

    plan: Plan
    mode: str
    why_full: str | None
    moved: tuple[Cursor, ...]


def _plan_only(session: Session, options: Options) -> RunResult:
    decision = _decide(session, options)
    left = changes.pending(session.state, session.tables, session.mapping)
    notes = (f"a run died and left {len(left)} changes to settle; the next run does",) if left else ()
    return RunResult(
        binding=session.mapping.binding,
        run_id=None,
        mode=decision.mode,
        dry_run=True,
        plan=decision.plan,
        open_conflicts=conflicts.count_open(session.state, session.tables, session.mapping.binding),
        held=decision.plan.held,
        why_full=decision.why_full,
        notes=notes + decision.plan.notes,
    )


def _run(session: Session, options: Options) -> RunResult:
    binding = session.mapping.binding
    settled = settle(session)
    reached(Step.SETTLED)
    started = session.database.now()
    run_id = runs.new_id(started)
    runs.start(session.state, session.tables, binding, run_id, FULL if options.full else INCREMENTAL, started)
    session.state.commit()
    try:
        decision = _decide(session, options)
        reached(Step.PLANNED)
        if options.expected is not None and decision.plan.digest != options.expected:
            raise StalePlan(
                f"The plan for {binding!r} is stale: one of the two sides has moved since it was made.",
                remedy=f"Make a new one: `syncd reconcile {binding} --dry-run -o PLAN`.",
            )
        if decision.plan.held is not None:
            return _hold(session, run_id, decision, settled)
        options.progress("applying")
        return _apply(session, run_id, decision, settled)
    except BaseException as error:
        close_failed(session, run_id, error)
        raise


def _apply(session: Session, run_id: str, decision: Decision, settled: tuple[Recorded, ...]) -> RunResult:
    plan = decision.plan
    applied = apply(session, plan, run_id)
    after = recounted(list(decision.moved), _rows_added(applied))
    for cursor in after:
        cursors.save(session.state, session.tables, plan.binding, cursor)
    result = RunResult(
        binding=plan.binding,
        run_id=run_id,
        mode=decision.mode,
        dry_run=False,
        plan=plan,
        recorded=applied.recorded,
        settled=settled,
        opened=applied.opened,
        open_conflicts=conflicts.count_open(session.state, session.tables, plan.binding),
        why_full=decision.why_full,
        notes=plan.notes,
    )
    at = session.database.now()
    runs.close(session.state, session.tables, run_id, runs.DONE, at, mode=decision.mode, counts=_counts(result))
    session.state.commit()
    reached(Step.COMMITTED)
    return result


def _hold(session: Session, run_id: str, decision: Decision, settled: tuple[Recorded, ...]) -> RunResult:
    """A held plan writes nothing but that it was held."""
    plan = decision.plan
    result = RunResult(
        binding=plan.binding,
        run_id=run_id,
        mode=decision.mode,
        dry_run=False,
        plan=plan,
        settled=settled,
        open_conflicts=conflicts.count_open(session.state, session.tables, plan.binding),
        held=plan.held,
        why_full=decision.why_full,
        notes=plan.notes,
    )
    at = session.database.now()
    counts = _counts(result)
    runs.close(session.state, session.tables, run_id, runs.HELD, at, mode=decision.mode, counts=counts, held=plan.held)
    session.state.commit()
    return result


def _counts(result: RunResult) -> dict[str, object]:
    left_out = ("binding", "run_id", "mode", "dry_run", "held", "seconds")
    return {name: value for name, value in result.as_json().items() if name not in left_out}


def _rows_added(applied: Applied) -> int:
    """By how much syncd itself changed the table's number of rows."""
    step = {Action.INSERT: 1, Action.DELETE: -1, Action.UPDATE: 0}
    return sum(
        step[each.change.action]
        for each in applied.recorded
        if each.status == APPLIED and each.change.direction is Direction.TO_DATABASE
    )


def _decide(session: Session, options: Options) -> Decision:
    """Reads as little as suffices and lets the diff decide; reads everything where the little leaves a doubt."""
    session.rest()
    origins = {
        Side.FIFTYONE: session.fiftyone.origin(),
        Side.DATABASE: session.database.origin(count_rows=options.count_rows or options.full),
    }
    before = cursors.load(session.state, session.tables, session.mapping.binding)
    reason = "asked for" if options.full else _why_full(session, options, before, origins)
    session.rest()
    if reason is None:
        reading = _read_since(session, options, before)
        fresh = new_rows(reading, before[Side.DATABASE])
        if rows_unexplained(before[Side.DATABASE], origins[Side.DATABASE], fresh):
            reason = "the database's number of rows is not what its changes explain"
        else:
            plan = _diff(session, options, reading, before, origins)
            if not plan.hints:
                return Decision(plan, INCREMENTAL, None, _moved(session, reading, before, origins, plan, fresh))
            reason = plan.hints[0]
    log.info("reading everything", binding=session.mapping.binding, why=reason)
    if origins[Side.DATABASE].rows is None:
        origins[Side.DATABASE] = session.database.origin(count_rows=True)
    session.rest()
    reading = read_everything(session, options.progress)
    plan = _diff(session, options, reading, before, origins)
    return Decision(plan, FULL, reason, _moved(session, reading, before, origins, plan, None))


def _why_full(
    session: Session, options: Options, before: dict[Side, Cursor], origins: dict[Side, Origin]
) -> str | None:
    now = session.database.now()
    return why_full(before, origins, session.mapping, options.pace, now, stamped=session.database.stamped)


def _read_since(session: Session, options: Options, before: dict[Side, Cursor]) -> Reading:
    labels, rows = before[Side.FIFTYONE].position, before[Side.DATABASE].position
    assert labels is not None and rows is not None, "a side without a position is read whole"
    overlap = options.pace.overlap
    return read_since(session, labels - overlap, rows - overlap, options.progress)


def _diff(
    session: Session, options: Options, reading: Reading, before: dict[Side, Cursor], origins: dict[Side, Origin]
) -> Plan:
    options.progress("comparing")
    remade = why_held(before, origins[Side.FIFTYONE], reading.baseline_size)
    remembered = _remembered(session, reading)
    session.rest()
    plan = diff(
        Inputs(
            mapping=session.mapping,
            policy=session.policy,
            fiftyone=reading.fiftyone,
            database=reading.database,
            baseline=reading.baseline,
            baseline_size=reading.baseline_size,
            samples=reading.samples,
            history=remembered,
            young=_young(reading.fiftyone.as_of, options.pace.quiet_period),
            adopt=remade is not None and options.force,
            force=options.force,
        )
    )
    if remade is not None and not options.force:
        return replace(plan, held=remade)
    return plan


def _remembered(session: Session, reading: Reading) -> History:
    """What syncd did lately; of the annotations that were read, where not all of them were."""
    ids = None if reading.complete else reading.annotation_ids
    if ids is not None and not ids:
        return History()
    since = session.database.now() - session.stale_window
    return history.load(session.state, session.tables, session.mapping.binding, since, ids)


def _young(as_of: datetime, quiet_period: timedelta) -> Young | None:
    if not quiet_period:
        return None
    return Young(after=as_of - quiet_period, until=as_of + quiet_period)


def _moved(
    session: Session,
    reading: Reading,
    before: dict[Side, Cursor],
    origins: dict[Side, Origin],
    plan: Plan,
    fresh: NewRows | None,
) -> tuple[Cursor, ...]:
    left = reading.fiftyone.rows.filter(pl.col("label_id").is_in(list(plan.scope.left_alone)))
    oldest = left["edited_at"].min() if left.height else None
    snapshots = (reading.fiftyone, reading.database)
    oldest_left = oldest if isinstance(oldest, datetime) else None
    return tuple(moved(session.mapping, origins, snapshots, before, oldest_left, fresh))
