"""One reconcile of one binding, from reading to closing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial

from structlog.contextvars import bound_contextvars

from syncd.adapters.fiftyone.dataset import DatasetMissing
from syncd.adapters.sql.clock import clock
from syncd.config import Config
from syncd.engine.apply import Applied, apply, bring, write_tags
from syncd.engine.crash_recovery import Settled, abandon, settle
from syncd.engine.decide import Decision, decide
from syncd.engine.failures import clear_errors, locked_errors
from syncd.engine.mark import leave_mark
from syncd.engine.mode import Pace, recounted
from syncd.engine.options import Options
from syncd.engine.plan_file import plan_json, require_unmoved
from syncd.engine.result import RunResult
from syncd.engine.run_record import RunRecord, recorded
from syncd.engine.samples import refresh_samples
from syncd.engine.session import Session, open_session, open_sql
from syncd.engine.steps import Step, reached
from syncd.errors import Busy, LockLost
from syncd.logs import Logger
from syncd.model import Action, Direction, Plan
from syncd.model.result import Status
from syncd.model.run import JUDGING, RunMode, RunStatus
from syncd.store import baseline, changes, conflicts, cursors, held, runs, waiting
from syncd.store.capture_read import prune
from syncd.store.lock import has_other_daemon, no_reconnect, one_run
from syncd.store.tables import tables_for

log = Logger(__name__)

PATIENCE_S = 15.0
"""How long a command waits for a daemon's run."""

KEEP_CAPTURED = timedelta(days=1)
"""How long captured changes are kept: a binding that was not run for longer reads everything."""


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
    """Holds the binding's lock; under it, neither connection is ever replaced by a new one."""
    with ExitStack() as stack:
        _take_lock(session, stack)
        if session.state is not session.writing:
            stack.enter_context(no_reconnect(session.state))
        yield


def _take_lock(session: Session, stack: ExitStack) -> None:
    """Takes the lock; waits for a daemon's run, which is brief, and not for any other run, which may take long."""
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
    """The run that is under way, according to its row."""
    row = runs.latest(session.state, session.tables, session.mapping.binding)
    if row is None or row["status"] != RunStatus.RUNNING:
        return None
    return f"run {row['id']} on {row['host']}, process {row['pid']}, since {row['started_at']:%Y-%m-%d %H:%M:%S}"


def _plan_only(session: Session, options: Options) -> RunResult:
    with ExitStack() as until_done:
        decision = decide(session, options, until_done)
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
    settled = settle(session, keep=True)
    reached(Step.SETTLED)
    mode = RunMode.FULL if options.full else RunMode.INCREMENTAL
    with ExitStack() as until_done:
        run = until_done.enter_context(recorded(session, mode, at_once=not options.quiet))
        until_done.enter_context(bound_contextvars(run=run.id))
        decision = decide(session, options, until_done)
        reached(Step.PLANNED)
        if options.expected is not None:
            require_unmoved(decision.plan, options.expected)
        if decision.plan.held is not None:
            return _hold(session, options, run, decision, settled)
        silent = options.quiet and _finds_nothing(session, decision.plan, settled)
        if not silent:
            options.progress("applying")
        if options.quiet and not silent:
            run.open()
        return _apply(session, options, run, decision, settled, silent=silent)


def _finds_nothing(session: Session, plan: Plan, settled: Settled) -> bool:
    """Whether a run needs no row: it has nothing to do, and the last run with a row ended well."""
    if _may_log(plan) or settled:
        return False
    last = runs.latest(session.state, session.tables, plan.binding, modes=JUDGING)
    session.rest()
    return last is not None and last["status"] == RunStatus.DONE


def _may_log(plan: Plan) -> bool:
    return bool(plan.changes or plan.dropped or plan.counts.first_met)


def _apply(
    session: Session, options: Options, run: RunRecord, decision: Decision, settled: Settled, *, silent: bool
) -> RunResult:
    """Applies the plan. A ``silent`` run has no row so far: it gets one if a conflict is opened."""
    plan = decision.plan
    applied = apply(session, plan, run.id, options.progress, settled.left)
    for rows in decision.met or ():
        options.progress("recording what was met")
        baseline.save(session.state, session.tables, session.mapping, rows)
    if silent and applied.opened:
        run.begin()
    # What a tag has left out is older than any cursor of this run.
    after = recounted([] if options.tag is not None else list(decision.moved), rows_added(applied))
    for cursor in after:
        cursors.save(session.state, session.tables, plan.binding, cursor)
    result = RunResult(
        binding=plan.binding,
        run_id=None if silent and not applied.opened else run.id,
        mode=decision.mode,
        dry_run=False,
        plan=plan,
        recorded=applied.recorded,
        settled=settled.recorded,
        opened=applied.opened,
        open_conflicts=conflicts.count_open(session.state, session.tables, plan.binding),
        why_full=decision.why_full,
        notes=plan.notes,
        waiting=waiting.count(session.state, session.tables, plan.binding),
    )
    at = session.now()
    run.done(at, _counts(result), decision.mode)
    held.drop(session.state, session.tables, plan.binding)
    if session.capture is not None and decision.mode == RunMode.FULL:
        prune(session.state, session.tables, at - KEEP_CAPTURED)
    session.state.commit()
    reached(Step.COMMITTED)
    result = complete(session, run.id, applied, result, _counts, options.progress)
    write_tags(session, plan, result.recorded)
    if decision.mode == RunMode.FULL:
        refresh_samples(session)
    if _may_log(plan) or settled.left or not decision.marked.is_newest:
        leave_mark(session, decision.marked.mark, accepted=decision.marked.behind is not None)
    return result


def _hold(session: Session, options: Options, run: RunRecord, decision: Decision, settled: Settled) -> RunResult:
    """Records the held plan, and the tags that show reviewers where it is; nothing else is written."""
    plan = decision.plan
    # What applying it would do: everything read, whatever is young, and brakes released.
    meant = None
    known = _is_known_held(session, plan)
    silent = options.quiet and known and not settled and _was_held(session, plan)
    if options.quiet and not silent:
        run.open()
    if not known:
        released = replace(options, full=True, force=True, pace=Pace(options.pace.overlap))
        with ExitStack() as until_done:
            meant = decide(session, released, until_done).plan
    result = RunResult(
        binding=plan.binding,
        run_id=None if silent else run.id,
        mode=decision.mode,
        dry_run=False,
        plan=plan,
        settled=settled.recorded,
        open_conflicts=conflicts.count_open(session.state, session.tables, plan.binding),
        held=plan.held,
        why_full=decision.why_full,
        notes=plan.notes,
        waiting=waiting.count(session.state, session.tables, plan.binding),
    )
    abandon(session, settled.left)
    at = session.now()
    run.hold(at, _counts(result), plan.held, decision.mode)
    if meant is not None:
        held.save(session.state, session.tables, run.id, at, plan, meant, plan_json(meant))
    session.state.commit()
    if not silent:
        write_tags(session, plan)
    return result


def _was_held(session: Session, plan: Plan) -> bool:
    """Whether the last run's row says the same already."""
    last = runs.latest(session.state, session.tables, plan.binding, modes=JUDGING)
    session.rest()
    return last is not None and last["status"] == RunStatus.HELD and last["held"] == plan.held


def _is_known_held(session: Session, plan: Plan) -> bool:
    """Whether the same plan was held before: then everything need not be read again to say what it would do."""
    known = held.load(session.state, session.tables, plan.binding)
    session.rest()
    return known is not None and known.noticed == plan.digest


def _counts(result: RunResult) -> dict[str, object]:
    left_out = ("binding", "run_id", "mode", "dry_run", "held", "seconds")
    return {name: value for name, value in result.as_json().items() if name not in left_out}


def complete(
    session: Session,
    run_id: str,
    applied: Applied,
    result: RunResult,
    counts: Callable[[RunResult], dict[str, object]],
    progress: Callable[[str], None],
) -> RunResult:
    """Writes to FiftyOne what a committed run still owes it; the result includes what became of that."""
    if not applied.owed:
        return result
    try:
        brought = bring(session, applied.owed, run_id, progress)
    except LockLost as lost:
        # Everything else is committed: the run is done, and another one may be settling the rest of it already.
        log.warning("ids and answers are brought by the next run", binding=result.binding, why=lost.message)
        return result
    result = replace(result, recorded=(*result.recorded, *brought))
    runs.renew(session.state, session.tables, run_id, counts(result))
    session.state.commit()
    session.rest()
    return result


def rows_added(applied: Applied) -> int:
    """By how many rows syncd itself has changed the table."""
    step = {Action.INSERT: 1, Action.DELETE: -1, Action.UPDATE: 0}
    return sum(
        step[each.change.action]
        for each in applied.recorded
        if each.status == Status.APPLIED and each.change.direction is Direction.TO_DATABASE
    )


def reconcile_binding(config: Config, name: str, options: Options) -> RunResult:
    """Opens the binding and reconciles it. A dataset that is gone holds a binding that knew its labels."""
    with clear_errors():
        try:
            with open_session(config, name) as session:
                return reconcile(session, options)
        except DatasetMissing as missing:
            held = hold_missing(config, name, missing, dry_run=options.dry_run)
            if held is None:
                raise
            return held


def hold_missing(
    config: Config, name: str, missing: DatasetMissing, *, dry_run: bool = False, quiet: bool = False
) -> RunResult | None:
    """``None`` where the binding was never reconciled: then the dataset is simply not there yet.

    ``quiet`` leaves no row behind where the last run's says the same.
    """
    schema = config.state.schema_name
    with ExitStack() as stack:
        # The lock is where any other run of the binding takes it.
        writing, state = stack.enter_context(open_sql(config, config.binding(name)))
        tables = tables_for(state, schema)
        known = baseline.size(state, tables, name)
        if not known:
            return None
        reason = f"{missing.message} {known:,} of its annotations are known, and none of them is taken for deleted"
        reason += ": rename it back, restore it, or make it anew as docs/operations.md says"
        open_now = conflicts.count_open(state, tables, name)
        run_id = None
        last = runs.latest(state, tables, name) if quiet else None
        state.rollback()
        if not dry_run and not (last and last["status"] == RunStatus.HELD and last["held"] == reason):
            with one_run(writing, schema, name):
                at = clock(state)
                run_id = runs.new_id(at)
                runs.start(state, tables, name, run_id, RunMode.FULL, at)
                runs.close(state, tables, run_id, RunStatus.HELD, at, counts={}, held=reason)
                state.commit()
    return RunResult(name, run_id, RunMode.FULL, dry_run, plan=None, open_conflicts=open_now, held=reason)
