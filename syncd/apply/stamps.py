"""Stamps the ids of new rows on the labels for which they were inserted, once these rows are committed.

An id belongs to a label only when its own row is there: a label whose row was refused never gets one. The entry of
such an insert stays pending until its label is stamped, so that the next run finishes what a dead run left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from syncd.model import ID_FIELD, Action, Change, Direction
from syncd.session import Session
from syncd.store.lock import make_sure

SLICE = 1_000
"""Labels between two checks of the lock."""


@dataclass(frozen=True)
class Owed:
    """What FiftyOne is owed: a change whose entry in the log is still pending, and its outcome.

    It is the insert for a drawn label, under the id that its row got, or the database's answer to an edit.
    """

    seq: int
    change: Change
    status: str


def is_drawn(change: Change) -> bool:
    """Whether a change inserts a row for a label that is there. A row that comes with its label has no label id."""
    inserted = change.action is Action.INSERT and change.direction is Direction.TO_DATABASE
    return inserted and change.label_id is not None


def is_nameless(change: Change) -> bool:
    """Whether that label has no id yet: it gets the id of its row."""
    return is_drawn(change) and change.annotation_id is None


def write_stamps(session: Session, inserted: Sequence[Change]) -> None:
    """Stamps the ids of these rows on their labels, where these have none: any other id there is an edit."""
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
