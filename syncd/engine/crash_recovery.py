"""Recovers the intents that a dead run left: what is really there decides the outcome of each.

This comes before anything else in a run, so that the diff never takes syncd's own unfinished work for somebody's edit.
A store without transactions is asked for its history first: a write may have taken place and its value be gone again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from syncd.diff.images import is_other
from syncd.diff.outcomes import Recorded, answers, forgotten, held, is_lone_row, judge_result, next_baseline
from syncd.diff.overtaken import overtaken
from syncd.engine.apply import bring, intend_answers, write_stamps
from syncd.engine.owed import Owed, is_drawn, is_nameless
from syncd.engine.session import Session
from syncd.engine.slices import follow, put_back, write_back
from syncd.model import ID_FIELD, MEDIA_FIELD, SAMPLE_FIELD, Action, Change, Content, Direction, Value
from syncd.model.reasons import Reason
from syncd.model.result import Result, Status
from syncd.model.values import same_content
from syncd.store import baseline, changes, conflicts, runs
from syncd.store.changes import Intent, Outcome
from syncd.store.unfinished import arranged


@dataclass(frozen=True)
class Settled:
    """The recovered intents of a dead run, with their outcomes; and those ``left`` that had no effect."""

    recorded: tuple[Recorded, ...] = ()
    left: tuple[Intent, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.recorded or self.left)


def settle(session: Session, *, keep: bool = False) -> Settled:
    """Records outcomes for every pending intent of the binding, in one transaction; does nothing where there is none.

    ``keep`` leaves intents pending that had no effect, for :func:`syncd.store.unfinished.take_up`.
    """
    left = changes.pending(session.state, session.tables, session.mapping)
    if not left:
        return Settled()
    session.rest()
    intended = [each.change for each in left]
    # What became of a field that is not mapped any more cannot be seen, and matters to nobody.
    known_fields = (None, ID_FIELD, SAMPLE_FIELD, MEDIA_FIELD, *session.mapping.in_database.names)
    visible = [each for each in intended if each.field in known_fields]
    outward = [each for each in visible if each.direction is Direction.TO_FIFTYONE]
    homeward = [each for each in visible if each.direction is Direction.TO_DATABASE]
    state, tables, mapping = session.state, session.tables, session.mapping
    ids = {each.annotation_id for each in intended if each.annotation_id is not None}
    known = baseline.read_some(state, tables, mapping, annotation_ids=ids)
    noted = changes.noted(state, tables, mapping.binding)
    # A row that was recorded before the run died has been agreed on: its history would tell of it a second time.
    agreed_on = set(known.select("annotation_id", "label_id").iter_rows())
    unknown = [each for each in homeward if not is_drawn(each) or (each.annotation_id, each.label_id) not in agreed_on]
    told = _told(session, left, unknown)
    seen = _seen_in_database(session, [each for each in homeward if id(each) not in told])
    refused = _refused(session) if noted else frozenset()
    drawn = {
        id(each): _judge_drawn(session, each, seen.get(id(each)), known, refused)
        for seq, _, each in left
        if seq in noted and id(each) not in told
    }
    given = {id(each) for seq, _, each in left if is_drawn(each) and (seq in noted or is_nameless(each))}
    drawn |= {key: each for key, each in told.items() if key in given}
    session.rest()
    stamped = [each.change for each in drawn.values() if each.status == Status.APPLIED and is_drawn(each.change)]
    write_stamps(session, stamped)
    _complete(session, [each for each in outward if each.reason == Reason.ANSWERED])
    seen |= _seen_in_fiftyone(session, outward)
    known_now = told | drawn
    recorded = [known_now.get(id(each)) or _judge(session, each, seen.get(id(each))) for each in intended]

    at = session.now()
    # What the database answered is brought to FiftyOne next, and what was displaced goes back, by entries that come
    # after all of these.
    keep = keep and not answers(mapping, recorded) and not overtaken(mapping, known, recorded).changes
    pairs = list(zip(left, recorded, strict=True))
    stay = {
        intent.seq for intent, each in pairs if keep and each.status == Status.ABANDONED and intent.seq not in noted
    }
    finished = [each for intent, each in pairs if intent.seq not in stay]
    first, then = arranged(
        state,
        tables,
        [each for each in left if each.seq not in stay],
        [each for each in left if each.seq in stay],
    )
    outcomes = [Outcome(seq, each.change, each.status) for (seq, *_), each in zip(first, finished, strict=True)]
    changes.finish(state, tables, mapping.binding, outcomes, at)
    # What is agreed of a row that was recorded before the run died is in the baseline already.
    agreed = [each for each in recorded if each.result is not None or each.status != Status.APPLIED]
    baseline.save(state, tables, mapping, next_baseline(mapping, known, agreed))
    baseline.drop(state, tables, mapping.binding, forgotten((), recorded, known))
    run_id = left[0].run_id
    owed = list(intend_answers(session, recorded, run_id))
    if session.in_slices:
        owed += follow(session, run_id, known, recorded).owed
    state.commit()
    if owed:
        put_back(session, run_id, known, owed)
        finished += bring(session, owed, run_id)
        state.commit()
    return Settled(tuple(finished), tuple(then))


def abandon(session: Session, left: Sequence[Intent]) -> None:
    """Marks unfinished intents as abandoned, where no plan is carried out; the caller commits."""
    outcomes = [Outcome(each.seq, each.change, Status.ABANDONED) for each in left]
    if outcomes:
        changes.finish(session.state, session.tables, session.mapping.binding, outcomes, session.now())


def _told(session: Session, left: Sequence[Intent], homeward: Sequence[Change]) -> dict[int, Recorded]:
    """What a store without transactions says of writes to it, by its history; what was to be put back goes back now."""
    if not session.in_slices or not homeward:
        return {}
    since = runs.began(session.state, session.tables, {each.run_id for each in left})
    session.rest()
    found = session.database.find_writes(homeward, since)
    told = {
        id(change): judge_result(session.mapping, result)
        for change, result in zip(homeward, found, strict=True)
        if result is not None
    }
    waiting = [each for each in homeward if each.reason == Reason.OVERTAKEN and id(each) not in told]
    if waiting:
        media = _media(session, waiting)
        whole = [each if each.field else replace(each, media=media.get(str(each.sample_id))) for each in waiting]
        done = write_back(session, [Owed(0, each, Status.PENDING) for each in whole])
        told |= {
            id(change): Recorded(change, each.status, each.result) for change, each in zip(waiting, done, strict=True)
        }
    return told


def _complete(session: Session, owed: Sequence[Change]) -> None:
    """Writes answers of the database that FiftyOne has not got yet: the baseline holds them already."""
    if owed:
        session.make_sure_of_lock()
        session.fiftyone.write(owed)


def _judge(session: Session, change: Change, seen: Result | None) -> Recorded:
    """``applied`` where the effect is there, ``abandoned`` where the old state is, ``superseded`` where neither is."""
    if seen is None and is_lone_row(change) and change.sample_id is None and not session.one_transaction:
        # The database does not show it: it is there all the same.
        return Recorded(change, Status.APPLIED, Result(change, present=True, after=change.new))
    if seen is None:
        return Recorded(change, Status.ABANDONED)
    if change.action is Action.DELETE:
        if not seen.present:
            return Recorded(change, Status.APPLIED, seen)
        untouched = same_content(session.mapping, None, seen.after, change.old)
        return Recorded(change, Status.ABANDONED if untouched else Status.SUPERSEDED, seen)
    if not seen.present:
        return Recorded(change, Status.ABANDONED if change.action is Action.INSERT else Status.SUPERSEDED, seen)
    if change.action is Action.INSERT:
        ours = change.label_id is None or seen.label_id in (None, change.label_id)
        if not ours and not same_content(session.mapping, None, seen.after, change.new):
            return Recorded(change, Status.SUPERSEDED, seen)
        # It was inserted; what it holds now may be an edit made since, which the diff will see against the insert.
        agreed = Result(change, present=True, after=change.new, label_id=seen.label_id)
        return Recorded(_with_label(change, seen.label_id), Status.APPLIED, agreed)
    if seen.answered or same_content(session.mapping, change.field, seen.after, change.new):
        return Recorded(change, Status.APPLIED, seen)
    untouched = same_content(session.mapping, change.field, seen.after, change.old)
    return Recorded(change, Status.ABANDONED if untouched else Status.SUPERSEDED, seen)


_Place = tuple["str | None", "str | None"]


def _refused(session: Session) -> frozenset[_Place]:
    """The drawn labels whose row the database refused, according to the conflicts that the dead run opened."""
    found = conflicts.open_now(session.state, session.tables, session.mapping.binding).refused
    return frozenset(found.select("sample_id", "label_id").iter_rows())


def _judge_drawn(
    session: Session, change: Change, seen: Result | None, known: pl.DataFrame, refused: frozenset[_Place]
) -> Recorded:
    """The outcome of the insert for a drawn label, or of a row by itself (the inbox's), given the noted id of its row.

    A row under the noted id is the label's where it holds what the label held, or what the database makes of that;
    any other row is somebody else's. Without a noted id there is no row: it was ``refused``, or the label was gone.
    """
    if change.annotation_id is None:
        return Recorded(change, Status.REFUSED if (change.sample_id, change.label_id) in refused else Status.SUPERSEDED)
    recorded = known.filter(annotation_id=pl.lit(change.annotation_id), label_id=pl.lit(change.label_id, pl.String))
    if session.one_transaction or recorded.height:
        return Recorded(change, Status.APPLIED)
    if seen is None:
        # It is there and not shown any more: inserted once more it would be there twice.
        return Recorded(change, Status.APPLIED, Result(change, present=True, after=change.new))
    if seen.present and _others(session, change, seen) <= seen.answered:
        return Recorded(change, Status.APPLIED, seen)
    return Recorded(replace(change, annotation_id=None), Status.ABANDONED)


def _with_label(change: Change, label_id: str | None) -> Change:
    return replace(change, label_id=label_id or change.label_id)


def _seen_in_fiftyone(session: Session, intended: Sequence[Change]) -> dict[int, Result]:
    if not intended:
        return {}
    # Of a label that was on its way to another sample both places are looked at: as long as it is in the old one, it
    # has not been moved.
    targets = [str(each.new) for each in intended if each.field == SAMPLE_FIELD]
    rows = session.fiftyone.read_samples([*(str(each.sample_id) for each in intended), *targets]).rows
    by_label = {(row["sample_id"], row["label_id"]): row for row in rows.iter_rows(named=True)}
    by_id = {(row["sample_id"], row["annotation_id"]): row for row in rows.iter_rows(named=True)}
    found: dict[int, Result] = {}
    for each in intended:
        row = by_label.get((str(each.sample_id), str(each.label_id)))
        if row is None and each.action is Action.INSERT:
            row = by_id.get((str(each.sample_id), str(each.annotation_id)))
        if row is None and each.field == SAMPLE_FIELD:
            row = by_label.get((str(each.new), str(each.label_id)))
        found[id(each)] = _result(session, each, row)
    return found


def _seen_in_database(session: Session, intended: Sequence[Change]) -> dict[int, Result]:
    """What the database holds now. Within one transaction, an intent without an outcome was not carried out."""
    if session.one_transaction or not intended:
        return {}
    ids = {each.annotation_id for each in intended if each.annotation_id is not None}
    rows = session.database.read_ids(ids).rows
    by_id = {row["annotation_id"]: row for row in rows.iter_rows(named=True)}
    # Of a row that is not shown nothing can be seen; that it is not shown does not mean that it was deleted.
    hidden = session.database.written_ids(ids - by_id.keys()).ids if ids - by_id.keys() else frozenset()
    visible = [each for each in intended if each.annotation_id not in hidden]
    media = _media(session, [each for each in visible if is_drawn(each)])
    seen: dict[int, Result] = {}
    for each in visible:
        row = by_id.get(each.annotation_id)
        if row is not None and is_drawn(each) and _is_elsewhere(row["media"], media.get(str(each.sample_id))):
            row = None
        seen[id(each)] = _result(session, each, row)
    tellable = [each for each in visible if each.action is Action.UPDATE or is_drawn(each) or is_lone_row(each)]
    # A store without transactions cannot be asked by a trial.
    for change, fields in () if session.in_slices else _answered(session, tellable, seen):
        seen[id(change)] = replace(seen[id(change)], answered=fields)
    return seen


def _media(session: Session, drawn: Sequence[Change]) -> dict[str, str | None]:
    """The media of the samples on which labels were drawn, by sample."""
    samples = {str(each.sample_id) for each in drawn}
    if not samples:
        return {}
    session.rest()
    return dict(session.fiftyone.look_up_samples(samples).select("sample_id", "media").iter_rows())


def _is_elsewhere(row: str | None, label: str | None) -> bool:
    return row is None or label is None or is_other(row, label)


def _others(session: Session, change: Change, seen: Result) -> set[str]:
    """The fields that hold neither what was written nor what stood there before; a default is nothing else."""
    mapping = session.mapping.in_database
    if change.action is Action.UPDATE:
        values = (change.old, change.new)
        alike = any(same_content(mapping, change.field, seen.after, each) for each in values)
        return set() if alike else {str(change.field)}
    written, held_now = change.new, seen.after
    assert isinstance(written, dict) and isinstance(held_now, dict), "an insert is read back whole"
    given = {name: value for name, value in written.items() if value is not None}
    return {name for name, value in given.items() if not same_content(mapping, name, held_now.get(name), value)}


def _answered(
    session: Session, written: Sequence[Change], seen: dict[int, Result]
) -> Iterator[tuple[Change, frozenset[str]]]:
    """The changes that were carried out although something else is there, and in which fields.

    The database changes the value in the same way when it is written again. The trial is rolled back.
    """
    mapping = session.mapping.in_database
    there = [each for each in written if seen[id(each)].present]
    other = [(each, name) for each in there for name in sorted(_others(session, each, seen[id(each)]))]
    if not other:
        return
    trials = [
        replace(
            each,
            action=Action.UPDATE,
            field=name,
            old=_of(seen[id(each)].after, name),
            new=_of(each.new, name),
        )
        for each, name in other
    ]
    again = session.database.write(trials)
    session.writing.rollback()
    fields: dict[int, set[str]] = {}
    for (each, name), trial, tried in zip(other, trials, again, strict=True):
        if tried.matched and same_content(mapping, name, tried.after, trial.old):
            fields.setdefault(id(each), set()).add(name)
    yield from ((each, frozenset(fields[id(each)])) for each in written if id(each) in fields)


def _of(content: Content, name: str) -> Value:
    return content.get(name) if isinstance(content, dict) else content


def _result(session: Session, change: Change, row: dict[str, Any] | None) -> Result:
    if row is None:
        return Result(change, present=False)
    label = row.get("label_id")
    after = held(session.mapping, change, row)
    return Result(change, present=True, after=after, label_id=None if label is None else str(label))
