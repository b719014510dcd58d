"""Applies a direct plan: one that a person's command states (resolve, undo, recover, correct), not the diff.

It takes the same lock, writes in the same order and into the same log as a reconcile. It judges nothing but its own
changes: it opens and closes no conflict about anything else, and moves no cursor.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

import polars as pl

from syncd.diff.brakes import made_held_by
from syncd.diff.outcomes import Recorded
from syncd.diff.preconditions import baseline_of, holding
from syncd.engine.apply import apply, write_tags
from syncd.engine.crash_recovery import settle
from syncd.engine.current import look
from syncd.engine.failures import clear_errors, locked_errors
from syncd.engine.mark import leave_mark
from syncd.engine.mode import recounted
from syncd.engine.result import RunResult
from syncd.engine.run import complete, locked, rows_added
from syncd.engine.run_record import RunRecord, recorded
from syncd.engine.session import Session
from syncd.engine.steps import Step, reached
from syncd.errors import StalePlan
from syncd.model import Change, Counts, Mapping, Plan, Scope
from syncd.model.result import Status
from syncd.model.run import RunMode
from syncd.model.snapshot import baseline_schema
from syncd.store import baseline, conflicts, cursors


@dataclass(frozen=True)
class Ending:
    """What is known when everything is written and the last transaction is still open.

    ``statuses`` are those of the plan's changes, in their order.
    """

    run_id: str
    statuses: tuple[str, ...]
    at: datetime


@dataclass(frozen=True)
class DirectOptions:
    """How a direct plan is to be applied.

    ``strict`` applies all of it or, with ``StalePlan``, nothing. ``braked`` lets the brakes hold it, unless ``force``.
    ``note`` is a person's own words, kept with the run. ``finish`` writes what belongs into the last transaction.
    """

    mode: RunMode = RunMode.MADE
    dry_run: bool = False
    strict: bool = False
    braked: bool = True
    force: bool = False
    note: str | None = None
    finish: Callable[[Ending], None] = lambda _: None
    progress: Callable[[str], None] = lambda _: None


def direct_plan(mapping: Mapping, changes: Sequence[Change], notes: Sequence[str] = ()) -> Plan:
    """A plan of these changes and nothing else. Its baseline is read when it is applied."""
    return Plan(
        binding=mapping.binding,
        changes=tuple(sorted(changes, key=lambda each: each.sort_key)),
        conflicts=(),
        baseline=_no_baseline(mapping),
        dropped=(),
        counts=Counts(),
        scope=Scope(everything=False),
        notes=tuple(notes),
    )


def apply_direct(session: Session, plan: Plan, options: DirectOptions) -> RunResult:
    """Applies the changes whose preconditions still hold; the others become ``superseded``, and are named.

    A change made on both sides is carried out on both or on neither. Raises ``StalePlan`` where ``strict`` is asked
    for and anything has moved.
    """
    begun = time.monotonic()
    with clear_errors():
        if options.dry_run:
            result = _shown(session, plan, options)
        else:
            with locked(session), locked_errors(session):
                reached(Step.LOCKED)
                result = _run(session, plan, options)
    return replace(result, seconds=time.monotonic() - begun)


def _shown(session: Session, plan: Plan, options: DirectOptions) -> RunResult:
    held = _held(session, plan, options)
    return RunResult(
        binding=plan.binding,
        run_id=None,
        mode=options.mode,
        dry_run=True,
        plan=replace(plan, held=held),
        open_conflicts=conflicts.count_open(session.state, session.tables, plan.binding),
        held=held,
        notes=plan.notes,
    )


def _run(session: Session, plan: Plan, options: DirectOptions) -> RunResult:
    settled = settle(session).recorded
    reached(Step.SETTLED)
    with recorded(session, options.mode) as run:
        options.progress("looking again")
        chosen, holds = _still_true(session, plan)
        if options.strict and not all(holds):
            raise _stale(plan, holds)
        held = _held(session, chosen, options)
        session.rest()
        reached(Step.PLANNED)
        if held is not None:
            return _hold(session, replace(chosen, held=held), run, options, settled)
        options.progress("applying")
        return _apply(session, plan, chosen, holds, run, options, settled)


def _still_true(session: Session, plan: Plan) -> tuple[Plan, tuple[bool, ...]]:
    """The plan without changes whose preconditions fail, with the current baseline; and which changes hold."""
    changes = plan.changes
    present = look(session, [each.annotation_id for each in changes], [each.sample_id for each in changes])
    holds = holding(session.mapping, changes, present)
    kept = tuple(change for change, still in zip(changes, holds, strict=True) if still)
    known = baseline_of(session.mapping, kept, present)
    return replace(plan, changes=kept, baseline=known, scope=Scope(everything=False), conflicts=(), dropped=()), holds


def _stale(plan: Plan, holds: Sequence[bool]) -> StalePlan:
    first = next(change for change, still in zip(plan.changes, holds, strict=True) if not still)
    return StalePlan(
        f"The plan for {plan.binding!r} is stale: {len(holds) - sum(holds):,} of its {len(holds):,} changes no longer "
        f"find what they were made for, the first at annotation {first.annotation_id or first.label_id}.",
        remedy="Make it again with the command that made it. Nothing was changed.",
    )


def _apply(
    session: Session,
    plan: Plan,
    chosen: Plan,
    holds: Sequence[bool],
    run: RunRecord,
    options: DirectOptions,
    settled: tuple[Recorded, ...],
) -> RunResult:
    applied = apply(session, chosen, run.id)
    done = iter(applied.recorded)
    outcomes = tuple(
        next(done) if still else Recorded(change, Status.SUPERSEDED)
        for change, still in zip(plan.changes, holds, strict=True)
    )
    at = session.now()
    options.finish(Ending(run.id, tuple(each.status for each in outcomes), at))
    before = cursors.load(session.state, session.tables, plan.binding)
    added = rows_added(applied)
    for cursor in recounted(list(before.values()), added) if added else ():
        cursors.save(session.state, session.tables, plan.binding, cursor)
    result = RunResult(
        binding=plan.binding,
        run_id=run.id,
        mode=options.mode,
        dry_run=False,
        plan=chosen,
        recorded=outcomes,
        settled=settled,
        opened=applied.opened,
        open_conflicts=conflicts.count_open(session.state, session.tables, plan.binding),
        notes=plan.notes,
    )
    run.done(at, _counts(result, options))
    session.state.commit()
    reached(Step.COMMITTED)
    counts = partial(_counts, options=options)
    result = complete(session, run.id, applied, result, counts, options.progress)
    write_tags(session, chosen, result.recorded)
    leave_mark(session, None)
    return result


def _hold(
    session: Session, plan: Plan, run: RunRecord, options: DirectOptions, settled: tuple[Recorded, ...]
) -> RunResult:
    """Records that the plan was held; a held plan writes nothing else."""
    result = RunResult(
        binding=plan.binding,
        run_id=run.id,
        mode=options.mode,
        dry_run=False,
        plan=plan,
        settled=settled,
        open_conflicts=conflicts.count_open(session.state, session.tables, plan.binding),
        held=plan.held,
        notes=plan.notes,
    )
    run.hold(session.now(), _counts(result, options), plan.held)
    session.state.commit()
    return result


def _counts(result: RunResult, options: DirectOptions) -> dict[str, object]:
    counts: dict[str, object] = {
        "applied": {"to_database": result.to_database, "to_fiftyone": result.to_fiftyone},
        "superseded": result.superseded,
        "refused": result.refused,
        "settled": len(result.settled),
        "conflicts": {"opened": result.opened, "open": result.open_conflicts},
    }
    return counts if options.note is None else counts | {"note": options.note}


def _held(session: Session, plan: Plan, options: DirectOptions) -> str | None:
    """The brake that stops a direct plan: the same limits as for a reconcile."""
    if not options.braked or options.force:
        return None
    known = baseline.size(session.state, session.tables, plan.binding)
    return made_held_by(session.policy.brakes, plan.changes, known)


def _no_baseline(mapping: Mapping) -> pl.DataFrame:
    return pl.DataFrame(schema=baseline_schema(mapping))
