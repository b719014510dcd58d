"""How a person at the command line answers conflicts and takes changes back, for the tests of this folder."""

from __future__ import annotations

from typing import Any

from syncd.diff.resolution.answer import Take
from syncd.engine.direct_plan import DirectOptions
from syncd.engine.resolve import Resolved, resolve
from syncd.engine.session import open_session
from syncd.engine.undo import Undone, undo
from syncd.model import Side
from syncd.model.run import RunMode
from syncd.model.vocabulary import Vocabulary
from syncd.store import changes, conflicts
from worlds import BINDING, World

FIFTYONE, DATABASE = Take(Side.FIFTYONE), Take(Side.DATABASE)


def ids(world: World) -> list[str]:
    return [row.annotation_id for row in world.data.rows]


def answer(
    world: World,
    take: Take,
    *,
    vocabulary: Vocabulary | None = None,
    dry_run: bool = False,
    note: str | None = None,
    **wanted: Any,
) -> Resolved:
    """Answers the open conflicts that match."""
    with open_session(world.config(), BINDING) as session:
        asked = conflicts.query(session.state, session.tables, bindings=[BINDING], **wanted)
        return resolve(session, asked, take, vocabulary=vocabulary, note=note, dry_run=dry_run)


def take_back(world: World, *, force: bool = False, dry_run: bool = False, **wanted: Any) -> Undone:
    """Takes back the applied changes that match."""
    with open_session(world.config(), BINDING) as session:
        entries = changes.query(session.state, session.tables, bindings=[BINDING], status="applied", **wanted)
        return undo(session, entries, DirectOptions(RunMode.UNDO, force=force, dry_run=dry_run))


def both(world: World, annotation_id: str) -> tuple[Any, Any]:
    """(label, row) of an annotation as both sides hold it."""
    return world.labels().get(annotation_id), world.rows().get(annotation_id)


def quiet(world: World) -> None:
    """A complete run finds nothing more to do: no echo, and a baseline that says what both sides hold."""
    again = world.reconcile(full=True)
    assert [each.change for each in again.recorded] == []
