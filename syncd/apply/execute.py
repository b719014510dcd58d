"""Executes a plan with the guarantees of DESIGN §5; decides nothing.

Order: intents are committed; FiftyOne is written and read back; then one database transaction holds the database
writes, the outcomes, the new baseline, the conflicts and the cursors. Only FiftyOne has no transaction, so a run
that died is settled by looking at what is really there (:mod:`syncd.apply.settle`).

Where the database made something else of a value (it rounds, it normalises), that transaction is committed with the
intents to bring this answer to FiftyOne; they are carried out, and their outcomes belong to the last commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from bson import ObjectId

from syncd.adapters.protocol import Result
from syncd.apply.outcomes import Recorded, answers, forgotten, judge_result, next_baseline, refusals
from syncd.apply.steps import Step, reached
from syncd.diff.readback import why_no_answer
from syncd.model import ID_FIELD, Action, Change, Direction, Mapping, Plan
from syncd.session import Session
from syncd.store import answered, baseline, changes, conflicts, waiting
from syncd.store.changes import APPLIED, SUPERSEDED, Outcome
from syncd.store.lock import make_sure

HOME_SLICE = 10_000
"""Changes to the database between two signs of life; all of them are one transaction."""

SLICE = 1_000
"""FiftyOne's writes between two looks at the lock: what is under way when the lock is lost is finished."""


@dataclass(frozen=True)
class Applied:
    """What became of a plan: of its changes, in their order, and after them of the answers brought to FiftyOne."""

    recorded: tuple[Recorded, ...]
    opened: int


def _silent(_: str) -> None:
    """No progress is shown."""


def apply(session: Session, plan: Plan, run_id: str, progress: Callable[[str], None] = _silent) -> Applied:
    """Carries out a plan that no brake holds, up to the last commit, which is the caller's: cursors belong to it.

    ``progress`` is told between two slices; what it raises ends the run there, to be settled by the next one.
    """
    intended = _with_ids(session, plan.changes)
    seqs = changes.record_intents(session.state, session.tables, plan.binding, run_id, intended)
    session.state.commit()
    reached(Step.INTENTS_COMMITTED)

    outward = [each for each in intended if each.direction is Direction.TO_FIFTYONE]
    stamps = [_stamp(each) for each in intended if _is_drawn(each)]
    written = _write_fiftyone(session, [*outward, *stamps], progress)
    done = {id(result.change): judge_result(session.mapping, result) for result in written}
    reached(Step.FIFTYONE_WRITTEN)

    stamped = {each.label_id for each in stamps if done[id(each)].status == APPLIED}
    homeward = [each for each in intended if each.direction is Direction.TO_DATABASE]
    ready = [each for each in homeward if not _is_drawn(each) or each.label_id in stamped]
    written_home = {id(result.change): result for result in _write_database(session, ready, progress)}
    reached(Step.DATABASE_WRITTEN)
    if not session.one_transaction:
        # Two databases have no common transaction; settling looks at the annotations if the second commit fails.
        session.writing.commit()
        reached(Step.DATABASE_COMMITTED)

    judged = (_recorded(session.mapping, each, done, written_home) for each in intended)
    recorded, opened = _record(session, plan, run_id, seqs, judged)
    reached(Step.OUTCOMES_RECORDED)
    owed = answers(session.mapping, recorded)
    return Applied((*recorded, *bring(session, owed, run_id, progress)), opened)


def bring(
    session: Session, owed: Sequence[Change], run_id: str, progress: Callable[[str], None] = _silent
) -> tuple[Recorded, ...]:
    """Brings the database's answers to FiftyOne, after a commit of all that is known; the last commit is the caller's.

    Where the process ends in between, they are carried out when the run is settled.
    """
    if not owed:
        return ()
    state, tables, binding = session.state, session.tables, session.mapping.binding
    seqs = changes.record_intents(state, tables, binding, run_id, owed)
    state.commit()
    reached(Step.ANSWERS_COMMITTED)
    done = tuple(judge_result(session.mapping, each) for each in _write_fiftyone(session, owed, progress))
    reached(Step.ANSWERS_WRITTEN)
    outcomes = (Outcome(seq, each.change, each.status) for seq, each in zip(seqs, done, strict=True))
    changes.finish(state, tables, binding, outcomes, session.database.now(), run_id=run_id)
    return done


def _write_fiftyone(session: Session, changes: Sequence[Change], progress: Callable[[str], None]) -> list[Result]:
    session.rest()
    return session.fiftyone.write_slices(_slices(session, changes, progress))


def _slices(session: Session, changes: Sequence[Change], progress: Callable[[str], None]) -> Iterator[Sequence[Change]]:
    """The changes in slices, none of them without the lock: FiftyOne itself would take them from anybody."""
    for start in range(0, len(changes), SLICE):
        if start:
            reached(Step.FIFTYONE_PARTLY_WRITTEN)
            progress("applying")
        make_sure(session.writing, session.schema, session.mapping.binding)
        yield changes[start : start + SLICE]


def _write_database(session: Session, changes: Sequence[Change], progress: Callable[[str], None]) -> list[Result]:
    judge = partial(why_no_answer, session.mapping.in_database, session.vocabulary)
    results: list[Result] = []
    for start in range(0, len(changes), HOME_SLICE):
        if start:
            progress("applying")
        results += session.database.write(changes[start : start + HOME_SLICE], judge)
    return results


def _record(
    session: Session,
    plan: Plan,
    run_id: str,
    seqs: Sequence[int],
    judged: Iterable[Recorded],
) -> tuple[tuple[Recorded, ...], int]:
    """Everything that is known now, on the state's connection; the caller commits.

    What was ``judged`` is handed back, with the number of conflicts that were opened.
    """
    state, tables, binding = session.state, session.tables, plan.binding
    at = session.database.now()
    recorded: list[Recorded] = []

    def outcomes() -> Iterator[Outcome]:
        for seq, each in zip(seqs, judged, strict=True):
            recorded.append(each)
            yield Outcome(seq, each.change, each.status)

    if seqs:
        changes.finish(state, tables, binding, outcomes(), at, run_id=run_id)
    baseline.save(state, tables, session.mapping, next_baseline(session.mapping, plan.baseline, recorded))
    baseline.drop(state, tables, binding, forgotten(plan.dropped, recorded, plan.baseline))
    waiting.update(state, tables, binding, plan.waiting, plan.scope, at)
    failed = {each.change.annotation_id for each in recorded if each.status != APPLIED}
    answered.update(state, tables, binding, plan.answered, plan.scope, failed=failed)
    found = [*plan.conflicts, *refusals(session.mapping, plan.baseline, recorded)]
    return tuple(recorded), conflicts.update(state, tables, binding, run_id, found, plan.scope, at)


def _with_ids(session: Session, planned: Sequence[Change]) -> list[Change]:
    """Gives drawn labels the ids under which they will be known for ever, and new labels those by which to find them.

    An insert that bears its label's id can be told from the same label put there by somebody else.
    """
    nameless = sum(_is_nameless(each) for each in planned)
    minted = iter(session.database.mint(nameless) if nameless else [])
    named = [replace(each, annotation_id=next(minted)) if _is_nameless(each) else each for each in planned]
    return [replace(each, label_id=str(ObjectId())) if _is_new_label(each) else each for each in named]


def _is_new_label(change: Change) -> bool:
    return change.action is Action.INSERT and change.direction is Direction.TO_FIFTYONE


def _is_nameless(change: Change) -> bool:
    return _is_drawn(change) and change.annotation_id is None


def _is_drawn(change: Change) -> bool:
    """Whether a row is inserted for a label that is there. One that comes with its label bears no label's id."""
    inserted = change.action is Action.INSERT and change.direction is Direction.TO_DATABASE
    return inserted and change.label_id is not None


def _stamp(change: Change) -> Change:
    """Writes the new id on the label. A label that bears it already (an earlier run died) is found to be done."""
    return replace(
        change,
        direction=Direction.TO_FIFTYONE,
        action=Action.UPDATE,
        field=ID_FIELD,
        old=None,
        new=change.annotation_id,
    )


def _recorded(mapping: Mapping, change: Change, done: dict[int, Recorded], written_home: dict[int, Result]) -> Recorded:
    """The outcome of an intent; what only moves the baseline is done with the transaction itself."""
    if change.direction is None:
        return Recorded(change, APPLIED)
    if id(change) in written_home:
        return judge_result(mapping, written_home[id(change)])
    return done.get(id(change)) or Recorded(change, SUPERSEDED)
