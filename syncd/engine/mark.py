"""The mark that syncd leaves on a dataset, which shows when syncd's own tables were restored from a backup."""

from __future__ import annotations

from dataclasses import dataclass

from syncd.engine.session import Session
from syncd.errors import LockLost
from syncd.logs import Logger
from syncd.model import Mark
from syncd.model.run import LOADING
from syncd.store import changes, runs

log = Logger(__name__)


@dataclass(frozen=True)
class Standing:
    """How the mark on a dataset compares with the change log.

    ``behind`` says why syncd's own tables are older than the mark, and the ways out. ``is_older`` says that the mark is
    older than the one that was left: FiftyOne may have been restored from a backup. ``is_newest``: no mark is needed.
    """

    mark: Mark | None
    behind: str | None = None
    is_older: bool = False
    is_newest: bool = False


def standing(session: Session, mark: Mark | None) -> Standing:
    """Compares a dataset's mark with the log."""
    newest = changes.newest(session.state, session.tables, session.mapping.binding)
    # What is so in nearly every poll needs no further question.
    told = None if mark is None else (mark.seq, mark.hash)
    if told == (None if newest is None else (newest.seq, newest.hash)):
        return Standing(mark, is_newest=True)
    return Standing(mark, _behind(session, mark, newest), _is_older(session, mark, newest))


def _behind(session: Session, mark: Mark | None, newest: changes.Newest | None) -> str | None:
    """A mark of another installation of syncd, or of tables that were made anew, says nothing."""
    state, tables, binding = session.state, session.tables, session.mapping.binding
    if mark is None or not mark.seq or changes.has(state, tables, mark.seq, mark.hash):
        return None
    if runs.first(state, tables, binding) != mark.first:
        return None
    ends = f"their newest is {newest.seq}, of run {newest.run_id}" if newest else "they have none"
    recover = f"`syncd recover {binding} --side database`"
    return (
        f"syncd's own tables went back in time: FiftyOne bears the mark of run {mark.run} and its change {mark.seq}, "
        f"which they do not have ({ends}). {recover} carries what FiftyOne holds to the database, as edits; with "
        "--accept FiftyOne follows the database"
    )


def _is_older(session: Session, mark: Mark | None, newest: changes.Newest | None) -> bool:
    """A run that died before it left its mark looks the same, so it is no more than a reason to read everything."""
    if mark is None or newest is None or newest.seq <= mark.seq:
        return False
    # What was loaded from outside leaves no mark: the next run does.
    return runs.mode(session.state, session.tables, newest.run_id) not in LOADING


def leave_mark(session: Session, before: Mark | None, *, accepted: bool = False) -> None:
    """Marks the dataset with the newest change, unless it has that mark already.

    ``accepted``: the tables went back and are accepted as they are; a mark is then left even where they have no change.
    """
    state, tables, binding = session.state, session.tables, session.mapping.binding
    try:
        session.make_sure_of_lock()
    except LockLost as lost:
        # The run is committed and done; where its mark is missing, the next one reads everything.
        log.warning("the mark is left by the next run", binding=binding, why=lost.message)
        return
    seq, entry, run = changes.newest(state, tables, binding) or changes.Newest(0, "", "")
    told = before is not None and (before.seq, before.hash) == (seq, entry)
    first = None if told or not (seq or accepted) else runs.first(state, tables, binding)
    session.rest()
    if first is not None:
        session.fiftyone.leave_mark(Mark(first, run, seq, entry))
