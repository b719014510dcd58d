"""What changes come to in numbers."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import polars as pl

from syncd.report.labels import Net, Transition, Wavering, net, transitions, wavering
from syncd.report.selection import CHANGES
from syncd.report.totals import Tally, totals
from unit.report.logs import moved


def changed(*rows: dict[str, Any]) -> pl.DataFrame:
    """Applied changes of labels, but for what a row says."""
    usual = {"run_id": "r", "binding": "b", "annotation_id": "a", "direction": "to_database", "action": "update"}
    usual |= {"field": "label", "reason": "reviewed", "status": "applied"}
    at = datetime(2026, 11, 1, 23, 30, tzinfo=timezone.utc)
    full = [usual | {"seq": number, "applied_at": at} | row for number, row in enumerate(rows, 1)]
    return pl.DataFrame(full, schema=CHANGES)


def relabel(key: str, old: str | None, new: str | None, **more: Any) -> dict[str, Any]:
    return {"annotation_id": key, "old_label": old, "new_label": new} | more


def test_an_empty_period_comes_to_nothing() -> None:
    nothing = changed()
    assert totals(nothing).changes == 0
    assert totals(nothing).by_actor == ()
    assert (transitions(nothing), net(nothing), wavering(nothing)) == ((), (), ())


def test_only_applied_changes_count_and_the_others_show_by_status() -> None:
    found = totals(changed({"actor": "ada"}, {"status": "superseded"}, {"status": "pending", "applied_at": None}))
    assert (found.changes, found.by_actor) == (1, (Tally("ada", 1),))
    assert {each.value: each.count for each in found.by_status} == {"applied": 1, "superseded": 1, "pending": 1}


def test_an_annotation_counts_once_and_per_binding() -> None:
    found = totals(changed({"annotation_id": "x"}, {"annotation_id": "x"}, {"annotation_id": "x", "binding": "other"}))
    assert (found.changes, found.annotations) == (3, 2)


def test_days_are_in_order_of_time_and_other_tallies_by_size() -> None:
    late = datetime(2026, 11, 2, 0, 30, tzinfo=timezone.utc)
    found = totals(changed({"reason": "b"}, {"applied_at": late, "reason": "a"}, {"applied_at": late, "reason": "a"}))
    assert found.by_day == (Tally("2026-11-01", 1), Tally("2026-11-02", 2))
    assert found.by_reason == (Tally("a", 2), Tally("b", 1))


def test_transitions_count_changed_labels_and_not_annotations_that_came() -> None:
    came = relabel("3", None, "Copepoda", field=None, action="insert")
    refused = relabel("4", "x", "y", status="abandoned")
    found = changed(relabel("1", "zoë", "海"), relabel("2", "zoë", "海"), came, refused, relabel("5", "海", None))
    assert transitions(found) == (Transition("zoë", "海", 2), Transition("海", None, 1))


def test_net_is_what_each_class_gained_and_lost_with_annotations_that_came_and_went() -> None:
    came = relabel("3", None, "b", field=None, action="insert")
    went = relabel("4", "a", None, field=None, action="delete")
    other = {"field": "depth"}
    assert net(changed(relabel("1", "a", "b"), came, went, other)) == (Net("a", 0, 2), Net("b", 2, 0))


def test_a_label_that_came_back_wavers_and_one_that_only_moved_on_does_not() -> None:
    back = [relabel("1", "a", "b"), relabel("1", "b", "a"), relabel("1", "a", "b")]
    on = [relabel("2", "a", "b"), relabel("2", "b", "c")]
    assert wavering(changed(*back, *on)) == (Wavering("b", "1", ("a", "b", "a", "b")),)


def test_a_label_that_one_run_gave_both_sides_moved_once() -> None:
    both = [relabel("1", "a", "b", direction=way, reason="undone") for way in ("to_fiftyone", "to_database")]
    elsewhere = relabel("1", "a", "b", binding="other", direction="to_fiftyone")
    gone = [relabel("2", "c", None, field=None, action="delete", direction=d) for d in ("to_database", "to_fiftyone")]
    nameless = [relabel(None, "x", "y"), relabel(None, "x", "y")]  # type: ignore[arg-type]
    found = changed(*both, elsewhere, *gone, *nameless)
    assert transitions(found) == (Transition("a", "b", 2), Transition("x", "y", 2))
    assert set(net(found)) == {Net("a", 0, 2), Net("b", 2, 0), Net("c", 0, 1), Net("x", 0, 2), Net("y", 2, 0)}
    assert wavering(found) == ()


def test_a_third_label_that_settled_a_conflict_replaces_the_one_at_home() -> None:
    found = changed(
        *(relabel("1", old, "c", direction=way) for old, way in (("f", "to_fiftyone"), ("d", "to_database")))
    )
    assert transitions(found) == (Transition("d", "c", 1),)
    assert net(found) == (Net("c", 1, 0), Net("d", 0, 1))


def test_what_is_taken_back_is_not_called_back_and_forth() -> None:
    steps = [moved(1, "1", "a", "b"), moved(2, "1", "b", "c")]
    undo = moved(3, "1", "c", "a") | {"undo_of": 2, "run_id": "u"}
    assert wavering(changed(*steps, undo)) == ()
    assert wavering(changed(undo)) == ()


def test_what_people_changed_back_and_forth_is_so_whatever_is_taken_back_besides() -> None:
    steps = [moved(1, "1", "a", "b"), moved(2, "1", "b", "a"), moved(3, "1", "a", "b")]
    undo = moved(4, "1", "b", "a") | {"undo_of": 3, "run_id": "u"}
    assert wavering(changed(*steps, undo)) == (Wavering("b", "1", ("a", "b", "a")),)
    later = [moved(5, "1", "a", "b")]
    assert wavering(changed(*steps, undo, *later)) == (Wavering("b", "1", ("a", "b", "a", "b")),)


def test_an_undo_that_is_taken_back_gives_the_label_again() -> None:
    steps = [moved(1, "1", "a", "b"), moved(2, "1", "b", "a") | {"undo_of": 1, "run_id": "u"}]
    again = moved(3, "1", "a", "b") | {"undo_of": 2, "run_id": "v"}
    assert wavering(changed(*steps, again)) == ()
    assert wavering(changed(*steps, again, moved(4, "1", "b", "a"))) == (Wavering("b", "1", ("a", "b", "a")),)


def test_what_fiftyone_alone_is_given_back_is_no_gain_but_goes_back_and_forth() -> None:
    first = relabel("1", "a", "b", run_id="r1")
    again = relabel("1", "a", "b", run_id="r2", direction="to_fiftyone", reason="stale_revert")
    assert net(changed(first, again)) == (Net("a", 0, 1), Net("b", 1, 0))
    assert wavering(changed(first, again)) == (Wavering("b", "1", ("a", "b", "a", "b")),)


def test_a_label_that_went_away_and_came_back_wavers() -> None:
    found = changed(relabel("1", "a", None, run_id="r1"), relabel("1", None, "a", run_id="r2"))
    assert wavering(found) == (Wavering("b", "1", ("a", None, "a")),)
