"""Executes a plan with the guarantees of DESIGN §5; decides nothing.

Order: intents are committed; FiftyOne is written and read back; then one database transaction holds the database
writes, the outcomes, the new baseline, the conflicts and the cursors. Only FiftyOne has no transaction, so a run
that died is settled by looking at what is really there (:mod:`syncd.apply.settle`).

What FiftyOne is owed once the rows are committed comes after that: drawn labels get the ids of their rows
(:mod:`syncd.apply.stamps`), and where the database made something else of a value (it rounds, it normalises), labels
get this answer. That transaction is then committed first, with the intents to bring the answers; outcomes of all this
belong to the last commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from bson import ObjectId

from syncd.adapters.protocol import Result
from syncd.apply.outcomes import Recorded, answers, forgotten, judge_result, next_baseline, refusals
from syncd.apply.stamps import Owed, is_drawn, is_nameless, write_stamps
from syncd.apply.steps import Step, reached
from syncd.diff.readback import why_no_answer
from syncd.model import Action, Change, Direction, Mapping, Plan
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
    # An insert that bears its label's id can be told from the same label put there by somebody else.
    intended = [replace(each, label_id=str(ObjectId())) if _is_new_label(each) else each for each in plan.changes]
    seqs = changes.record_intents(session.state, session.tables, plan.binding, run_id, intended)
    session.state.commit()
    reached(Step.INTENTS_COMMITTED)

    outward = [each for each in intended if each.direction is Direction.TO_FIFTYONE]
    written = _write_fiftyone(session, outward, progress)
    done = {id(result.change): judge_result(session.mapping, result) for result in written}
    reached(Step.FIFTYONE_WRITTEN)

    homeward = [each for each in intended if each.direction is Direction.TO_DATABASE]
    there = _labels_there(session, [each for each in homeward if is_drawn(each)])
    ready = [each for each in homeward if not is_drawn(each) or _place(each) in there]
    written_home = {id(result.change): result for result in _write_database(session, ready, progress)}
    reached(Step.DATABASE_WRITTEN)
    if not session.one_transaction:
        # Two databases have no common transaction; settling looks at the annotations if the second commit fails, and
        # so must know under which ids.
        told = {seq: written_home.get(id(each)) for seq, each in zip(seqs, intended, strict=True) if is_nameless(each)}
        given = {seq: each.annotation_id for seq, each in told.items() if each is not None and each.annotation_id}
        changes.note_ids(session.state, session.tables, given, session.database.now())
        session.state.commit()
        reached(Step.IDS_NOTED)
        session.writing.commit()
        reached(Step.DATABASE_COMMITTED)

    judged = (_recorded(session.mapping, each, done, written_home) for each in intended)
    recorded, drawn, opened = _record(session, plan, run_id, seqs, judged)
    reached(Step.OUTCOMES_RECORDED)
    owed = answers(session.mapping, recorded)
    return Applied((*recorded, *bring(session, owed, run_id, progress, drawn=drawn)), opened)


def bring(
    session: Session,
    owed: Sequence[Change],
    run_id: str,
    progress: Callable[[str], None] = _silent,
    *,
    drawn: Sequence[Owed] = (),
) -> tuple[Recorded, ...]:
    """Brings to FiftyOne what it is ``owed``, after a commit of all that is known; the last commit is the caller's.

    These are the database's answers, and the ids of the rows that were inserted for ``drawn`` labels: the ids first.
    Where the process ends in between, the rest is done when the run is settled.
    """
    if not owed and not drawn:
        return ()
    state, tables, binding = session.state, session.tables, session.mapping.binding
    seqs = changes.record_intents(state, tables, binding, run_id, owed)
    inserted = [each.change for each in drawn if each.status == APPLIED]
    if owed or inserted:
        state.commit()
        reached(Step.ANSWERS_COMMITTED)
    if inserted:
        session.rest()
        write_stamps(session, inserted)
        reached(Step.STAMPED)
    done: tuple[Recorded, ...] = ()
    if owed:
        done = tuple(judge_result(session.mapping, each) for each in _write_fiftyone(session, owed, progress))
        reached(Step.ANSWERS_WRITTEN)
    # Drawn labels come last in a plan, and answers after them: entries are finished in order of ``seq``.
    outcomes = [Outcome(each.seq, each.change, each.status) for each in drawn]
    outcomes += [Outcome(seq, each.change, each.status) for seq, each in zip(seqs, done, strict=True)]
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
) -> tuple[tuple[Recorded, ...], tuple[Owed, ...], int]:
    """Everything that is known now, on the state's connection; the caller commits.

    What was ``judged`` is handed back, the inserts for labels without an id, and the number of conflicts that were
    opened. The entries of these inserts stay pending, with what became of them, until their labels bear their ids.
    """
    state, tables, binding = session.state, session.tables, plan.binding
    at = session.database.now()
    recorded: list[Recorded] = []
    owed: list[Owed] = []

    def outcomes() -> Iterator[Outcome]:
        for seq, each, planned in zip(seqs, judged, plan.changes, strict=True):
            recorded.append(each)
            if is_nameless(planned):
                owed.append(Owed(seq, each.change, each.status))
            else:
                yield Outcome(seq, each.change, each.status)

    if seqs:
        changes.finish(state, tables, binding, outcomes(), at, run_id=run_id)
        noted = {each.seq: each.change.annotation_id if each.status == APPLIED else None for each in owed}
        changes.note_ids(state, tables, noted, at)
    baseline.save(state, tables, session.mapping, next_baseline(session.mapping, plan.baseline, recorded))
    baseline.drop(state, tables, binding, forgotten(plan.dropped, recorded, plan.baseline))
    waiting.update(state, tables, binding, plan.waiting, plan.scope, at)
    failed = {each.change.annotation_id for each in recorded if each.status != APPLIED}
    answered.update(state, tables, binding, plan.answered, plan.scope, failed=failed)
    found = [*plan.conflicts, *refusals(session.mapping, plan.baseline, recorded)]
    opened = conflicts.update(state, tables, binding, run_id, found, plan.scope, at)
    return tuple(recorded), tuple(owed), opened


_Place = tuple["str | None", "str | None", "str | None"]


def _labels_there(session: Session, drawn: Sequence[Change]) -> set[_Place]:
    """The labels that are still there, and bear the id that the plan saw, or none: others get no row."""
    if not drawn:
        return set()
    session.rest()
    rows = session.fiftyone.read_samples({str(each.sample_id) for each in drawn}).rows
    return set(rows.select("sample_id", "label_id", "annotation_id").iter_rows())


def _place(change: Change) -> _Place:
    return change.sample_id, change.label_id, change.annotation_id


def _is_new_label(change: Change) -> bool:
    return change.action is Action.INSERT and change.direction is Direction.TO_FIFTYONE


def _recorded(mapping: Mapping, change: Change, done: dict[int, Recorded], written_home: dict[int, Result]) -> Recorded:
    """The outcome of an intent; what only moves the baseline is done with the transaction itself."""
    if change.direction is None:
        return Recorded(change, APPLIED)
    if id(change) in written_home:
        return judge_result(mapping, written_home[id(change)])
    return done.get(id(change)) or Recorded(change, SUPERSEDED)
