"""What the log says of a run that died: before the labels bore their ids, or between two halves of one change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from syncd.engine.steps import Step, observed
from syncd.model import BOX, LABEL, Change
from syncd.store import changes, conflicts
from syncd.testing import Faults
from trust_model import quiet
from trust_model.quiet import Books
from trust_model.sides import TERMS
from unit.engine.test_answered_tags import HOME, OLD, TAGGED, Died, Lab, lab, servers
from worlds import at_step

__all__ = ["lab", "servers"]

REFUSED = 666.0


def draw(lab: Lab, depth: float) -> str:
    """A reviewer draws a label; returns its label id."""
    values = {LABEL: TERMS[60], BOX: [depth / 1000, 0.5, 0.1, 0.1], "depth": depth}
    return lab.sides.draw(lab.sides.samples()[2], values)


def erase(lab: Lab, label_id: str) -> None:
    """A reviewer deletes it again."""
    lab.sides.erase(next(each for each in lab.sides.labels() if each.label_id == label_id))


def dies(lab: Lab, faults: Faults, at: Step = Step.COMMITTED) -> None:
    """A run that dies, between its two commits if nothing else is said."""

    def die() -> None:
        raise Died

    with pytest.raises(Died), observed(at_step(at, die)):
        lab.run(faults=faults)


def refuses() -> Faults:
    """A database that does not take a depth."""
    faults = Faults()
    faults.refuse("depth", REFUSED)
    return faults


def told(lab: Lab, label_id: str) -> list[Any]:
    """What the log says became of the inserts of a label's row."""

    def act(session: Any) -> list[Any]:
        log = changes.query(session.state, session.tables, bindings=[session.mapping.binding])
        session.rest()
        return [each["status"] for each in log if each["label_id"] == label_id and each["action"] == "insert"]

    found = lab.do(act)
    assert isinstance(found, list)
    return found


def open_kinds(lab: Lab) -> list[str]:
    def act(session: Any) -> list[str]:
        found = conflicts.query(session.state, session.tables, bindings=[session.mapping.binding])
        session.rest()
        return [each["kind"] for each in found]

    found = lab.do(act)
    assert isinstance(found, list)
    return found


def test_a_row_that_was_refused_is_logged_so_by_whoever_settles_the_dead_run(lab: Lab) -> None:
    lab.run()
    drawn, refused = draw(lab, 70.0), draw(lab, REFUSED)
    dies(lab, refuses())
    lab.run(faults=refuses())
    assert (told(lab, drawn), told(lab, refused)) == (["applied"], ["refused"])
    assert open_kinds(lab) == ["refused_by_database"]


def test_a_row_whose_label_went_meanwhile_is_logged_as_superseded(lab: Lab) -> None:
    lab.run()
    drawn, gone = draw(lab, 70.0), draw(lab, 71.0)
    with observed(at_step(Step.INTENTS_COMMITTED, lambda: erase(lab, gone))):
        dies(lab, Faults())
    lab.run()
    assert (told(lab, drawn), told(lab, gone)) == (["applied"], ["superseded"])
    assert open_kinds(lab) == []


def test_a_label_that_was_refused_before_and_is_gone_now_is_logged_as_superseded(lab: Lab) -> None:
    lab.run()
    again = draw(lab, REFUSED)
    lab.run(faults=refuses())
    sample, label = next(each for each in lab.sides.dataset.labels() if each[1].label_id == again)
    lab.sides.touch_sample(sample.sample_id)
    label.values["depth"] = 72.0
    with observed(at_step(Step.INTENTS_COMMITTED, lambda: erase(lab, again))):
        dies(lab, refuses())
    lab.run()
    assert told(lab, again) == ["refused", "superseded"]


def read(lab: Lab) -> Books:
    """syncd's own tables, and both sides."""
    found = lab.do(lambda session: quiet.books(session, lab.sides))
    assert isinstance(found, Books)
    return found


def relabelled_half_way(lab: Lab) -> Books:
    """``a0`` is tagged, and the run that relabels it dies when FiftyOne is written; returned is how it began."""
    lab.run()
    first = read(lab)
    lab.tag(TAGGED)
    dies(lab, Faults(), Step.FIFTYONE_WRITTEN)
    assert lab.both() == (TAGGED, OLD)
    return first


def halves(books: Books) -> dict[str, str]:
    """What the log says became of the two halves; they are logged under two runs."""
    found = [each for each in books.log if each["annotation_id"] == "a0" and each["field"] == LABEL]
    assert len({each["run_id"] for each in found}) == len(found) == 2
    return {each["direction"]: each["status"] for each in found}


def agreed(books: Books, label: str) -> dict[str, dict[str, Any]]:
    """The baseline, if this label of ``a0`` were in it."""
    return books.baseline | {"a0": books.baseline["a0"] | {LABEL: label}}


def test_a_relabel_whose_second_half_comes_too_late_is_not_agreed(lab: Lab) -> None:
    first = relabelled_half_way(lab)

    def correct(change: Change) -> None:
        if change.field == LABEL and change.annotation_id == "a0":
            lab.sides.edit_row("a0", LABEL, HOME)

    faults = Faults()
    faults.before_change = correct
    lab.run(faults=faults)
    books = read(lab)
    assert halves(books) == {"to_fiftyone": "applied", "to_database": "superseded"}
    assert books.baseline["a0"][LABEL] == OLD
    quiet.check_replay(books, first.baseline)
    with pytest.raises(AssertionError, match="does not lead to the baseline"):
        quiet.check_replay(replace(books, baseline=agreed(books, TAGGED)), first.baseline)
    lab.run()
    assert (lab.both(), open_kinds(lab)) == ((TAGGED, HOME), ["edit_edit"])


def test_a_relabel_whose_second_half_is_done_by_the_next_run_is_agreed_and_undone_as_one(lab: Lab) -> None:
    first = relabelled_half_way(lab)
    lab.run()
    books = read(lab)
    assert halves(books) == {"to_fiftyone": "applied", "to_database": "applied"}
    assert books.baseline["a0"][LABEL] == TAGGED
    quiet.check_replay(books, first.baseline)
    with pytest.raises(AssertionError, match="does not lead to the baseline"):
        quiet.check_replay(replace(books, baseline=agreed(books, OLD)), first.baseline)
    undone = lab.undo("class_tag")
    assert (undone.left, lab.both()) == ((), (OLD, OLD))
    quiet.check_replay(read(lab), first.baseline)
