"""Executes a plan with the guarantees of docs/guarantees.md; decides nothing.

Order: intents are committed; FiftyOne is written and read back; then one database transaction holds the database
writes, the outcomes, the new baseline, the conflicts and the cursors. Only FiftyOne has no transaction, so the intents
of a run that died are recovered from what is really there (:mod:`syncd.engine.crash_recovery`). A store that has none
either is written in small slices instead (:mod:`syncd.engine.slices`); the conflicts and cursors come after the last.

What FiftyOne is still owed follows that commit, with a second small commit (:func:`bring`): drawn labels get the ids of
their rows, and where the database changed a value for good (it rounds, it normalises), labels get this answer.
Tags come last: they are in no log, and none may be gone before what it asked for is certain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType

import polars as pl
from bson import ObjectId

from syncd.diff.outcomes import Recorded, answers, forgotten, judge_result, next_baseline, refusals
from syncd.diff.readback import why_no_answer
from syncd.engine.owed import Owed, is_drawn, is_nameless
from syncd.engine.session import Session
from syncd.engine.slices import Early, Intended, order_of_writing, write_in_slices
from syncd.engine.steps import Step, reached
from syncd.errors import LockLost
from syncd.logs import Logger
from syncd.model import ID_FIELD, Action, Change, Direction, Mapping, Plan
from syncd.model.reasons import Reason
from syncd.model.result import Judge, Result, Status
from syncd.store import answered, baseline, changes, conflicts, waiting
from syncd.store.changes import Intent, Outcome
from syncd.store.unfinished import take_up

HOME_SLICE = 10_000
"""Changes to the database between two reports of progress; all of them are one transaction."""

SLICE = 1_000
"""Writes to FiftyOne, or edits of tags, between two checks of the lock: a slice that is under way is finished."""


@dataclass(frozen=True)
class Applied:
    """What became of a plan's changes, in their order. ``owed`` is what FiftyOne is to be given after the commit."""

    recorded: tuple[Recorded, ...]
    opened: int
    owed: tuple[Owed, ...] = ()


def _silent(_: str) -> None:
    """No progress is shown."""


def apply(
    session: Session,
    plan: Plan,
    run_id: str,
    progress: Callable[[str], None] = _silent,
    left: Sequence[Intent] = (),
) -> Applied:
    """Carries out a plan that no brake holds, up to the last commit, which the caller makes: cursors belong to it.

    ``left`` are unfinished intents of a failed run: those that the plan has too are not logged anew. ``progress`` is
    called between two slices; whatever it raises ends the run there, and the next run recovers its intents.
    """
    order = order_of_writing(session, plan.changes)
    planned = [plan.changes[each] for each in order]
    # An insert that bears its label's id can be told from the same label put there by somebody else.
    intended = [replace(each, label_id=str(ObjectId())) if _is_new_label(each) else each for each in planned]
    at = session.now()
    intended, seqs = take_up(session.state, session.tables, plan.binding, run_id, intended, left, at)
    session.state.commit()
    reached(Step.INTENTS_COMMITTED)

    outward = [each for each in intended if each.direction is Direction.TO_FIFTYONE]
    written = _write_fiftyone(session, outward, progress)
    done = {id(result.change): judge_result(session.mapping, result) for result in written}
    reached(Step.FIFTYONE_WRITTEN)

    homeward = [each for each in intended if each.direction is Direction.TO_DATABASE]
    there = _labels_there(session, [each for each in homeward if is_drawn(each)])
    ready = [each for each in homeward if not is_drawn(each) or _place(each) in there]
    early, written_home = Early(), dict[int, Result]()
    if session.in_slices:
        may = {id(each) for each in ready}
        pieces = [Intended(seq, each, id(each) in may) for seq, each in zip(seqs, intended, strict=True)]
        early = write_in_slices(session, plan, run_id, pieces, partial(_recorded, session.mapping, done), progress)
    else:
        written_home = {id(result.change): result for result in _write_database(session, ready, progress)}
    reached(Step.DATABASE_WRITTEN)
    if not session.one_transaction and not session.in_slices:
        # Two databases have no common transaction; settling looks at the annotations if the second commit fails, and
        # so must know under which ids.
        told = {seq: written_home.get(id(each)) for seq, each in zip(seqs, intended, strict=True) if is_nameless(each)}
        given = {seq: each.annotation_id for seq, each in told.items() if each is not None and each.annotation_id}
        changes.note_ids(session.state, session.tables, given, session.now())
        session.state.commit()
        reached(Step.IDS_NOTED)
        session.writing.commit()
        reached(Step.DATABASE_COMMITTED)

    judged = (
        early.recorded.get(seq) or _recorded(session.mapping, done, each, written_home)
        for seq, each in zip(seqs, intended, strict=True)
    )
    applied = _record(session, plan, run_id, _Planned(planned, seqs, order), judged, early)
    reached(Step.OUTCOMES_RECORDED)
    return applied


def intend_answers(session: Session, recorded: Sequence[Recorded], run_id: str) -> tuple[Owed, ...]:
    """Records the intents to write the database's answers to FiftyOne, in the transaction that holds the outcomes."""
    owed = answers(session.mapping, recorded)
    seqs = changes.record_intents(session.state, session.tables, session.mapping.binding, run_id, owed)
    return tuple(Owed(seq, each, Status.PENDING) for seq, each in zip(seqs, owed, strict=True))


def bring(
    session: Session, owed: Sequence[Owed], run_id: str, progress: Callable[[str], None] = _silent
) -> tuple[Recorded, ...]:
    """Writes to FiftyOne what it is owed, after a commit of everything else; the caller makes the second commit too.

    These are the ids of new rows, and then the database's answers, whose outcomes are returned; with those of what was
    put back into the store. Where the process ends in between, recovering the intents does the rest.
    """
    if not owed:
        return ()
    owed = sorted(owed, key=lambda each: each.seq)
    inserted = [each.change for each in owed if is_drawn(each.change) and each.status == Status.APPLIED]
    asked = [each for each in owed if not is_drawn(each.change) and not each.is_put_back]
    session.rest()
    if inserted:
        write_stamps(session, inserted)
        reached(Step.STAMPED)
    done = {each.seq: Recorded(each.change, each.status, each.result) for each in owed if each.is_put_back}
    if asked:
        reached(Step.ANSWERS_COMMITTED)
        written = _write_fiftyone(session, [each.change for each in asked], progress)
        # The slices, and so the results, come in an order of their own: by sample.
        judged = {id(each.change): judge_result(session.mapping, each) for each in written}
        done |= {each.seq: judged[id(each.change)] for each in asked}
        reached(Step.ANSWERS_WRITTEN)
    # Drawn labels come last in a plan, and what follows after them: entries are finished in order of ``seq``.
    became = {each.seq: done.get(each.seq) or Recorded(each.change, each.status) for each in owed}
    outcomes = [Outcome(seq, each.change, each.status) for seq, each in became.items()]
    at = session.now()
    changes.finish(session.state, session.tables, session.mapping.binding, outcomes, at, run_id=run_id)
    return tuple(done[each.seq] for each in owed if each.seq in done)


def _write_fiftyone(session: Session, changes: Sequence[Change], progress: Callable[[str], None]) -> list[Result]:
    session.rest()
    return session.fiftyone.write_slices(_slices(session, changes, progress))


def _slices(session: Session, changes: Sequence[Change], progress: Callable[[str], None]) -> Iterator[Sequence[Change]]:
    """Yields the changes in slices, none of them without the lock: FiftyOne itself would accept them from anybody."""
    for number, piece in enumerate(sliced(changes, SLICE)):
        if number:
            reached(Step.FIFTYONE_PARTLY_WRITTEN)
            progress("applying")
        session.make_sure_of_lock()
        yield piece


def sliced(changes: Sequence[Change], size: int) -> Iterator[Sequence[Change]]:
    """Changes to FiftyOne in slices of about ``size``. Those of one sample stay together: its labels are read as one.

    What puts a label somewhere comes after all other changes, as in the plan: its place may be another's before.
    """
    together: dict[tuple[bool, str | None], list[Change]] = {}
    for each in changes:
        together.setdefault((each.brings_label, each.sample_id), []).append(each)
    piece: list[Change] = []
    for _, group in sorted(together.items(), key=lambda each: each[0][0]):
        piece += group
        if len(piece) >= size:
            yield piece
            piece = []
    if piece:
        yield piece


def _write_database(session: Session, changes: Sequence[Change], progress: Callable[[str], None]) -> list[Result]:
    judge = partial(why_no_answer, session.mapping.in_database, session.vocabulary)
    results: list[Result] = []
    for start in range(0, len(changes), HOME_SLICE):
        if start:
            progress("applying")
        results += session.database.write(changes[start : start + HOME_SLICE], judge)
    return _in_another_order(session, results, judge, progress)


def _in_another_order(
    session: Session, results: list[Result], judge: Judge, progress: Callable[[str], None]
) -> list[Result]:
    """Tries again the changes that other rows were in the way of, as long as any of them gets through.

    If there is an order in which the table takes all changes, each change finds its turn; of changes that wait for each
    other none does. The order is reversed each time, so that a chain of them gets through at once in either direction.
    """
    done = any(each.matched for each in results)
    while done:
        left = [at for at, each in enumerate(results) if each.in_the_way][::-1]
        done = False
        for start in range(0, len(left), HOME_SLICE):
            progress("applying")
            positions = left[start : start + HOME_SLICE]
            again = session.database.write([results[at].change for at in positions], judge)
            done = done or any(each.matched for each in again)
            for at, each in zip(positions, again, strict=True):
                results[at] = each
    return results


@dataclass(frozen=True)
class _Planned:
    """The plan's changes in the order in which they are recorded, their numbers, and their positions in the plan."""

    changes: Sequence[Change]
    seqs: Sequence[int]
    positions: Sequence[int]


def _record(
    session: Session, plan: Plan, run_id: str, planned: _Planned, judged: Iterable[Recorded], early: Early
) -> Applied:
    """Records everything that is known now and not ``early``, on the state's connection; the caller commits.

    The entries of inserts for labels without an id stay pending, with their outcomes noted, until the labels have their
    ids.
    """
    state, tables, binding = session.state, session.tables, plan.binding
    at = session.now()
    recorded: list[Recorded] = []
    owed: list[Owed] = []

    def outcomes() -> Iterator[Outcome]:
        for seq, each, change in zip(planned.seqs, judged, planned.changes, strict=True):
            recorded.append(each)
            if seq in early.recorded:
                continue
            if is_nameless(change):
                owed.append(Owed(seq, each.change, each.status))
            else:
                yield Outcome(seq, each.change, each.status)

    if planned.seqs:
        changes.finish(state, tables, binding, outcomes(), at, run_id=run_id)
        noted = {each.seq: each.change.annotation_id if each.status == Status.APPLIED else None for each in owed}
        changes.note_ids(state, tables, noted, at)
    known = plan.baseline.filter(~pl.col("annotation_id").is_in(list(early.saved))) if early.saved else plan.baseline
    left = [each for each in recorded if each.change.annotation_id not in early.saved]
    baseline.save(state, tables, session.mapping, next_baseline(session.mapping, known, left))
    baseline.drop(state, tables, binding, forgotten(plan.dropped, left, plan.baseline))
    waiting.update(state, tables, binding, plan.waiting, plan.scope, at)
    failed = {each.change.annotation_id for each in recorded if each.status != Status.APPLIED}
    answered.update(state, tables, binding, plan.answered, plan.scope, failed=failed)
    late = [each for seq, each in zip(planned.seqs, recorded, strict=True) if seq not in early.recorded]
    refused = refusals(session.mapping, plan.baseline, late)
    opened = conflicts.update(
        state, tables, binding, run_id, [*plan.conflicts, *refused, *early.found.values()], plan.scope, at
    )
    owed += intend_answers(session, late, run_id)
    in_the_plans_order = dict(zip(planned.positions, recorded, strict=True))
    return Applied(
        tuple(in_the_plans_order[each] for each in range(len(recorded))),
        early.opened + opened,
        (*early.owed, *owed),
    )


_Place = tuple["str | None", "str | None", "str | None"]


def _labels_there(session: Session, drawn: Sequence[Change]) -> set[_Place]:
    """The labels that are still there, under the id that the plan saw, or without one: others get no row."""
    if not drawn:
        return set()
    session.rest()
    rows = session.fiftyone.read_samples({str(each.sample_id) for each in drawn}).rows
    return set(rows.select("sample_id", "label_id", "annotation_id").iter_rows())


def _place(change: Change) -> _Place:
    return change.sample_id, change.label_id, change.annotation_id


def _is_new_label(change: Change) -> bool:
    return change.action is Action.INSERT and change.direction is Direction.TO_FIFTYONE


def _recorded(
    mapping: Mapping,
    done: dict[int, Recorded],
    change: Change,
    written_home: MappingOf[int, Result] = MappingProxyType({}),
) -> Recorded:
    """The outcome of an intent; one that only moves the baseline is done with the transaction itself."""
    if change.direction is None:
        return Recorded(change, Status.APPLIED)
    if id(change) in written_home:
        return judge_result(mapping, written_home[id(change)])
    return done.get(id(change)) or Recorded(change, Status.SUPERSEDED)


def write_stamps(session: Session, inserted: Sequence[Change]) -> None:
    """Stamps the ids of these rows on their labels, where these have none: any other id there is an edit."""
    stamps = [_stamp(each) for each in inserted]
    for start in range(0, len(stamps), SLICE):
        session.make_sure_of_lock()
        session.fiftyone.write(stamps[start : start + SLICE])


def _stamp(change: Change) -> Change:
    return replace(
        change,
        direction=Direction.TO_FIFTYONE,
        action=Action.UPDATE,
        field=ID_FIELD,
        old=None,
        new=change.annotation_id,
        media=None,
    )


log = Logger(__name__)


def write_tags(session: Session, plan: Plan, recorded: Sequence[Recorded] = ()) -> None:
    """Carries out the plan's tag edits, except those whose changes were not carried out."""
    failed = unapplied(recorded)
    samples = {sample for sample, _ in failed}
    due = [
        each
        for each in plan.tags
        if not each.after_changes
        or not (each.sample_id in samples if each.label_id is None else (each.sample_id, each.label_id) in failed)
    ]
    if not due:
        return
    try:
        session.rest()
        for start in range(0, len(due), SLICE):
            session.make_sure_of_lock()
            session.fiftyone.write_tags(due[start : start + SLICE])
        session.rest()
    except LockLost as lost:
        # Everything that matters is committed: the run is done, and another one may be at work already.
        log.warning("tags are left to the next run", binding=session.mapping.binding, why=lost.message)


def unapplied(recorded: Sequence[Recorded]) -> set[tuple[str | None, str | None]]:
    """(sample, label) of the changes that were not carried out; answers of the database are asked for by no tag."""
    return {
        (each.change.sample_id, each.change.label_id)
        for each in recorded
        if each.status != Status.APPLIED and each.change.direction is not None and each.change.reason != Reason.ANSWERED
    }
