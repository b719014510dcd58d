"""Settles what a dead run left: for every intent without an outcome, what is really there decides.

Done before anything else, so that the diff never mistakes syncd's own half-done work for somebody's edit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from syncd.adapters.protocol import Result
from syncd.adapters.values import same_content
from syncd.apply.execute import bring
from syncd.apply.outcomes import Recorded, answers, forgotten, held, next_baseline
from syncd.diff.readback import ANSWERED
from syncd.model import ID_FIELD, MEDIA_FIELD, SAMPLE_FIELD, Action, Change, Direction
from syncd.session import Session
from syncd.store import baseline, changes
from syncd.store.changes import ABANDONED, APPLIED, SUPERSEDED, Outcome
from syncd.store.lock import make_sure


def settle(session: Session) -> tuple[Recorded, ...]:
    """Records outcomes for every pending intent of the binding, in one transaction; empty where there is none."""
    left = changes.pending(session.state, session.tables, session.mapping)
    if not left:
        return ()
    session.rest()
    intended = [change for _, change in left]
    # What became of a field that is not mapped any more cannot be seen, and matters to nobody.
    known_fields = (None, ID_FIELD, SAMPLE_FIELD, MEDIA_FIELD, *session.mapping.in_database.names)
    visible = [each for each in intended if each.field in known_fields]
    outward = [each for each in visible if each.direction is Direction.TO_FIFTYONE]
    homeward = [each for each in visible if each.direction is Direction.TO_DATABASE]
    _complete(session, [each for each in outward if each.reason == ANSWERED])
    seen = _seen_in_fiftyone(session, outward) | _seen_in_database(session, homeward)
    recorded = [_judge(session, each, seen.get(id(each))) for each in intended]

    state, tables, mapping = session.state, session.tables, session.mapping
    at = session.database.now()
    outcomes = [Outcome(seq, each.change, each.status) for (seq, _), each in zip(left, recorded, strict=True)]
    ids = {each.change.annotation_id for each in recorded if each.change.annotation_id is not None}
    known = baseline.read_some(state, tables, mapping, annotation_ids=ids)
    changes.finish(state, tables, mapping.binding, outcomes, at)
    baseline.save(state, tables, mapping, next_baseline(mapping, known, recorded))
    baseline.drop(state, tables, mapping.binding, forgotten((), recorded, known))
    if owed := answers(mapping, recorded):
        recorded += bring(session, owed, changes.run_of(state, tables, left[0][0]))
    state.commit()
    return tuple(recorded)


def _complete(session: Session, owed: Sequence[Change]) -> None:
    """Carries out what is left of an edit that the database has answered: the baseline knows the answer already."""
    if owed:
        make_sure(session.writing, session.schema, session.mapping.binding)
        session.fiftyone.write(owed)


def _judge(session: Session, change: Change, seen: Result | None) -> Recorded:
    """``applied`` where the effect is there, ``abandoned`` where the old state is, ``superseded`` where neither is."""
    if seen is None:
        return Recorded(change, ABANDONED)
    if change.action is Action.DELETE:
        if not seen.present:
            return Recorded(change, APPLIED, seen)
        untouched = same_content(session.mapping, None, seen.after, change.old)
        return Recorded(change, ABANDONED if untouched else SUPERSEDED, seen)
    if not seen.present:
        return Recorded(change, ABANDONED if change.action is Action.INSERT else SUPERSEDED, seen)
    if change.action is Action.INSERT:
        ours = change.label_id is None or seen.label_id in (None, change.label_id)
        if not ours and not same_content(session.mapping, None, seen.after, change.new):
            return Recorded(change, SUPERSEDED, seen)
        # It was inserted; what it holds now may be an edit made since, which the diff will see against the insert.
        agreed = Result(change, present=True, after=change.new, label_id=seen.label_id)
        return Recorded(_with_label(change, seen.label_id), APPLIED, agreed)
    if seen.answered or same_content(session.mapping, change.field, seen.after, change.new):
        return Recorded(change, APPLIED, seen)
    untouched = same_content(session.mapping, change.field, seen.after, change.old)
    return Recorded(change, ABANDONED if untouched else SUPERSEDED, seen)


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
    """What the database holds now. Where both are one transaction, an intent without outcome was not carried out."""
    if session.one_transaction or not intended:
        return {}
    ids = {str(each.annotation_id) for each in intended}
    rows = session.database.read_ids(ids).rows
    by_id = {row["annotation_id"]: row for row in rows.iter_rows(named=True)}
    # Of a row that is not shown nothing can be seen; that it is not shown does not mean that it was deleted.
    hidden = session.database.written_ids(ids - by_id.keys()).ids if ids - by_id.keys() else frozenset()
    visible = [each for each in intended if each.annotation_id not in hidden]
    seen = {id(each): _result(session, each, by_id.get(each.annotation_id)) for each in visible}
    for change in _answered(session, [each for each in visible if each.action is Action.UPDATE], seen):
        seen[id(change)] = replace(seen[id(change)], answered=frozenset([str(change.field)]))
    return seen


def _answered(session: Session, updates: Sequence[Change], seen: dict[int, Result]) -> list[Change]:
    """Those that were carried out although something else is there: the database makes that of them when asked again.

    Nothing stays of the trial.
    """
    mapping = session.mapping.in_database
    other = [
        each
        for each in updates
        if seen[id(each)].present
        and not any(same_content(mapping, each.field, seen[id(each)].after, value) for value in (each.old, each.new))
    ]
    if not other:
        return []
    again = session.database.write([replace(each, old=seen[id(each)].after) for each in other])
    session.writing.rollback()
    return [
        each
        for each, tried in zip(other, again, strict=True)
        if tried.matched and same_content(mapping, each.field, tried.after, seen[id(each)].after)
    ]


def _result(session: Session, change: Change, row: dict[str, Any] | None) -> Result:
    if row is None:
        return Result(change, present=False)
    label = row.get("label_id")
    after = held(session.mapping, change, row)
    return Result(change, present=True, after=after, label_id=None if label is None else str(label))
