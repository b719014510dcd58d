"""Writes what a plan decided about tags, when everything else is done.

Tags are no annotation values, and no log holds them. They come last, so that a tag is never gone before what it asked
for is certain; a run that dies here leaves them to the next run that reads their labels.
"""

from __future__ import annotations

from collections.abc import Sequence

from syncd.apply.outcomes import Recorded
from syncd.errors import LockLost
from syncd.logs import Logger
from syncd.model import Plan
from syncd.model.plan import ANSWERED
from syncd.session import Session
from syncd.store.changes import APPLIED
from syncd.store.lock import make_sure

log = Logger(__name__)

SLICE = 1_000
"""Tag edits between two checks of the lock."""


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
            make_sure(session.writing, session.schema, session.mapping.binding)
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
        if each.status != APPLIED and each.change.direction is not None and each.change.reason != ANSWERED
    }
