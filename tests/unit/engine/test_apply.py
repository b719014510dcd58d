"""How a plan is carried out: in slices, in an order that the table takes, and what is left when the lock is lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from syncd.engine import apply as module
from syncd.engine.apply import bring, sliced
from syncd.engine.options import Options
from syncd.engine.run import reconcile
from syncd.engine.session import Session
from syncd.engine.steps import Step, observed
from syncd.errors import LockLost
from syncd.model import LABEL, Action, Change, Direction
from syncd.model.result import Judge, Result, Status
from syncd.testing import Faults, MemoryRows
from trust_model.sides import TERMS
from unit.engine.test_answered_tags import TAGGED, Lab, lab, servers

__all__ = ["lab", "servers"]

BEGUN = 1
"""How often a run itself says that it applies its plan, before the first slice."""

NAMES = [f"a{number}" for number in range(5)]


def to_fiftyone(sample: str, name: str, action: Action = Action.UPDATE) -> Change:
    content = "x" if action is Action.UPDATE else {LABEL: "x"}
    return Change(name, f"l-{name}", sample, Direction.TO_FIFTYONE, action, None, None, content, "reviewed")


def pieces(changes: Sequence[Change], size: int) -> list[list[str | None]]:
    return [[each.annotation_id for each in piece] for piece in sliced(changes, size)]


def test_changes_of_one_sample_stay_in_one_slice() -> None:
    mixed = [to_fiftyone(sample, name) for sample, name in (("s", "a"), ("t", "b"), ("s", "c"), ("u", "d"), ("u", "e"))]
    assert pieces(mixed, 2) == [["a", "c"], ["b", "d", "e"]]
    assert pieces(mixed, 1) == [["a", "c"], ["b"], ["d", "e"]]
    assert pieces(mixed, 9) == [["a", "c", "b", "d", "e"]]
    assert pieces([], 2) == []


def test_what_puts_a_label_somewhere_comes_after_everything_else() -> None:
    mixed = [to_fiftyone("s", "a", Action.INSERT), to_fiftyone("t", "b"), to_fiftyone("s", "c")]
    assert pieces(mixed, 9) == [["b", "c", "a"]]
    assert pieces(mixed, 1) == [["b"], ["c"], ["a"]]


def test_nothing_owed_is_brought_without_a_call_to_anybody(lab: Lab) -> None:
    def act(session: Session) -> object:
        asked = len(faults.calls)
        found = bring(session, (), "run")
        assert len(faults.calls) == asked
        return found

    faults = Faults()
    assert lab.do(act, faults) == ()


def relabel(lab: Lab) -> None:
    """The curator gives each row another class."""
    for number, name in enumerate(NAMES):
        lab.sides.edit_row(name, LABEL, TERMS[40 + number])


def steps_of(lab: Lab, reports: list[str]) -> list[Step]:
    steps: list[Step] = []
    with observed(steps.append):
        lab.do(lambda session: reconcile(session, Options(full=True, progress=reports.append)))
    return steps


def test_labels_are_written_in_slices_between_which_progress_is_told(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.run()
    relabel(lab)
    monkeypatch.setattr(module, "SLICE", 1)
    reports: list[str] = []
    steps = steps_of(lab, reports)
    assert steps.count(Step.FIFTYONE_PARTLY_WRITTEN) == 1, "the labels stand on two samples"
    assert reports.count("applying") == BEGUN + 1
    assert [lab.both(name) for name in NAMES] == [(TERMS[40 + number],) * 2 for number in range(5)]


def test_rows_are_written_in_slices_between_which_progress_is_told(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.run()
    for number, name in enumerate(NAMES):
        lab.edit(lambda label, term=TERMS[40 + number]: label.values.update({LABEL: term}), name)
    monkeypatch.setattr(module, "HOME_SLICE", 2)
    reports: list[str] = []
    steps_of(lab, reports)
    assert reports.count("applying") == BEGUN + 2
    assert [lab.both(name) for name in NAMES] == [(TERMS[40 + number],) * 2 for number in range(5)]


def test_tags_are_left_to_the_next_run_when_the_lock_is_lost_after_the_commit(lab: Lab) -> None:
    lab.review |= {"after": "remove"}
    lab.run()
    lab.tag(TAGGED)
    lost = Faults()
    lost.fail(LockLost("the lock is gone"), method="write_tags")
    lab.run(faults=lost)
    assert (lab.both(), lab.label().tags) == ((TAGGED, TAGGED), [TAGGED])
    lab.run()
    assert (lab.both(), lab.label().tags) == ((TAGGED, TAGGED), [])


# Changes that are in each other's way


@dataclass
class OneOfEach:
    """A table in which no two rows may have the same depth: what another row still has is refused for the moment."""

    table: MemoryRows

    def __getattr__(self, name: str) -> Any:
        return getattr(self.table, name)

    def write(self, changes: Sequence[Change], judge: Judge | None = None) -> list[Result]:
        return [self._written(each, judge) for each in changes]

    def _written(self, change: Change, judge: Judge | None) -> Result:
        taken = {each.values["depth"]: each.annotation_id for each in self.table.rows}
        owner = taken.get(change.new) if change.field == "depth" and not isinstance(change.new, (dict, list)) else None
        if owner not in (None, change.annotation_id):
            return Result(change, True, change.old, matched=False, refused="not unique", in_the_way=True)
        (result,) = self.table.write([change], judge)
        return result


def moved(lab: Lab, depths: dict[str, float], reports: list[str]) -> dict[str, str]:
    """What becomes of these depths, which a reviewer gave."""
    lab.run()
    for name, depth in depths.items():
        lab.edit(lambda label, depth=depth: label.values.update(depth=depth), name)

    def act(session: Session) -> dict[str, str]:
        unique: Any = OneOfEach(lab.sides.table)
        done = reconcile(replace(session, database=unique), Options(full=True, progress=reports.append))
        return {str(each.change.annotation_id): each.status for each in done.recorded}

    found = lab.do(act)
    assert isinstance(found, dict)
    return found


def table(lab: Lab) -> dict[str, Any]:
    return {str(each.annotation_id): each.values["depth"] for each in lab.sides.table.rows}


@pytest.mark.parametrize("slice_size", [1, 10_000])
@pytest.mark.parametrize("step", [1, -1])
def test_a_chain_of_changes_gets_through_in_either_direction(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, step: int, slice_size: int
) -> None:
    monkeypatch.setattr(module, "HOME_SLICE", slice_size)
    depths = {name: float(number + step) for number, name in enumerate(NAMES)}
    reports: list[str] = []
    assert moved(lab, depths, reports) == dict.fromkeys(NAMES, Status.APPLIED)
    assert table(lab) == depths
    tried_again = reports.count("applying") > BEGUN + (len(NAMES) - 1) * (slice_size == 1)
    assert tried_again is (step == 1), "downwards, each row has left its depth when the next one wants it"


def test_of_changes_that_wait_for_each_other_none_is_made_and_the_others_are(lab: Lab) -> None:
    depths = {"a0": 1.0, "a1": 0.0, "a2": 3.0, "a3": 40.0}
    found = moved(lab, depths, [])
    assert found == {"a0": Status.REFUSED, "a1": Status.REFUSED, "a2": Status.APPLIED, "a3": Status.APPLIED}
    assert table(lab) == {"a0": 0.0, "a1": 1.0, "a2": 3.0, "a3": 40.0, "a4": 4.0}


def test_where_no_change_gets_through_none_is_tried_again(lab: Lab) -> None:
    reports: list[str] = []
    assert moved(lab, {"a0": 1.0, "a1": 0.0}, reports) == dict.fromkeys(["a0", "a1"], Status.REFUSED)
    assert reports.count("applying") == BEGUN
