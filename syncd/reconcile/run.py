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
from structlog.contextvars import bind_contextvars, unbind_contextvars

from syncd.apply.execute import Applied, apply
from syncd.apply.outcomes import Recorded
from syncd.apply.settle import settle
from syncd.apply.steps import Step, reached
from syncd.apply.tags import write_tags
from syncd.capture.read import Captured, changed_since, prune
from syncd.diff import History, Inputs, Young, diff
from syncd.errors import Busy, StalePlan
from syncd.model import Action, Direction, Origin, Plan, Side
from syncd.planfile import plan_json
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
from syncd.reconcile.tagged import left_out, narrowed
from syncd.session import Session
from syncd.store import changes, conflicts, cursors, held, history, runs, waiting
from syncd.store.changes import APPLIED
from syncd.store.cursors import Cursor
from syncd.store.daemon_lock import has_other_daemon
from syncd.store.lock import no_reconnect, one_run

log = structlog.get_logger(__name__)

PATIENCE_S = 15.0
"""How long a command waits for a daemon's run."""

KEEP_CAPTURED = timedelta(days=1)
"""How long what triggers recorded is kept: a binding that was not run for longer reads everything."""


def _silent(_: str) -> None:
    """No progress is shown."""


@dataclass(frozen=True)
class Options:
    """How a run is to go. ``expected`` is the digest of a saved plan: anything else is refused as stale.

    ``tag`` lets only edits through that bear it (:mod:`syncd.reconcile.tagged`). ``quiet`` leaves no row behind for a
    run that found nothing new: a daemon makes a million of them in a year.
    """

    dry_run: bool = False
    full: bool = False
    force: bool = False
    pace: Pace = field(default_factory=Pace)
    expected: str | None = None
    count_rows: bool = True
    tag: str | None = None
    quiet: bool = False
    progress: Callable[[str], None] = _silent


def reconcile(session: Session, options: Options) -> RunResult:
    """Reads, decides and applies; a dry run stops after deciding and leaves nothing behind."""
    begun = time.monotonic()
    with clear_errors():
        if options.dry_run:
            result = _plan_only(session, options)
        else:
            with locked(session), locked_errors(session):
                reached(Step.LOCKED)
                result = _run(session, options)
    return replace(result, seconds=time.monotonic() - begun)


@contextmanager
def locked(session: Session) -> Iterator[None]:
    """The binding's lock; neither connection is ever made anew under it."""
    with ExitStack() as stack:
        _take_lock(session, stack)
        if not session.one_transaction:
            stack.enter_context(no_reconnect(session.state))
        yield


def _take_lock(session: Session, stack: ExitStack) -> None:
    """Where a daemon is at the binding its runs are brief, and worth waiting for; any other run may take long."""
    schema, binding = session.schema, session.mapping.binding
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            stack.enter_context(one_run(session.writing, schema, binding, known_as=partial(_other_run, session)))
        except Busy:
            if time.monotonic() >= until or not has_other_daemon(session.writing, schema, binding):
                raise
            time.sleep(0.1)
        else:
            return


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
        waiting=waiting.foreseen(session.state, session.tables, decision.plan),
    )


def _run(session: Session, options: Options) -> RunResult:
    binding = session.mapping.binding
    settled = settle(session)
    reached(Step.SETTLED)
    started = session.database.now()
    run_id = runs.new_id(started)
    mode = FULL if options.full else INCREMENTAL
    begin = partial(runs.start, session.state, session.tables, binding, run_id, mode, started)
    if not options.quiet:
        begin()
        session.state.commit()
    bind_contextvars(run=run_id)
    try:
        decision = _decide(session, options)
        reached(Step.PLANNED)
        if options.expected is not None and decision.plan.digest != options.expected:
            raise StalePlan(
                f"The plan for {binding!r} is stale: one of the two sides has moved since it was made.",
                remedy=f"Make a new one: `syncd reconcile {binding} --dry-run -o PLAN`.",
            )
        if decision.plan.held is not None:
            return _hold(session, options, run_id, decision, settled, begin)
        silent = options.quiet and _finds_nothing(session, decision.plan, settled)
        if not silent:
            options.progress("applying")
        if options.quiet and not silent:
            begin()
            session.state.commit()
        return _apply(session, options, run_id, decision, settled, begin if silent else None)
    except BaseException as error:
        close_failed(session, run_id, error)
        raise
    finally:
        unbind_contextvars("run")


def _finds_nothing(session: Session, plan: Plan, settled: tuple[Recorded, ...]) -> bool:
    """Whether a run needs no row: it has nothing to do, and the last one that has a row ended well."""
    if plan.changes or plan.dropped or plan.counts.first_met or settled:
        return False
    last = runs.latest(session.state, session.tables, plan.binding, modes=(INCREMENTAL, FULL))
    session.rest()
    return last is not None and last["status"] == runs.DONE


def _apply(
    session: Session,
    options: Options,
    run_id: str,
    decision: Decision,
    settled: tuple[Recorded, ...],
    begin: Callable[[], None] | None,
) -> RunResult:
    """``begin`` opens the row of a run that has none so far: it gets one where a conflict is opened."""
    plan = decision.plan
    applied = apply(session, plan, run_id, options.progress)
    if begin is not None and applied.opened:
        begin()
    # What a tag has left out is older than any cursor of this run.
    after = recounted([] if options.tag is not None else list(decision.moved), rows_added(applied))
    for cursor in after:
        cursors.save(session.state, session.tables, plan.binding, cursor)
    result = RunResult(
        binding=plan.binding,
        run_id=None if begin is not None and not applied.opened else run_id,
        mode=decision.mode,
        dry_run=False,
        plan=plan,
        recorded=applied.recorded,
        settled=settled,
        opened=applied.opened,
        open_conflicts=conflicts.count_open(session.state, session.tables, plan.binding),
        why_full=decision.why_full,
        notes=plan.notes,
        waiting=waiting.count(session.state, session.tables, plan.binding),
    )
    at = session.database.now()
    runs.close(session.state, session.tables, run_id, runs.DONE, at, mode=decision.mode, counts=_counts(result))
    held.drop(session.state, session.tables, plan.binding)
    if session.capture is not None and decision.mode == FULL:
        prune(session.state, session.tables, at - KEEP_CAPTURED)
    session.state.commit()
    reached(Step.COMMITTED)
    write_tags(session, plan, applied.recorded)
    return result


def _hold(
    session: Session,
    options: Options,
    run_id: str,
    decision: Decision,
    settled: tuple[Recorded, ...],
    begin: Callable[[], None],
) -> RunResult:
    """A held plan writes nothing but itself, that it was held, and the tags that show reviewers where."""
    plan = decision.plan
    # What applying it would do: everything read, whatever is young, and brakes released.
    meant = None
    known = _is_known_held(session, plan)
    silent = options.quiet and known and not settled and _was_held(session, plan)
    if options.quiet and not silent:
        begin()
        session.state.commit()
    if not known:
        meant = _decide(session, replace(options, full=True, force=True, pace=Pace(options.pace.overlap))).plan
    result = RunResult(
        binding=plan.binding,
        run_id=None if silent else run_id,
        mode=decision.mode,
        dry_run=False,
        plan=plan,
        settled=settled,
        open_conflicts=conflicts.count_open(session.state, session.tables, plan.binding),
        held=plan.held,
        why_full=decision.why_full,
        notes=plan.notes,
        waiting=waiting.count(session.state, session.tables, plan.binding),
    )
    at = session.database.now()
    counts = _counts(result)
    runs.close(session.state, session.tables, run_id, runs.HELD, at, mode=decision.mode, counts=counts, held=plan.held)
    if meant is not None:
        held.save(session.state, session.tables, run_id, at, plan, meant, plan_json(meant))
    session.state.commit()
    if not silent:
        write_tags(session, plan)
    return result


def _was_held(session: Session, plan: Plan) -> bool:
    """Whether the last run's row says just this already."""
    last = runs.latest(session.state, session.tables, plan.binding, modes=(INCREMENTAL, FULL))
    session.rest()
    return last is not None and last["status"] == runs.HELD and last["held"] == plan.held


def _is_known_held(session: Session, plan: Plan) -> bool:
    """Whether just this was held before: then everything need not be read again to say what it means."""
    known = held.load(session.state, session.tables, plan.binding)
    session.rest()
    return known is not None and known.noticed == plan.digest


def _counts(result: RunResult) -> dict[str, object]:
    left_out = ("binding", "run_id", "mode", "dry_run", "held", "seconds")
    return {name: value for name, value in result.as_json().items() if name not in left_out}


def rows_added(applied: Applied) -> int:
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
        # Triggers tell of each deletion; without them only the number of rows does.
        Side.DATABASE: session.database.origin(
            count_rows=options.full or (options.count_rows and session.capture is None)
        ),
    }
    before = cursors.load(session.state, session.tables, session.mapping.binding)
    captured = _captured(session, before)
    reason = "asked for" if options.full else _why_full(session, options, before, origins)
    if reason is None and captured is not None:
        reason = captured.gap
    session.rest()
    if reason is None:
        reading = _read_since(session, options, before, captured)
        fresh = None if captured is not None else new_rows(reading, before[Side.DATABASE])
        if fresh is not None and rows_unexplained(before[Side.DATABASE], origins[Side.DATABASE], fresh):
            reason = "the database's number of rows is not what its changes explain"
        else:
            plan = _diff(session, options, reading, before, origins)
            if not plan.hints:
                after = _moved(session, reading, before, origins, plan, fresh, captured)
                return Decision(plan, INCREMENTAL, None, after)
            reason = plan.hints[0]
    log.debug("reading everything", binding=session.mapping.binding, why=reason)
    if origins[Side.DATABASE].rows is None:
        origins[Side.DATABASE] = session.database.origin(count_rows=True)
    session.rest()
    reading = read_everything(session, options.progress)
    plan = _diff(session, options, reading, before, origins)
    return Decision(plan, FULL, reason, _moved(session, reading, before, origins, plan, None, captured))


def _why_full(
    session: Session, options: Options, before: dict[Side, Cursor], origins: dict[Side, Origin]
) -> str | None:
    now = session.database.now()
    stamped = session.database.stamped or session.capture is not None
    return why_full(before, origins, session.fingerprint, options.pace, now, stamped=stamped)


def _captured(session: Session, before: dict[Side, Cursor]) -> Captured | None:
    """What triggers recorded since the last run; ``None`` where there are none."""
    if session.capture is None:
        return None
    cursor = before.get(Side.DATABASE)
    position = cursor.captured if cursor is not None else None
    return changed_since(session.state, session.tables, session.capture, position)


def _read_since(session: Session, options: Options, before: dict[Side, Cursor], captured: Captured | None) -> Reading:
    labels, rows = before[Side.FIFTYONE].position, before[Side.DATABASE].position
    assert labels is not None and rows is not None, "a side without a position is read whole"
    overlap = options.pace.overlap
    nominated = rows - overlap if captured is None else captured
    return read_since(session, labels - overlap, nominated, options.progress)


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
            policy=narrowed(session.policy, options.tag),
            fiftyone=reading.fiftyone,
            database=reading.database,
            baseline=reading.baseline,
            baseline_size=reading.baseline_size,
            samples=reading.samples,
            history=remembered,
            young=_young(reading.fiftyone.as_of, options.pace.quiet_period),
            vocabulary=session.vocabulary,
            adopt=remade is not None and options.force,
            force=options.force,
        )
    )
    if remade is not None and not options.force:
        return replace(plan, held=remade, tags=(), answered=frozenset())
    return left_out(plan, session.policy, options.tag)


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
    captured: Captured | None,
) -> tuple[Cursor, ...]:
    left = reading.fiftyone.rows.filter(pl.col("label_id").is_in(list(plan.scope.left_alone)))
    oldest = left["edited_at"].min() if left.height else None
    snapshots = (reading.fiftyone, reading.database)
    oldest_left = oldest if isinstance(oldest, datetime) else None
    position = captured.position if captured is not None else None
    return tuple(moved(session.fingerprint, origins, snapshots, before, oldest_left, fresh, position))
