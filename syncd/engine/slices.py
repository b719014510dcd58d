"""Writes a plan's changes to a store without transactions: slice by slice, each recorded before the next is written.

What is written is there for good, so that a process that ends leaves at most one slice of which the outcome is unknown;
:mod:`syncd.engine.crash_recovery` looks that up in the store. Before each slice the lock is looked at.

Where a write turns out to have displaced somebody's value, the log knows of it before anything else is written: the
outcome, the conflict with all three values, and the intent to put the value back are one commit. Then it is put back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import polars as pl

from syncd.diff.outcomes import Recorded, answers, forgotten, judge_result, next_baseline, refusals
from syncd.diff.overtaken import overtaken
from syncd.diff.readback import why_no_answer
from syncd.engine.owed import Owed, is_nameless
from syncd.engine.session import Session
from syncd.engine.steps import Step, reached
from syncd.model import Action, Change, Conflict, Direction, Plan, Scope
from syncd.model.capabilities import BulkValues
from syncd.model.kinds import dumps, to_json
from syncd.model.result import Result, Status
from syncd.model.values import same_content
from syncd.pipelining import batches
from syncd.store import baseline, changes, conflicts
from syncd.store.changes import Outcome

NOTHING_ELSE = Scope(everything=False)
"""Of a slice alone: it says nothing of any other conflict."""


@dataclass(frozen=True)
class Intended:
    """A change of the plan, its number in the log, and whether it may still be written."""

    seq: int
    change: Change
    may: bool = True


@dataclass
class Early:
    """What is recorded and committed before the rest of the run: nothing, where the store has transactions.

    ``recorded`` are outcomes by ``seq``; ``owed`` what FiftyOne is to be given after the last commit (put-backs with
    their results among them); ``saved`` are annotations whose baseline is stored; ``found`` the conflicts that were
    opened, by what they are about, and ``opened`` their number.
    """

    recorded: dict[int, Recorded] = field(default_factory=dict)
    owed: list[Owed] = field(default_factory=list)
    saved: set[str] = field(default_factory=set)
    found: dict[str, Conflict] = field(default_factory=dict)
    opened: int = 0


def order_of_writing(session: Session, planned: Sequence[Change]) -> list[int]:
    """The positions of the changes in the order in which they are recorded: that of the plan, or as slices need it.

    Entries of the log are finished in order of ``seq``. So what goes to FiftyOne comes first, and labels without an id
    last: their entries wait for the id. In between, equal values come together where a call writes but one.
    """
    if not session.in_slices:
        return list(range(len(planned)))
    same = session.database.capabilities.bulk_values is BulkValues.SAME

    def key(position: int) -> tuple[int, str, str, str]:
        change = planned[position]
        if change.direction is not Direction.TO_DATABASE:
            return (0, "", "", "")
        if is_nameless(change):
            return (3, "", "", "")
        if same and change.action is Action.UPDATE:
            return (1, str(change.field), dumps(to_json(change.new)), dumps(to_json(change.old)))
        return (1 if change.action is Action.UPDATE else 2, "", "", "")

    return sorted(range(len(planned)), key=key)


def write_in_slices(
    session: Session,
    plan: Plan,
    run_id: str,
    intended: Sequence[Intended],
    judged: Callable[[Change], Recorded],
    progress: Callable[[str], None],
) -> Early:
    """Records what is known already (``judged``), then writes and records the changes to the store, slice by slice."""
    early = Early()
    recorder = _Recorder(session, plan, run_id, early)
    homeward = [each for each in intended if each.change.direction is Direction.TO_DATABASE]
    recorder.outstanding = Counter(each.change.annotation_id for each in homeward)
    others = [each for each in intended if each.change.direction is not Direction.TO_DATABASE]
    if others:
        recorder.record([(each, judged(each.change)) for each in others])
    for number, piece in enumerate(batches(homeward, session.database.capabilities.slice_size)):
        if number:
            progress("applying")
        written = _write(session, piece)
        reached(Step.SLICE_WRITTEN)
        recorder.outstanding.subtract(each.change.annotation_id for each in piece)
        recorder.record(written)
        reached(Step.SLICE_RECORDED)
        recorder.put_back()
    return early


def _write(session: Session, piece: Sequence[Intended]) -> list[tuple[Intended, Recorded]]:
    """Writes one slice, with the lock in hand; what may not be written any more is superseded."""
    judge = partial(why_no_answer, session.mapping.in_database, session.vocabulary)
    session.make_sure_of_lock()
    ready = [each for each in piece if each.may]
    ids = _new_ids(session, [each for each in ready if is_nameless(each.change)])
    named = [replace(each.change, annotation_id=ids.get(each.seq, each.change.annotation_id)) for each in ready]
    results = session.database.write(named, judge) if named else []
    outcomes = {each.seq: _judged(session, each, result) for each, result in zip(ready, results, strict=True)}
    return [(each, outcomes.get(each.seq) or Recorded(each.change, Status.SUPERSEDED)) for each in piece]


def _judged(session: Session, intended: Intended, result: Result) -> Recorded:
    recorded = judge_result(session.mapping, result)
    if is_nameless(intended.change) and recorded.status != Status.APPLIED:
        return replace(recorded, change=intended.change)
    return recorded


def _new_ids(session: Session, nameless: Sequence[Intended]) -> dict[int, str]:
    """Ids by ``seq``, in the log before they are in the store: an insert whose answer is lost is found by them."""
    given = session.database.new_ids(len(nameless)) if nameless else None
    if given is None:
        return {}
    ids = {each.seq: name for each, name in zip(nameless, given, strict=True)}
    changes.note_ids(session.state, session.tables, ids, session.now())
    session.state.commit()
    return ids


@dataclass
class _Recorder:
    """Records outcomes, each with the baseline, conflicts and further intents that follow from it.

    ``outstanding`` counts what later slices still write of each annotation: until then nothing is agreed of it.
    """

    session: Session
    plan: Plan
    run_id: str
    early: Early
    outstanding: Counter[str | None] = field(default_factory=Counter)
    _so_far: dict[str | None, list[Recorded]] = field(default_factory=dict)

    def record(self, written: Sequence[tuple[Intended, Recorded]]) -> None:
        """Records, and commits."""
        session, early, at = self.session, self.early, self.session.now()
        state, tables, mapping, binding = session.state, session.tables, session.mapping, self.plan.binding
        done = [(each, recorded) for each, recorded in written if not is_nameless(each.change)]
        named = [(each, recorded) for each, recorded in written if is_nameless(each.change)]
        outcomes = [Outcome(each.seq, recorded.change, recorded.status) for each, recorded in done]
        changes.finish(state, tables, binding, outcomes, at, run_id=self.run_id)
        ids = {each.seq: recorded.change.annotation_id for each, recorded in named}
        changes.note_ids(state, tables, ids, at)
        early.owed += [Owed(each.seq, recorded.change, recorded.status) for each, recorded in named]
        early.recorded |= {each.seq: recorded for each, recorded in written}
        made = [recorded for _, recorded in written]
        self._save(made)
        self._open(made)
        asked = answers(mapping, made)
        seqs = changes.record_intents(state, tables, binding, self.run_id, asked)
        early.owed += [Owed(seq, each, Status.PENDING) for seq, each in zip(seqs, asked, strict=True)]
        state.commit()

    def _save(self, made: Sequence[Recorded]) -> None:
        """Stores what is agreed of annotations of which nothing more is to be written."""
        session, known = self.session, self.plan.baseline
        for each in made:
            self._so_far.setdefault(each.change.annotation_id, []).append(each)
        ready = [name for name in self._so_far if name is not None and not self.outstanding[name]]
        if not ready:
            return
        about = [each for name in ready for each in self._so_far.pop(name)]
        rows = next_baseline(session.mapping, known.filter(pl.col("annotation_id").is_in(ready)), about)
        baseline.save(session.state, session.tables, session.mapping, rows)
        baseline.drop(session.state, session.tables, self.plan.binding, forgotten((), about, known))
        self.early.saved.update(ready)

    def _open(self, made: Sequence[Recorded]) -> None:
        """Opens the conflicts that follow, and intends to put back what was displaced."""
        self._add(follow(self.session, self.run_id, self.plan.baseline, made))

    def put_back(self) -> None:
        """Puts back what was displaced."""
        self._add(put_back(self.session, self.run_id, self.plan.baseline, self.early.owed))

    def _add(self, followed: Followed) -> None:
        self.early.owed += followed.owed
        self.early.found |= followed.found
        self.early.opened += followed.opened


@dataclass
class Followed:
    """What follows from outcomes: put-backs that are intended, conflicts by what they are about, how many opened."""

    owed: list[Owed] = field(default_factory=list)
    found: dict[str, Conflict] = field(default_factory=dict)
    opened: int = 0


def follow(session: Session, run_id: str, known: pl.DataFrame, made: Sequence[Recorded]) -> Followed:
    """Opens the conflicts about refused values and displaced ones, and intends to put the latter back.

    In the transaction that holds the outcomes; ``known`` is the baseline before them.
    """
    state, tables, binding = session.state, session.tables, session.mapping.binding
    after = overtaken(session.mapping, known, made)
    found = [*refusals(session.mapping, known, made), *after.conflicts]
    opened = conflicts.update(state, tables, binding, run_id, found, NOTHING_ELSE, session.now()) if found else 0
    seqs = changes.record_intents(state, tables, binding, run_id, after.changes)
    owed = [Owed(seq, each, Status.PENDING) for seq, each in zip(seqs, after.changes, strict=True)]
    return Followed(owed, {each.subject: each for each in found}, opened)


def put_back(session: Session, run_id: str, known: pl.DataFrame, owed: list[Owed]) -> Followed:
    """Puts back what was displaced, and gives the entries of ``owed`` their results.

    Each time somebody may have been there first once more: what that displaced is put back too, and is in what is
    returned. The intents are committed; their entries in the log stay pending.
    """
    total = Followed()
    waiting = [at for at, each in enumerate(owed) if each.is_put_back and each.result is None]
    while waiting:
        more = Followed()
        for piece in batches(waiting, session.database.capabilities.slice_size):
            done = write_back(session, [owed[at] for at in piece])
            for at, each in zip(piece, done, strict=True):
                owed[at] = each
            here = follow(session, run_id, known, [Recorded(each.change, each.status, each.result) for each in done])
            session.state.commit()
            more.owed += here.owed
            total.found |= here.found
            total.opened += here.opened
        reached(Step.PUT_BACK)
        waiting = list(range(len(owed), len(owed) + len(more.owed)))
        owed += more.owed
    return total


def write_back(session: Session, owed: Sequence[Owed]) -> list[Owed]:
    """Writes one slice of put-backs, with the lock in hand."""
    session.make_sure_of_lock()
    results = session.database.write([each.change for each in owed])
    return [
        replace(each, status=now.status, result=now.result)
        for each, now in zip(owed, (_as_put_back(session, result) for result in results), strict=True)
    ]


def _as_put_back(session: Session, result: Result) -> Recorded:
    """The outcome; the value that is to go back may be there already, from before a crash."""
    judged = judge_result(session.mapping, result)
    change = result.change
    there = result.present and same_content(session.mapping.in_database, change.field, result.after, change.new)
    return replace(judged, status=Status.APPLIED) if there and result.refused is None else judged
