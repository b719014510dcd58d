"""Puts the ids of new rows on the labels for which they were inserted, once these rows are committed.

An id belongs to a label only when its own row is there: a label whose row was refused never bears one. The entry of
such an insert stays pending until its label is stamped, so that a run that died in between is settled by the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog

from syncd.apply.steps import Step, reached
from syncd.errors import LockLost
from syncd.model import ID_FIELD, Action, Change, Direction
from syncd.session import Session
from syncd.store import changes, runs
from syncd.store.changes import APPLIED, Outcome
from syncd.store.lock import make_sure

log = structlog.get_logger(__name__)

SLICE = 1_000
"""Labels between two looks at the lock."""


@dataclass(frozen=True)
class Owed:
    """The insert of a drawn label: its entry in the log, and what became of it, under the id that its row got."""

    seq: int
    change: Change
    status: str


def is_drawn(change: Change) -> bool:
    """Whether a row is inserted for a label that is there. One that comes with its label bears no label's id."""
    inserted = change.action is Action.INSERT and change.direction is Direction.TO_DATABASE
    return inserted and change.label_id is not None


def is_nameless(change: Change) -> bool:
    """Whether that label has no id yet: it gets that of its row."""
    return is_drawn(change) and change.annotation_id is None


def stamp(session: Session, run_id: str, owed: Sequence[Owed]) -> None:
    """Stamps the labels of what this run inserted, and finishes their entries; everything else is committed."""
    if not owed:
        return
    try:
        session.rest()
        write_stamps(session, [each.change for each in owed if each.status == APPLIED])
        reached(Step.STAMPED)
        at = session.database.now()
        outcomes = [Outcome(each.seq, each.change, each.status) for each in owed]
        changes.finish(session.state, session.tables, session.mapping.binding, outcomes, at, run_id=run_id)
        runs.renew_head(session.state, session.tables, run_id)
        session.state.commit()
        session.rest()
    except LockLost as lost:
        # The rows are committed: the run is done, and another one may be settling the rest of it already.
        log.warning("new ids are stamped by the next run", binding=session.mapping.binding, why=lost.message)


def write_stamps(session: Session, inserted: Sequence[Change]) -> None:
    """Writes the ids of these rows on their labels, where these bear none: whatever else one bears is an edit."""
    stamps = [_stamp(each) for each in inserted]
    for start in range(0, len(stamps), SLICE):
        make_sure(session.writing, session.schema, session.mapping.binding)
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
