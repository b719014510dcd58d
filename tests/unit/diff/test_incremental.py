"""What may be concluded from less than everything: incremental reads, their scope, and the quiet period."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from syncd.diff import Young, diff
from syncd.model import Action, Plan
from unit.diff.world import (
    CLASSIFICATION,
    LABEL,
    NOON,
    SECOND,
    B,
    D,
    F,
    S,
    changes,
    kinds,
    opened,
    plan_of,
    quiet,
    world,
)

YOUNG = Young(after=NOON - 5 * SECOND, until=NOON + 5 * SECOND)


def partial(**given: Any) -> Plan:
    return plan_of(complete=False, **given)


MISSING = {
    "removed in FiftyOne": {"b": [B("a")], "d": [D("a")]},
    "removed in the database": {"b": [B("a")], "f": [F("a")]},
    "gone from both": {"b": [B("a")]},
}


@pytest.mark.parametrize("case", list(MISSING))
@pytest.mark.parametrize("policy", ["delete", "restore", "quarantine"])
def test_no_deletion_is_inferred_from_a_partial_read(case: str, policy: str) -> None:
    plan = partial(**MISSING[case], on_fiftyone_delete=policy)
    assert (plan.changes, plan.conflicts, plan.dropped) == ((), (), ())
    assert plan.hints == ("1 known annotations were not where they were",)
    assert not plan.scope.judged("a", "l-a", None)


@pytest.mark.parametrize("side", ["fiftyone", "database"])
@pytest.mark.parametrize("case", list(MISSING))
def test_one_partial_side_is_enough_to_infer_no_deletion(side: str, case: str) -> None:
    inputs = world(**MISSING[case])
    inputs = replace(inputs, **{side: replace(getattr(inputs, side), complete=False)})
    plan = diff(inputs)
    assert (plan.changes, plan.conflicts, plan.dropped) == ((), (), ())
    assert plan.hints


def test_a_deletion_that_somebody_knows_of_asks_for_no_complete_read_again() -> None:
    plan = partial(b=[B("a")], d=[D("a")], conflicts=[opened("a", "deleted_in_fiftyone", None)])
    assert (plan.changes, plan.conflicts, plan.hints) == ((), (), ())
    assert not plan.scope.judged("a", "l-a", None), "it was not looked for everywhere, so its conflict stays"


def test_edits_and_new_rows_need_no_complete_read() -> None:
    plan = partial(
        label_type=CLASSIFICATION,
        b=[B("a")],
        f=[F("a", label="krill"), F(None, label_id="l-9", sample="s-9")],
        d=[D("a"), D("n")],
        samples=[S("s-n")],
    )
    assert changes(plan) == [
        ("db", "update", "a", LABEL, "copepod", "krill", "reviewed"),
        ("fo", "insert", "n", "new_in_database"),
        ("db", "insert", None, "drawn_in_fiftyone"),
    ]
    assert plan.hints == ()


@pytest.mark.parametrize("on_new", ["create", "quarantine", "ignore"])
def test_on_new_holds_for_a_partial_read_as_well(on_new: str) -> None:
    plan = partial(f=[F(None, label_id="l-9")], on_new=on_new)
    assert len(plan.changes) == (on_new == "create")
    assert kinds(plan) == ([("new_label", None, None)] if on_new == "quarantine" else [])
    assert plan.counts.ignored == (on_new == "ignore")


def test_a_known_id_on_a_new_label_asks_for_a_complete_read() -> None:
    # There may be more of them where nobody looked.
    rows: dict[str, Any] = {"b": [B("a")], "f": [F("a", label_id="l-2", sample="s-a")], "d": [D("a")]}
    assert partial(**rows).hints == ("1 known ids stand on new labels",)
    assert plan_of(**rows).hints == ()


def test_the_scope_of_a_partial_read_is_what_it_saw_whole() -> None:
    scope = partial(b=[B("a"), B("b")], f=[F("a"), F("b")], d=[D("a"), D("b")]).scope
    assert scope.judged("a", None)
    assert scope.judged("a", "l-a", LABEL)
    assert not scope.judged("c", None)
    assert not scope.judged("a", "l-9"), "a conflict about another label of that id, which was not read"
    assert not scope.judged(None, "l-9")
    assert not scope.judged(None, None), "a label without any id, in a sample that was not read"


def test_the_scope_of_a_complete_read_is_everything() -> None:
    scope = plan_of().scope
    assert scope.judged("a", None)
    assert scope.judged(None, "l-9")
    assert scope.judged(None, None)


def test_a_partial_read_of_nothing_judges_nothing() -> None:
    assert quiet(partial())
    assert not partial().scope.judged("a", "l-a", LABEL)


# the quiet period


def young(**given: Any) -> Plan:
    return plan_of(young=YOUNG, **given)


@pytest.mark.parametrize("stamp", [NOON - 5 * SECOND, NOON, NOON + 5 * SECOND])
def test_an_edit_of_a_moment_ago_is_left_for_the_next_poll(stamp: Any) -> None:
    plan = young(b=[B("a")], f=[F("a", label="kri", at=stamp)], d=[D("a", label="salp")])
    assert (plan.changes, plan.conflicts, plan.baseline.height) == ((), (), 0)
    assert plan.counts.too_young == 1
    assert not plan.scope.judged("a", "l-a", LABEL)
    assert not plan.scope.judged("a", None)


def test_a_sample_that_was_left_for_too_long_is_looked_at_as_it_is() -> None:
    """A job may touch it every second: its edits would never arrive."""
    given: dict[str, Any] = {
        "b": [B("a"), B("b")],
        "f": [F("a", label="krill", at=NOON), F("b", label="krill", at=NOON)],
        "d": [D("a"), D("b")],
    }
    assert young(**given).scope.samples_left == {"s-a", "s-b"}
    plan = plan_of(young=replace(YOUNG, overdue=frozenset({"s-a"})), **given)
    assert [each.annotation_id for each in plan.changes] == ["a"]
    assert (plan.scope.samples_left, plan.counts.too_young) == ({"s-b"}, 1)


@pytest.mark.parametrize("stamp", [NOON - 6 * SECOND, NOON + 6 * SECOND, None])
def test_older_edits_and_clocks_that_run_ahead_do_not_wait(stamp: Any) -> None:
    assert len(young(b=[B("a")], f=[F("a", label="krill", at=stamp)], d=[D("a")]).changes) == 1


def test_the_other_annotations_do_not_wait() -> None:
    plan = young(b=[B("a"), B("b")], f=[F("a", label="k", at=NOON), F("b", label="krill")], d=[D("a"), D("b")])
    assert [each.annotation_id for each in plan.changes] == ["b"]
    assert plan.scope.judged("b", "l-b", LABEL)


def test_a_drawn_label_waits_too() -> None:
    plan = young(f=[F(None, label_id="l-9", at=NOON)])
    assert (plan.changes, plan.conflicts, plan.counts.too_young) == ((), (), 1)
    assert not plan.scope.judged(None, "l-9")


def test_a_label_that_just_left_its_sample_is_not_taken_for_deleted() -> None:
    # The sample was stamped a moment ago; whoever is at work there may undo it.
    plan = young(
        b=[B("a", sample="s"), B("b", sample="s")],
        f=[F("b", sample="s", at=NOON)],
        d=[D("a"), D("b")],
        on_fiftyone_delete="delete",
    )
    assert (plan.changes, plan.conflicts) == ((), ())
    assert plan.counts.too_young == 2


@pytest.mark.parametrize("name", ["a", None])
def test_a_label_that_is_being_moved_is_not_taken_for_deleted(name: str | None) -> None:
    # It bears its id, or only its label id, on a sample that was stamped a moment ago.
    plan = young(
        b=[B("a")], f=[F(name, label_id="l-a", sample="s-2", at=NOON)], d=[D("a")], on_fiftyone_delete="delete"
    )
    assert (plan.changes, plan.conflicts) == ((), ())


def test_siblings_in_a_young_sample_wait_whatever_their_own_stamp() -> None:
    rows: dict[str, Any] = {"f": [F("a", sample="s", at=NOON), F("b", sample="s")], "d": [D("a"), D("b", media="m-s")]}
    plan = young(**rows, label_type=CLASSIFICATION, samples=[S("s")])
    assert (plan.changes, plan.conflicts, plan.baseline.height) == ((), (), 0)
    assert plan.counts.too_young == 2


def test_labels_left_alone_are_named_so_that_the_cursor_stays_behind_them() -> None:
    assert {"l-a", "a"} <= young(b=[B("a")], f=[F("a", at=NOON)], d=[D("a")]).scope.left_alone


def test_nothing_young_leaves_everything_judged() -> None:
    plan = young(b=[B("a")], f=[F("a", at=NOON - 60 * SECOND)], d=[D("a")])
    assert quiet(plan)
    assert plan.scope.left_alone == frozenset()


def test_a_deleting_action_never_comes_out_of_a_young_sample() -> None:
    plan = young(b=[B("a")], f=[F("a", at=NOON)], on_database_delete="remove")
    assert [each for each in plan.changes if each.action is Action.DELETE] == []


def test_an_original_is_left_alone_together_with_its_copy_in_a_young_sample() -> None:
    # Half an annotation would look like an id that the database never had.
    plan = young(b=[B("a")], f=[F("a"), F("a", label_id="l-2", sample="s-2", at=NOON)], d=[D("a", label="krill")])
    assert (plan.changes, plan.conflicts, plan.counts.too_young) == ((), (), 1)


def test_a_label_that_lost_its_id_is_left_alone_together_with_what_took_it() -> None:
    labels = [F(None, label_id="l-a", sample="s-a"), F("a", label_id="l-2", sample="s-2", at=NOON)]
    plan = young(b=[B("a")], f=labels, d=[D("a")])
    assert (plan.changes, plan.conflicts) == ((), ())
