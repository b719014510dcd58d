"""A change of a direct plan is made only where both sides still hold what it was made for."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from syncd.diff.preconditions import baseline_of, holding
from syncd.model import ID_FIELD, LABEL, MEDIA_FIELD, SAMPLE_FIELD, Action, Change, Direction, Side
from syncd.model.current import Present
from syncd.model.reasons import Reason
from syncd.model.snapshot import SAMPLES_SCHEMA, column, known_column
from unit.diff.world import CLASSIFICATIONS, B, D, F, Row, S, baseline, frame, mapping

MAPPED = mapping("depth", label_type=CLASSIFICATIONS)
DATABASE, FIFTYONE = Direction.TO_DATABASE, Direction.TO_FIFTYONE
NAMED_SO: dict[str, Any] = {LABEL: "krill", "depth": None}
"""A whole annotation."""


def present(
    b: list[Row] | None = None,
    f: list[Row] | None = None,
    d: list[Row] | None = None,
    *,
    samples: list[dict[str, Any]] | None = None,
    hidden: tuple[str, ...] = (),
) -> Present:
    found = pl.DataFrame([S("s-a")] if samples is None else samples, schema=SAMPLES_SCHEMA)
    sides = frame(Side.FIFTYONE, MAPPED, f or []), frame(Side.DATABASE, MAPPED, d or [])
    return Present(*sides, baseline(MAPPED, b or []), found, hidden=frozenset(hidden))


def change(
    way: Direction,
    action: Action,
    name: str | None,
    old: Any,
    new: Any,
    *,
    reason: str = Reason.RESOLVED,
    annotation_id: str | None = "a",
    **others: Any,
) -> Change:
    place = {"label_id": "l-a", "sample_id": "s-a"} | others
    return Change(annotation_id, direction=way, action=action, field=name, old=old, new=new, reason=reason, **place)


def update(way: Direction, old: Any = "copepod", new: Any = "krill", name: str = LABEL, **others: Any) -> Change:
    return change(way, Action.UPDATE, name, old, new, **others)


def insert(way: Direction, **others: Any) -> Change:
    return change(way, Action.INSERT, None, None, NAMED_SO, **others)


def delete(way: Direction, **others: Any) -> Change:
    return change(way, Action.DELETE, None, NAMED_SO, None, **others)


def holds(one: Change, *others: Change, **given: Any) -> bool:
    """Whether the first of the changes finds what it was made for."""
    return holding(MAPPED, [one, *others], present(**given))[0]


# One field


def test_an_update_needs_the_old_value_on_its_side_and_the_new_one_on_the_other() -> None:
    to_database = update(DATABASE)
    assert holds(to_database, f=[F("a", label="krill")], d=[D("a")])
    assert not holds(to_database, f=[F("a", label="krill")], d=[D("a", label="salp")])
    assert not holds(to_database, f=[F("a", label="salp")], d=[D("a")])
    to_fiftyone = update(FIFTYONE)
    assert holds(to_fiftyone, f=[F("a")], d=[D("a", label="krill")])
    assert not holds(to_fiftyone, f=[F("a", label="salp")], d=[D("a", label="krill")])
    assert not holds(to_fiftyone, f=[F("a")], d=[D("a", label="salp")])


def test_an_update_of_what_is_gone_or_cannot_be_read_is_not_made() -> None:
    deeper = update(DATABASE, 1.0, 2.0, "depth")
    assert holds(deeper, f=[F("a", depth=2.0)], d=[D("a", depth=1.0)])
    assert not holds(deeper, f=[F("a", depth=2.0)], d=[])
    assert not holds(deeper, f=[F("a", depth=2.0)], d=[D("a", depth=1.0, problems={"depth": "1.0m"})])
    assert not holds(deeper, f=[F("a", depth=2.0, problems={"depth": "2.0m"})], d=[D("a", depth=1.0)])


def test_a_row_or_a_label_that_is_alone_has_nobody_to_agree_with() -> None:
    assert holds(update(DATABASE), d=[D("a")])
    assert holds(update(FIFTYONE), f=[F("a")])


def test_a_change_of_both_sides_supposes_of_each_only_its_own_old_value_and_is_made_on_both_or_neither() -> None:
    pair = [update(FIFTYONE, "copepod", "squid"), update(DATABASE, "salp", "squid")]
    both = present(f=[F("a")], d=[D("a", label="salp")])
    assert holding(MAPPED, pair, both) == (True, True)
    one = present(f=[F("a")], d=[D("a", label="krill")])
    assert holding(MAPPED, pair, one) == (False, False)


def test_of_several_annotations_only_those_that_moved_on_are_left_out() -> None:
    changes = [update(FIFTYONE), update(FIFTYONE, annotation_id="b", label_id="l-b", sample_id="s-b")]
    found = present(f=[F("a"), F("b", label="salp")], d=[D("a", label="krill"), D("b", label="krill")])
    assert holding(MAPPED, changes, found) == (True, False)


def test_an_edit_that_is_written_for_review_supposes_nothing_of_the_other_side() -> None:
    relabelled = update(FIFTYONE, reason=Reason.RELABELLED_FOR_REVIEW)
    assert holds(relabelled, f=[F("a")], d=[D("a", label="salp")])
    assert not holds(relabelled, f=[F("a", label="salp")], d=[D("a", label="salp")])


def test_a_value_is_brought_forward_again_only_as_it_was_agreed_whatever_the_other_side_holds() -> None:
    again = update(DATABASE, reason=Reason.RECOVERED)
    sides = {"f": [F("a", label="salp")], "d": [D("a")]}
    assert holds(again, b=[B("a", label="krill")], **sides)
    assert not holds(again, b=[B("a", label="salp")], **sides)
    assert not holds(again, b=[], **sides)


def test_a_label_s_id_is_changed_where_the_label_still_bears_the_old_one() -> None:
    given = update(FIFTYONE, None, "a", ID_FIELD)
    assert holds(given, f=[F(None, label_id="l-a", sample="s-a")])
    assert not holds(given, f=[F("b", label_id="l-a", sample="s-a")])
    assert not holds(given, f=[])


# The image


def to_sample(**others: Any) -> Change:
    return update(FIFTYONE, "s-a", "s-b", SAMPLE_FIELD, **({"media": "m-b"} | others))


def to_media() -> Change:
    return update(DATABASE, "m-b", "m-a", MEDIA_FIELD)


def test_images_are_brought_together_where_both_sides_still_name_those_that_were_seen() -> None:
    apart = {"f": [F("a")], "d": [D("a", media="m-b")]}
    assert holds(to_sample(), **apart)
    assert holds(to_media(), **apart)


@pytest.mark.parametrize(
    "now",
    [
        pytest.param({"f": [], "d": [D("a", media="m-b")]}, id="the label is gone"),
        pytest.param({"f": [F("a")], "d": []}, id="the row is gone"),
        pytest.param({"f": [F("b", label_id="l-a", sample="s-a")], "d": [D("a", media="m-b")]}, id="another id"),
        pytest.param({"f": [F("a")], "d": [D("a", media="m-c")]}, id="the row names a third image"),
    ],
)
def test_images_that_nobody_has_seen_are_not_brought_together(now: dict[str, Any]) -> None:
    assert not holds(to_sample(), **now)
    assert not holds(to_media(), **now)


def test_a_row_is_tied_to_the_image_that_its_label_s_sample_still_has() -> None:
    assert not holds(to_media(), f=[F("a", media="m-c")], d=[D("a", media="m-b")])
    assert holds(to_sample(), f=[F("a", media="m-c")], d=[D("a", media="m-b")]), "where it goes does not depend on it"


# Whole annotations that come


def test_a_row_is_inserted_for_a_label_that_holds_just_that_where_no_row_bears_its_id() -> None:
    there = {"f": [F("a", label="krill")]}
    assert holds(insert(DATABASE), **there)
    assert not holds(insert(DATABASE), **there, d=[D("a", label="krill")])
    assert not holds(insert(DATABASE), **there, hidden=("a",))
    assert not holds(insert(DATABASE), f=[F("a")])
    assert not holds(insert(DATABASE), f=[])
    assert not holds(insert(DATABASE), f=[F("a", label="krill", problems={"depth": "deep"})])


def test_a_label_is_inserted_for_a_row_that_holds_just_that_where_its_sample_has_room() -> None:
    there = {"d": [D("a", label="krill")]}
    assert holds(insert(FIFTYONE), **there)
    assert not holds(insert(FIFTYONE), **there, f=[F("a", label="krill")])
    assert not holds(insert(FIFTYONE), **there, samples=[])
    assert not holds(insert(FIFTYONE), **there, samples=[S("s-a", occupied=True)])
    assert not holds(insert(FIFTYONE), d=[D("a")])
    assert not holds(insert(FIFTYONE), d=[])


def test_what_comes_to_both_sides_at_once_needs_nothing_but_room_on_both() -> None:
    pair = [insert(FIFTYONE), insert(DATABASE)]
    assert holding(MAPPED, pair, present()) == (True, True)
    assert holding(MAPPED, pair, present(samples=[])) == (False, False)
    assert holding(MAPPED, pair, present(d=[D("a", label="krill")])) == (False, False)


def test_an_annotation_is_brought_forward_again_only_as_it_was_agreed() -> None:
    known = {"b": [B("a", label="krill")]}
    row, label = insert(DATABASE, reason=Reason.RECOVERED), insert(FIFTYONE, reason=Reason.RECOVERED)
    assert holds(row, **known, f=[F("a", label="salp")])
    assert not holds(row, **known, f=[])
    assert not holds(row, **known, f=[F("a")], d=[D("a")])
    assert not holds(row, b=[B("a")], f=[F("a", label="krill")])
    assert not holds(row, b=[], f=[F("a", label="krill")])
    assert holds(label, **known, d=[D("a", label="salp")])
    assert not holds(label, **known, d=[])
    assert not holds(label, **known, d=[D("a")], samples=[])
    assert not holds(label, b=[B("a")], d=[D("a", label="krill")])


# Whole annotations that go


def test_a_row_is_deleted_where_it_holds_just_that_and_no_label_bears_its_id() -> None:
    assert holds(delete(DATABASE), d=[D("a", label="krill")])
    assert not holds(delete(DATABASE), d=[D("a")])
    assert not holds(delete(DATABASE), d=[])
    assert not holds(delete(DATABASE), d=[D("a", label="krill")], f=[F("a", label="krill")])


def test_a_label_is_removed_where_it_holds_just_that_and_no_row_bears_its_id() -> None:
    assert holds(delete(FIFTYONE), f=[F("a", label="krill")])
    assert not holds(delete(FIFTYONE), f=[F("a")])
    assert not holds(delete(FIFTYONE), f=[])
    assert not holds(delete(FIFTYONE), f=[F("b", label="krill", label_id="l-a", sample="s-a")])
    assert not holds(delete(FIFTYONE), f=[F("a", label="krill")], d=[D("a", label="krill")])


def test_a_copy_is_removed_beside_its_original_although_the_id_has_a_row() -> None:
    copy = delete(FIFTYONE, label_id="l-copy")
    labels = [F("a"), F("a", label="krill", label_id="l-copy")]
    assert holds(copy, b=[B("a")], f=labels, d=[D("a")])
    assert not holds(copy, b=[B("a", label_id="l-copy")], f=labels, d=[D("a")]), "this is the original"
    assert not holds(copy, b=[B("a", label_id="l-copy", sample="s-a")], f=labels, d=[D("a")])
    on_another = delete(FIFTYONE, sample_id="s-b")
    assert holds(on_another, b=[B("a")], f=[F("a"), F("a", label="krill", label_id="l-a", sample="s-b")], d=[D("a")])


def test_what_goes_from_both_sides_at_once_may_be_on_both() -> None:
    pair = [delete(FIFTYONE), delete(DATABASE)]
    assert holding(MAPPED, pair, present(f=[F("a", label="krill")], d=[D("a", label="krill")])) == (True, True)
    assert holding(MAPPED, pair, present(f=[F("a", label="krill")], d=[D("a")])) == (False, False)


def test_a_label_about_which_a_tag_says_something_since_is_not_removed() -> None:
    label = F("a", label="krill", tags=["old"], sample_tags=["also old"])
    assert holds(delete(FIFTYONE, seen_tags=("also old", "old")), f=[label])
    assert holds(delete(FIFTYONE, seen_tags=("also old", "old", "taken off since")), f=[label])
    assert not holds(delete(FIFTYONE, seen_tags=("old",)), f=[label])
    assert not holds(delete(FIFTYONE, seen_tags=()), f=[label])
    assert holds(delete(FIFTYONE, seen_tags=None), f=[label]), "nobody has looked at its tags"


# The baseline of a direct plan


def test_the_baseline_rows_of_a_direct_plan_are_those_of_the_annotations_that_it_updates_or_deletes() -> None:
    known = [B("a", depth=1.0), B("b"), B("c"), B("d")]
    other = {"label_id": "l", "sample_id": "s"}
    changes = [
        update(FIFTYONE),
        delete(DATABASE, annotation_id="b", **other),
        insert(FIFTYONE, annotation_id="c", **other),
        update(FIFTYONE, None, None, ID_FIELD, annotation_id=None),
    ]
    found = baseline_of(MAPPED, changes, present(b=known, f=[F("a")], d=[D("a")]))
    assert sorted(found["annotation_id"]) == ["a", "b"], "what is inserted is its own baseline"
    assert found.columns == baseline(MAPPED, []).columns
    assert found.filter(pl.col("annotation_id") == "a")[column("depth")].to_list() == [1.0]


def test_an_annotation_that_both_sides_have_and_that_was_never_agreed_on_enters_with_its_place_alone() -> None:
    found = baseline_of(MAPPED, [update(FIFTYONE)], present(f=[F("a", depth=1.0)], d=[D("a")]))
    assert found.to_dicts() == [
        {
            "annotation_id": "a",
            "label_id": "l-a",
            "sample_id": "s-a",
            "image": "m-a",
            column(LABEL): None,
            column("depth"): None,
            known_column(LABEL): False,
            known_column("depth"): False,
        }
    ]


@pytest.mark.parametrize("sides", [{"f": [F("a")]}, {"d": [D("a")]}, {"f": [F("a")], "d": [D("a"), D("a")]}])
def test_what_only_one_side_has_for_certain_enters_no_baseline(sides: dict[str, Any]) -> None:
    assert baseline_of(MAPPED, [update(FIFTYONE)], present(**sides)).is_empty()
