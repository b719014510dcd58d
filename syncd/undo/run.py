"""Takes logged changes of one binding back: one look at both sides, one plan, applied like any change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from syncd.model import Plan
from syncd.person import person
from syncd.reconcile.look import look
from syncd.reconcile.made import MadeOptions, apply_made, made_plan
from syncd.reconcile.result import RunResult
from syncd.session import Session
from syncd.store.changes import change_of, with_answers
from syncd.undo.invert import invert
from syncd.undo.net import Entry, Left, nets


@dataclass(frozen=True)
class Undo:
    """The inverse of some changes as a plan; ``left`` are those that are not taken back."""

    plan: Plan
    left: tuple[Left, ...]


@dataclass(frozen=True)
class Undone:
    """What became of it; ``result`` is ``None`` where nothing could be taken back."""

    plan: Plan
    left: tuple[Left, ...]
    result: RunResult | None


def plan_undo(session: Session, entries: Sequence[dict[str, Any]]) -> Undo:
    """The inverse of these applied log entries of the session's binding, given what both sides hold now."""
    mapping = session.mapping
    rows = with_answers(session.state, session.tables, mapping.binding, entries)
    chosen = [Entry(int(row["seq"]), str(row["run_id"]), change_of(row, mapping)) for row in rows]
    changes = [each.change for each in chosen]
    present = look(session, (each.annotation_id for each in changes), (each.sample_id for each in changes))
    session.rest()
    fixed = frozenset(name for name in mapping.names if not session.database.writable(name))
    known = session.vocabulary
    inverse = invert(mapping, nets(mapping, chosen), present, fixed=fixed, vocabulary=known, actor=person())
    return Undo(made_plan(mapping, inverse.changes), inverse.left)


def undo(session: Session, entries: Sequence[dict[str, Any]], options: MadeOptions) -> Undone:
    """Takes them back, as far as both sides still hold what they left."""
    planned = plan_undo(session, entries)
    if not planned.plan.changes:
        return Undone(planned.plan, planned.left, None)
    return Undone(planned.plan, planned.left, apply_made(session, planned.plan, options))
