"""The tags that syncd itself sets, and takes off again."""

from __future__ import annotations

from syncd.model import Brakes, TagEdit
from unit.diff.test_tags import REVIEW, one, plan
from unit.diff.world import B, D, F, changes, kinds, opened, plan_of


def mark(*add: str, remove: tuple[str, ...] = (), name: str = "a") -> TagEdit:
    return TagEdit(f"s-{name}", f"l-{name}", add, remove)


def test_a_conflict_marks_its_label_once() -> None:
    assert one(label="krill", home={"label": "salp"}).tags == (mark("m:conflict"),)
    assert one(label="krill", home={"label": "salp"}, tags=["m:conflict"]).tags == ()


def test_an_unknown_label_has_a_mark_of_its_own() -> None:
    assert one(label="kril").tags == (mark("m:unknown"),)
    assert one(label="kril", tags=["m:conflict"]).tags == (mark("m:unknown", remove=("m:conflict",)),)


def test_marks_go_when_what_they_say_is_settled() -> None:
    assert one(tags=["m:conflict", "m:unknown", "m:held"]).tags == (mark(remove=("m:conflict", "m:held", "m:unknown")),)


def test_marks_ask_for_nothing_even_where_a_term_is_called_so() -> None:
    found = one(tags=["m:conflict"])
    assert (found.changes, found.conflicts, found.answered, found.waiting) == ((), (), frozenset(), ())


def test_a_copy_bears_the_mark_and_not_its_original() -> None:
    found = plan(b=[B("a")], f=[F("a"), F("a", label_id="l-2", sample="s-2")], d=[D("a")])
    assert kinds(found) == [("duplicate_id", "a", None)]
    assert found.tags == (TagEdit("s-2", "l-2", ("m:conflict",)),)


def test_a_label_that_was_not_read_keeps_its_mark() -> None:
    assert plan(b=[B("a")], f=[], d=[D("a")], complete=False).tags == ()


def test_a_conflict_that_was_not_looked_for_keeps_its_mark() -> None:
    found = plan(b=[B("a")], f=[F("a", tags=["m:conflict"], sample="s-9", label_id="l-9")], d=[D("a")],
                 conflicts=[opened("a", "edit_edit")])  # fmt: skip
    assert [each for each in found.tags if each.remove] == []


def test_a_held_plan_marks_the_edits_that_it_holds_and_takes_no_mark_away() -> None:
    names = [f"n{index}" for index in range(10)]
    found = plan(
        b=[B(each) for each in names],
        f=[F(each, label="krill", tags=["m:conflict"] if each == "n1" else None) for each in names],
        d=[D(each) for each in names],
        brakes=Brakes(min_rows=5),
    )
    assert found.held is not None
    assert found.tags == tuple(mark("m:held", name=each) for each in names)


def test_marks_that_are_switched_off_are_not_set() -> None:
    found = plan_of(b=[B("a")], f=[F("a", label="krill")], d=[D("a", label="salp")])
    assert (changes(found), found.tags) == ([], ())
    assert REVIEW.marks.conflict is not None
