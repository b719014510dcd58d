"""A database that went back in time, through whole runs: what is brought forward, and what is left alone."""

from __future__ import annotations

from typing import Any

from syncd.engine.options import Options
from syncd.engine.recover import recover
from syncd.model import LABEL, Side
from trust_model.sides import TERMS
from unit.engine.test_answered_tags import Lab, lab, servers

__all__ = ["lab", "servers"]

OLD, NEW, LATER = TERMS[4], TERMS[70], TERMS[71]


def sample_of(lab: Lab, name: str) -> str:
    return next(each.sample for each in lab.sides.labels() if each.annotation_id == name)


def row(lab: Lab, name: str) -> Any:
    found = lab.sides.table.values(name)
    assert found is not None
    return found[LABEL]


def agree_then_leave(lab: Lab) -> Any:
    """Three rows are corrected at home, then the sample of ``a4`` leaves; returns the database of before."""
    lab.run()
    before = lab.sides.back_up(Side.DATABASE)
    for name in ("a1", "a3", "a4"):
        lab.sides.edit_row(name, LABEL, NEW)
    lab.run()
    lab.sides.leave(sample_of(lab, "a4"))
    lab.do(lambda session: recover(session, Side.DATABASE, Options()))  # nothing went back
    lab.run()
    return before


def test_rows_whose_samples_have_left_are_brought_forward_with_the_others(lab: Lab) -> None:
    lab.sides.put_back(Side.DATABASE, agree_then_leave(lab))
    assert row(lab, "a4") == OLD
    assert "the database went back in time" in str(lab.run().held)
    lab.do(lambda session: recover(session, Side.DATABASE, Options()))
    assert [row(lab, name) for name in ("a1", "a3", "a4")] == [NEW, NEW, NEW]
    assert lab.run().is_empty


def test_rows_that_are_edited_while_their_samples_are_away_are_left_alone(lab: Lab) -> None:
    agree_then_leave(lab)
    lab.sides.edit_row("a4", LABEL, LATER)
    for full in (False, True):
        plan = lab.run() if not full else lab.do(lambda session: recover(session, Side.DATABASE, Options())).plan
        assert (plan.changes, plan.conflicts, plan.held) == ((), (), None)
    assert row(lab, "a4") == LATER
    assert lab.run().counts.not_ingested == 3, "a0, a2 and a4"
