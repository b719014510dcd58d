"""Boxes that are pixels where fractions of the image are meant: said once, before they are loaded."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.diff.box_units import why_not_relative
from syncd.model import BOX, Plan
from unit.diff.world import B, D, F, S, changes, kinds, plan_of

PIXELS = [100.0, 50.0, 200.0, 100.0]
PERCENT = [10.0, 20.0, 30.0, 40.0]
OUT_OF_IT = [-0.2, 0.5, 1.9, 0.4]
RELATIVE = [0.1, 0.2, 0.3, 0.4]


def meeting(box: Any, count: int = 12, *, theirs: Any = None, **options: Any) -> Plan:
    """A first meeting of so many rows, of which FiftyOne has the label with the box ``theirs``, or only the sample."""
    names = [f"a{index:02}" for index in range(count)]
    labels = [] if theirs is None else [F(each, box=theirs) for each in names]
    samples = [S(f"s-{each}") for each in names] if theirs is None else []
    return plan_of("box=to_fiftyone", f=labels, d=[D(each, box=box) for each in names], samples=samples, **options)


@pytest.mark.parametrize("box", [PIXELS, PERCENT])
@pytest.mark.parametrize("theirs", [None, RELATIVE])
def test_a_first_meeting_with_pixels_for_boxes_is_held_and_says_so(box: list[float], theirs: Any) -> None:
    plan = meeting(box, theirs=theirs)
    assert plan.held is not None
    assert "boxes of 12 of 12 annotations in the database are not relative to their image" in plan.held
    assert "pixels?" in plan.held


@pytest.mark.parametrize("box", [RELATIVE, OUT_OF_IT])
def test_boxes_that_reach_out_of_their_image_are_boxes(box: list[float]) -> None:
    plan = meeting(box)
    assert plan.held is None
    assert len(changes(plan)) == 12


def test_where_both_sides_have_the_same_pixels_they_agree() -> None:
    plan = meeting(PIXELS, theirs=PIXELS)
    assert (plan.held, kinds(plan)) == (None, [])


def test_a_person_may_mean_it() -> None:
    assert meeting(PIXELS, force=True).held is None


def test_a_few_pixels_among_boxes_hold_themselves_back_and_nothing_else() -> None:
    rows = [D("a", box=PIXELS), *(D(f"b{index}", box=RELATIVE) for index in range(12))]
    samples = [S("s-a"), *(S(f"s-b{index}") for index in range(12))]
    plan = plan_of("box=to_fiftyone", d=rows, samples=samples)
    assert plan.held is None
    assert len(changes(plan)) == 12
    (conflict,) = plan.conflicts
    assert (conflict.kind, conflict.annotation_id, conflict.field) == ("unsafe_value", "a", BOX)
    assert "not relative to its image" in conflict.suggestions[0]


def test_once_agreed_boxes_are_anybodys() -> None:
    plan = plan_of("box=to_fiftyone", b=[B("a", box=RELATIVE)], f=[F("a", box=RELATIVE)], d=[D("a", box=PIXELS)])
    assert changes(plan) == [("fo", "update", "a", BOX, RELATIVE, PIXELS, "changed_at_home")]


@pytest.mark.parametrize("box", [None, RELATIVE, OUT_OF_IT, [2.0, -2.0, 2.0, 2.0]])
def test_what_may_be_a_box_is_none_of_these(box: Any) -> None:
    assert why_not_relative(box) is None
