"""A write that displaced somebody's value is told with all three values, and what was there goes back."""

from __future__ import annotations

from datetime import datetime, timezone

import polars as pl

from syncd.diff.outcomes import Recorded, answers, forgotten, judge_result, next_baseline
from syncd.diff.overtaken import overtaken
from syncd.model import Action, Change, Direction, Kind, Mapping
from syncd.model.conflict_kinds import ConflictKind
from syncd.model.plan import Edited
from syncd.model.reasons import Reason
from syncd.model.result import Displaced, Result, Status
from syncd.model.snapshot import baseline_schema
from syncd.testing.contract.bench import mapping_of

KINDS = {"label": Kind.TEXT, "depth": Kind.FLOAT}
ADA = Edited("ada", datetime(2026, 5, 4, tzinfo=timezone.utc))
CHANGE = Change("a", "l", "s", Direction.TO_DATABASE, Action.UPDATE, "label", "old", "ours", "reviewed", actor="ben")


def _mapping() -> Mapping:
    return mapping_of(KINDS)


def _known() -> pl.DataFrame:
    row = ("a", "l", "s", "i", "old", 1.0, True, True)
    return pl.DataFrame([row], schema=baseline_schema(_mapping()), orient="row")


def _recorded(change: Change, displaced: Displaced | None, **result: object) -> Recorded:
    after = result.pop("after", change.new)
    return Recorded(change, Status.APPLIED, Result(change, True, after, True, displaced=displaced, **result))  # type: ignore[arg-type]


def test_what_was_there_goes_back_by_a_change_of_its_own() -> None:
    found = overtaken(_mapping(), _known(), [_recorded(CHANGE, Displaced("theirs", ADA))])
    [back] = found.changes
    assert (back.old, back.new, back.reason, back.actor) == ("ours", "theirs", Reason.OVERTAKEN, None)
    [conflict] = found.conflicts
    assert conflict.kind is ConflictKind.EDIT_EDIT
    assert (conflict.base, conflict.fiftyone, conflict.database) == ("old", "ours", "theirs")
    assert conflict.in_database == ADA


def test_what_somebody_has_cleared_is_cleared_again() -> None:
    [back] = overtaken(_mapping(), _known(), [_recorded(CHANGE, Displaced(None, ADA))]).changes
    assert back.new is None


def test_what_the_store_made_of_a_value_is_what_is_replaced() -> None:
    made = _recorded(CHANGE, Displaced("theirs", ADA), after="OURS", answered=frozenset({"label"}))
    [back] = overtaken(_mapping(), _known(), [made]).changes
    assert back.old == "OURS"
    assert answers(_mapping(), [made]) == [], "nobody has agreed on it"


def test_an_annotation_that_was_edited_before_it_was_deleted_is_put_back_whole() -> None:
    content = {"label": "old", "depth": 1.0}
    there = {"label": "theirs", "depth": 1.0}
    change = Change("a", "l", "s", Direction.TO_DATABASE, Action.DELETE, None, content, None, "deleted_in_fiftyone")
    recorded = Recorded(
        change, Status.APPLIED, Result(change, False, matched=True, displaced=Displaced(there, ADA, "i"))
    )
    found = overtaken(_mapping(), _known(), [recorded])
    [back] = found.changes
    assert (back.action, back.new, back.media, back.label_id) == (Action.INSERT, there, "i", None)
    [conflict] = found.conflicts
    assert conflict.kind is ConflictKind.DELETED_IN_FIFTYONE
    assert conflict.database == there
    assert forgotten((), [recorded], _known()) == []


def test_nothing_is_agreed_by_it_nor_by_putting_it_back() -> None:
    recorded = _recorded(CHANGE, Displaced("theirs", ADA))
    [back] = overtaken(_mapping(), _known(), [recorded]).changes
    for made in ([recorded], [_recorded(back, None)], [recorded, _recorded(back, None)]):
        assert next_baseline(_mapping(), _known(), made).equals(_known())


def test_a_value_that_is_displaced_by_putting_another_back_goes_back_too() -> None:
    [back] = overtaken(_mapping(), _known(), [_recorded(CHANGE, Displaced("theirs", ADA))]).changes
    found = overtaken(_mapping(), _known(), [_recorded(back, Displaced("newer", ADA))])
    assert [(each.old, each.new) for each in found.changes] == [("theirs", "newer")]
    [conflict] = found.conflicts
    assert (conflict.base, conflict.fiftyone, conflict.database) == ("old", "ours", "newer")


def test_a_write_that_found_what_it_expected_is_nobodys_affair() -> None:
    found = overtaken(_mapping(), _known(), [_recorded(CHANGE, None)])
    assert (found.changes, found.conflicts) == ((), ())


def test_a_row_that_was_deleted_right_after_its_insert_was_inserted_all_the_same() -> None:
    new = {"label": "ours", "depth": 1.0}
    change = Change("b", "l", "s", Direction.TO_DATABASE, Action.INSERT, None, None, new, "drawn_in_fiftyone")
    recorded = judge_result(_mapping(), Result(change, present=False, matched=True, annotation_id="b"))
    assert recorded.status == Status.APPLIED
    agreed = next_baseline(_mapping(), _known().clear(), [recorded])
    assert agreed["annotation_id"].to_list() == ["b"], "the next run sees that it was deleted"
