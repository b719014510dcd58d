"""Settles what a dead run left: for every intent without an outcome, what is really there decides.

Done before anything else, so that the diff never mistakes syncd's own half-done work for somebody's edit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from syncd.adapters.protocol import Result
from syncd.adapters.values import same_content
from syncd.apply.outcomes import Recorded, forgotten, held, next_baseline
from syncd.apply.stamps import is_drawn, write_stamps
from syncd.model import ID_FIELD, Action, Change, Direction
from syncd.session import Session
from syncd.store import baseline, changes
from syncd.store.changes import ABANDONED, APPLIED, SUPERSEDED, Outcome


def settle(session: Session) -> tuple[Recorded, ...]:
    """Records outcomes for every pending intent of the binding, in one transaction; empty where there is none."""
    left = changes.pending(session.state, session.tables, session.mapping)
    if not left:
        return ()
    session.rest()
    intended = [change for _, change in left]
    # What became of a field that is not mapped any more cannot be seen, and matters to nobody.
    visible = [each for each in intended if each.field in (None, ID_FIELD, *session.mapping.in_database.names)]
    outward = [each for each in visible if each.direction is Direction.TO_FIFTYONE]
    homeward = [each for each in visible if each.direction is Direction.TO_DATABASE]
    state, tables, mapping = session.state, session.tables, session.mapping
    noted = changes.noted(state, tables, mapping.binding)
    ids = {each.annotation_id for each in intended if each.annotation_id is not None}
    known = baseline.read_some(state, tables, mapping, annotation_ids=ids)
    # Of a drawn label it is noted under which id its row went in, and what is agreed of it is in the baseline.
    agreed = set(known.select("annotation_id", "label_id").iter_rows())
    nameless = {id(change) for seq, change in left if seq in noted and is_drawn(change)}
    inserted = {
        id(each)
        for each in intended
        if id(each) in nameless and each.annotation_id is not None
        if session.one_transaction or (each.annotation_id, each.label_id) in agreed
    }
    seen = _seen_in_fiftyone(session, outward) | _seen_in_database(session, homeward)
    recorded = [
        Recorded(each, APPLIED)
        if id(each) in inserted
        else _judge(session, each, seen.get(id(each)), nameless=id(each) in nameless)
        for each in intended
    ]
    judged = [done for each, done in zip(intended, recorded, strict=True) if id(each) not in inserted]
    owed = [
        done.change
        for each, done in zip(intended, recorded, strict=True)
        if id(each) in nameless and done.status == APPLIED
    ]
    session.rest()
    write_stamps(session, owed)

    at = session.database.now()
    outcomes = [Outcome(seq, each.change, each.status) for (seq, _), each in zip(left, recorded, strict=True)]
    changes.finish(state, tables, mapping.binding, outcomes, at)
    baseline.save(state, tables, mapping, next_baseline(mapping, known, judged))
    baseline.drop(state, tables, mapping.binding, forgotten((), recorded, known))
    state.commit()
    return tuple(recorded)


def _judge(session: Session, change: Change, seen: Result | None, *, nameless: bool) -> Recorded:
    """``applied`` where the effect is there, ``abandoned`` where the old state is, ``superseded`` where neither is.

    ``nameless``: the insert of a drawn label, of which it is noted what the database made of it.
    """
    if nameless:
        return _judge_drawn(session, change, seen)
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
    if same_content(session.mapping, change.field, seen.after, change.new):
        return Recorded(change, APPLIED, seen)
    untouched = same_content(session.mapping, change.field, seen.after, change.old)
    return Recorded(change, ABANDONED if untouched else SUPERSEDED, seen)


def _judge_drawn(session: Session, change: Change, seen: Result | None) -> Recorded:
    """A row under the noted id is the label's where it holds what the label held; any other is somebody else's."""
    ours = seen is not None and seen.present and same_content(session.mapping, None, seen.after, change.new)
    if ours:
        return Recorded(change, APPLIED, seen)
    refused = change.annotation_id is None
    return Recorded(replace(change, annotation_id=None), SUPERSEDED if refused else ABANDONED)


def _with_label(change: Change, label_id: str | None) -> Change:
    return replace(change, label_id=label_id or change.label_id)


def _seen_in_fiftyone(session: Session, intended: Sequence[Change]) -> dict[int, Result]:
    if not intended:
        return {}
    rows = session.fiftyone.read_samples([str(each.sample_id) for each in intended]).rows
    by_label = {(row["sample_id"], row["label_id"]): row for row in rows.iter_rows(named=True)}
    by_id = {(row["sample_id"], row["annotation_id"]): row for row in rows.iter_rows(named=True)}
    found: dict[int, Result] = {}
    for each in intended:
        row = by_label.get((str(each.sample_id), str(each.label_id)))
        if row is None and each.action is Action.INSERT:
            row = by_id.get((str(each.sample_id), str(each.annotation_id)))
        found[id(each)] = _result(session, each, row)
    return found


def _seen_in_database(session: Session, intended: Sequence[Change]) -> dict[int, Result]:
    """What the database holds now. Where both are one transaction, an intent without outcome was not carried out."""
    if session.one_transaction or not intended:
        return {}
    rows = session.database.read_ids([each.annotation_id for each in intended if each.annotation_id is not None]).rows
    by_id = {row["annotation_id"]: row for row in rows.iter_rows(named=True)}
    places = session.fiftyone.look_up_samples({str(each.sample_id) for each in intended if is_drawn(each)})
    media = dict(places.select("sample_id", "media").iter_rows())
    found: dict[int, Result] = {}
    for each in intended:
        row = by_id.get(each.annotation_id)
        if row is not None and is_drawn(each) and row["media"] != media.get(str(each.sample_id)):
            row = None
        found[id(each)] = _result(session, each, row)
    return found


def _result(session: Session, change: Change, row: dict[str, Any] | None) -> Result:
    if row is None:
        return Result(change, present=False)
    label = row.get("label_id")
    after = held(session.mapping, change, row)
    return Result(change, present=True, after=after, label_id=None if label is None else str(label))
