"""What is agreed after an answer to a conflict was taken back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.diff.resolution.answer import Take
from syncd.model import LABEL, Side
from trust_model import quiet
from trust_model.sides import TERMS
from unit.engine.test_answered_tags import HOME, OLD, Lab, lab, servers
from unit.engine.test_dead_runs import agreed, open_kinds, read

__all__ = ["lab", "servers"]

MINE, THIRD = TERMS[61], TERMS[62]


def disagree(lab: Lab) -> quiet.Books:
    """Both sides say something else of ``a0``; returned is how it began."""
    lab.run()
    first = read(lab)
    lab.edit(lambda label: label.values.update({LABEL: MINE}))
    lab.sides.edit_row("a0", LABEL, HOME)
    lab.run()
    assert open_kinds(lab) == ["edit_edit"]
    return first


def test_where_each_side_gets_its_own_value_back_nothing_is_agreed(lab: Lab) -> None:
    first = disagree(lab)
    lab.resolve(Take(text=THIRD))
    assert lab.both() == (THIRD, THIRD)
    lab.undo("resolved")
    books = read(lab)
    assert (lab.both(), books.baseline["a0"][LABEL]) == ((MINE, HOME), THIRD)
    quiet.check_replay(books, first.baseline)
    for other in (MINE, HOME, OLD):
        with pytest.raises(AssertionError, match="does not lead to the baseline"):
            quiet.check_replay(replace(books, baseline=agreed(books, other)), first.baseline)
    lab.run()
    assert (lab.both(), open_kinds(lab)) == ((MINE, HOME), ["edit_edit"])


def test_where_both_sides_get_one_value_back_it_is_agreed(lab: Lab) -> None:
    first = disagree(lab)
    lab.resolve(Take(Side.FIFTYONE))
    assert lab.both() == (MINE, MINE)
    lab.undo("resolved")
    books = read(lab)
    assert (lab.both(), books.baseline["a0"][LABEL]) == ((HOME, HOME), HOME)
    quiet.check_replay(books, first.baseline)
    with pytest.raises(AssertionError, match="does not lead to the baseline"):
        quiet.check_replay(replace(books, baseline=agreed(books, MINE)), first.baseline)
