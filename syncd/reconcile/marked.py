"""The mark that syncd leaves on a dataset, by which it notices that its own tables were restored from a backup."""

from __future__ import annotations

import structlog

from syncd.errors import LockLost
from syncd.model import Mark
from syncd.session import Session
from syncd.store import changes, runs
from syncd.store.lock import make_sure

log = structlog.get_logger(__name__)

LOADS = ("ingest", "inbox")
"""Modes of runs that write to the log, and leave no mark."""


def behind(session: Session, mark: Mark | None) -> str | None:
    """Why syncd's own tables are older than the mark, and the ways out; ``None`` where they are not.

    A mark of another installation of syncd, or of tables that were made anew, says nothing.
    """
    state, tables, binding = session.state, session.tables, session.mapping.binding
    if mark is None or not mark.seq or changes.has(state, tables, mark.seq, mark.hash):
        return None
    if runs.first(state, tables, binding) != mark.first:
        return None
    newest = changes.newest(state, tables, binding)
    ends = f"their newest is {newest[0]}, of run {newest[2]}" if newest else "they have none"
    recover = f"`syncd recover {binding} --side database`"
    return (
        f"syncd's own tables went back in time: FiftyOne bears the mark of run {mark.run} and its change {mark.seq}, "
        f"which they do not have ({ends}). {recover} carries what FiftyOne holds to the database, as edits; with "
        "--accept FiftyOne follows the database"
    )


def is_older(session: Session, mark: Mark | None) -> bool:
    """Whether FiftyOne bears an older mark than was left there: then it may have been restored from a backup.

    A run that died before it left its mark looks the same, so it is no more than a reason to read everything.
    """
    if mark is None:
        return False
    newest = changes.newest(session.state, session.tables, session.mapping.binding)
    if newest is None or newest[0] <= mark.seq:
        return False
    # What was loaded from outside leaves no mark: the next run does.
    return runs.mode(session.state, session.tables, newest[2]) not in LOADS


def leave_mark(session: Session, before: Mark | None, *, accepted: bool = False) -> None:
    """Marks the dataset with the newest change, unless it bears that mark already.

    ``accepted``: the tables went back, and are taken as they are; a mark is then left even where they have no change.
    """
    state, tables, binding = session.state, session.tables, session.mapping.binding
    try:
        make_sure(session.writing, session.schema, binding)
    except LockLost as lost:
        # The run is committed and done; where its mark is missing, the next one reads everything.
        log.warning("the mark is left by the next run", binding=binding, why=lost.message)
        return
    seq, entry, run = changes.newest(state, tables, binding) or (0, "", "")
    told = before is not None and (before.seq, before.hash) == (seq, entry)
    first = None if told or not (seq or accepted) else runs.first(state, tables, binding)
    session.rest()
    if first is not None:
        session.fiftyone.leave_mark(Mark(first, run, seq, entry))
