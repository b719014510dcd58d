"""Plans, their order and digest, and the scope within which conflicts close."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from syncd.model import ID_FIELD, Action, Change, Conflict, Counts, Direction, Plan, Scope

CHANGE = Change("a", "l", "s", Direction.TO_DATABASE, Action.UPDATE, "label", "x", "y", "reviewed")
CONFLICT = Conflict("edit_edit", "a", "s", "l", "label", "x", "y", "z")


def plan(*changes: Change, conflicts: tuple[Conflict, ...] = ()) -> Plan:
    return Plan("one", changes, conflicts, pl.DataFrame(), (), Counts(), Scope(everything=True))


@pytest.mark.parametrize(
    "other",
    [
        {"annotation_id": "b"},
        {"label_id": "l2"},
        {"sample_id": "s2"},
        {"direction": Direction.TO_FIFTYONE},
        {"action": Action.DELETE},
        {"field": "note"},
        {"old": None},
        {"new": 5},
        {"media": "m2"},
        {"undo_of": 7},
        {"seen_tags": ()},
    ],
)
def test_a_plan_that_would_do_something_else_has_another_digest(other: dict[str, Any]) -> None:
    assert plan(CHANGE).digest != plan(replace(CHANGE, **other)).digest


def test_the_digest_is_about_what_a_plan_does_not_about_its_wording() -> None:
    assert plan(CHANGE).digest == plan(replace(CHANGE, reason="other", actor="ann")).digest
    assert plan(conflicts=(CONFLICT,)).digest != plan().digest
    assert plan(conflicts=(CONFLICT,)).digest != plan(conflicts=(replace(CONFLICT, database="w"),)).digest


def test_a_plan_that_only_moves_the_baseline_is_empty() -> None:
    assert plan(replace(CHANGE, direction=None)).is_empty
    assert not plan(CHANGE).is_empty
    both = plan(CHANGE, replace(CHANGE, direction=None), replace(CHANGE, direction=Direction.TO_FIFTYONE))
    assert [both.count(way) for way in (*Direction, None)] == [0, 1, 1, 1]


def test_what_a_label_lost_is_given_back_before_its_id() -> None:
    out = replace(CHANGE, direction=Direction.TO_FIFTYONE)
    lost = [replace(out, field=name, reason="restored") for name in ("depth", "zoom")]
    named = replace(out, field=ID_FIELD)
    removed = replace(out, action=Action.DELETE, field=None)
    wanted = [*lost, named, removed, out]
    planned = wanted[::-1]
    assert sorted(planned, key=lambda each: each.sort_key) == wanted


def test_an_id_is_restored_before_anything_is_done_under_it_and_drawn_labels_come_last() -> None:
    restored = replace(CHANGE, field=ID_FIELD)
    removed = replace(CHANGE, action=Action.DELETE, field=None)
    drawn = replace(CHANGE, annotation_id=None, action=Action.INSERT, field=None)
    other = replace(CHANGE, annotation_id="~")
    assert sorted([drawn, other, CHANGE, removed, restored], key=lambda each: each.sort_key) == [
        restored,
        removed,
        CHANGE,
        other,
        drawn,
    ]


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ({"kind": "stale_revert", "database": "w", "label_id": "l2", "sample_id": "s2"}, True),
        ({"annotation_id": "b"}, False),
        ({"field": "note"}, False),
        ({"field": None}, False),
        ({"is_copy": True}, False),
        ({"annotation_id": None}, False),
    ],
)
def test_a_conflict_is_about_one_field_of_one_annotation(other: dict[str, Any], same: bool) -> None:
    assert (replace(CONFLICT, **other).subject == CONFLICT.subject) == same


@pytest.mark.parametrize("place", [{"label_id": "l2"}, {"sample_id": "s2"}, {"label_id": None}])
@pytest.mark.parametrize("nature", [{"is_copy": True}, {"annotation_id": None}])
def test_conflicts_about_copies_and_drawn_labels_are_told_apart_by_place(place: Any, nature: Any) -> None:
    one = replace(CONFLICT, field=None, **nature)
    assert one.subject != replace(one, **place).subject


EVERYTHING = Scope(everything=True, left_alone=frozenset({"y", "ly"}), fields_left=frozenset({"h"}))
SOME = Scope(
    everything=False,
    annotation_ids=frozenset({"a", "h", "y"}),
    label_ids=frozenset({"la", "ly"}),
    left_alone=frozenset({"y", "ly"}),
    fields_left=frozenset({"h"}),
)


@pytest.mark.parametrize(
    ("annotation_id", "label_id", "field", "everything", "some"),
    [
        ("a", None, None, True, True),
        ("a", "la", "label", True, True),
        ("a", "lb", None, True, False),
        ("b", None, None, True, False),
        ("b", "la", None, True, False),
        (None, "la", None, True, True),
        (None, "lb", None, True, False),
        (None, None, None, True, False),
        ("y", None, None, False, False),
        ("a", "ly", None, False, False),
        ("h", "la", None, True, True),
        ("h", "la", "label", False, False),
    ],
)
def test_only_what_was_judged_is_closed(
    annotation_id: str | None, label_id: str | None, field: str | None, everything: bool, some: bool
) -> None:
    assert EVERYTHING.judged(annotation_id, label_id, field) == everything
    assert SOME.judged(annotation_id, label_id, field) == some


@pytest.mark.parametrize(
    ("direction", "home", "out"),
    [(Direction.BOTH, True, True), (Direction.TO_DATABASE, True, False), (Direction.TO_FIFTYONE, False, True)],
)
def test_a_field_travels_as_its_direction_says(direction: Direction, home: bool, out: bool) -> None:
    assert (direction.allows(Direction.TO_DATABASE), direction.allows(Direction.TO_FIFTYONE)) == (home, out)
