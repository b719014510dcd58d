"""Takes logged changes of one binding back: reads each side once, and applies one plan like any other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from syncd.actor import person
from syncd.diff.inverse import invert
from syncd.diff.net_changes import Entry, Left, nets
from syncd.diff.review import settled
from syncd.diff.tag_intents import verified_field
from syncd.diff.tags import APPROVE, CLASS, PLACE
from syncd.engine.current import Spoken, look, spoken
from syncd.engine.direct_plan import DirectOptions, apply_direct, direct_plan
from syncd.engine.result import RunResult, change_json
from syncd.engine.session import Session
from syncd.model import LABEL, Change, Json, Plan
from syncd.store.changes import change_of, with_answers


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

    @property
    def exit_code(self) -> int:
        """That of the run; 1 where nothing could be taken back."""
        return self.result.exit_code if self.result else 1

    def as_json(self) -> dict[str, Json]:
        """The document of ``syncd undo --json``: the run, its changes, and each entry that was left alone."""
        result = self.result
        return {
            "binding": self.plan.binding,
            "run_id": result.run_id if result else None,
            "applied": {
                "to_database": result.to_database if result else 0,
                "to_fiftyone": result.to_fiftyone if result else 0,
            },
            "superseded": result.superseded if result else 0,
            "refused": result.refused if result else 0,
            "held": result.held if result else None,
            "changes": [change_json(each) for each in self.plan.changes],
            "left": [
                {"annotation_id": each.annotation_id, "field": each.field, "seq": each.seq, "why": each.why}
                for each in self.left
            ],
        }


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
    heard = spoken(session, present, known)
    inverse = invert(
        mapping, nets(mapping, chosen), present, fixed=fixed, vocabulary=known, asked=heard.asked, actor=person()
    )
    verified = verified_field(mapping, session.policy.review)
    taken_back = _taken_back(heard, inverse.changes, verified.name if verified else None)
    answers = settled(session.policy.review, taken_back)
    plan = replace(direct_plan(mapping, inverse.changes), tags=answers.edits, answered=answers.answered)
    return Undo(plan, inverse.left)


def _taken_back(heard: Spoken, changes: Sequence[Change], verified: str | None) -> pl.DataFrame:
    """The tags whose effect is taken back: where one is still there, the next run would do it again."""
    new = heard.tags.filter(~pl.col("answered"))
    found = [new.clear()]
    for name, tags in (
        (LABEL, new.filter((pl.col("role") == CLASS) & pl.col("names_it"))),
        (verified, new.filter(pl.col("role") == APPROVE)),
    ):
        places = [(each.sample_id, each.label_id) for each in changes if name is not None and each.field == name]
        there = pl.DataFrame(places, schema={each: pl.String() for each in PLACE}, orient="row").unique()
        found.append(tags.join(there, on=PLACE, how="semi"))
    return pl.concat(found)


def undo(session: Session, entries: Sequence[dict[str, Any]], options: DirectOptions) -> Undone:
    """Takes them back, as far as both sides still hold what they left."""
    planned = plan_undo(session, entries)
    if not planned.plan.changes:
        return Undone(planned.plan, planned.left, None)
    return Undone(planned.plan, planned.left, apply_direct(session, planned.plan, options))
