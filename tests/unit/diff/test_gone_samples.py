"""A sample that left the dataset takes no row with it; when it is back, so are its annotations."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.diff import diff
from syncd.model import SAMPLE_FIELD, LabelType, Plan
from syncd.model.snapshot import column
from unit.diff.strategies import POLICIES
from unit.diff.world import (
    BOX,
    CLASSIFICATION,
    DETECTIONS,
    LABEL,
    NOON,
    B,
    D,
    F,
    Row,
    S,
    changes,
    kinds,
    mapping,
    opened,
    plan_of,
    quiet,
    world,
)

HERE, ELSEWHERE = [0.1, 0.1, 0.2, 0.2], [0.7, 0.7, 0.1, 0.1]


def away(name: str = "a", **values: Any) -> Row:
    """The baseline of an annotation whose sample left the dataset before."""
    row = B(name, **values)
    row.columns["sample_id"] = None
    return row


def places(plan: Plan) -> dict[str, str | None]:
    """{annotation: the sample that the next baseline names}."""
    return dict(plan.baseline.select("annotation_id", "sample_id").iter_rows())


# Leaving


@pytest.mark.parametrize("choice", POLICIES["on_fiftyone_delete"])
@pytest.mark.parametrize("label_type", list(LabelType))
@pytest.mark.parametrize("row", [D("a"), D("a", label="krill")], ids=["as agreed", "edited at home"])
def test_no_row_goes_with_its_sample_whatever_the_policy(choice: str, label_type: LabelType, row: Row) -> None:
    plan = plan_of(b=[B("a")], d=[row], homes=[], label_type=label_type, on_fiftyone_delete=choice)
    assert (plan.changes, plan.conflicts, plan.dropped) == ((), (), ())
    assert plan.counts.not_ingested == 1
    assert places(plan) == {"a": None}
    assert plan.baseline[column(LABEL)].to_list() == ["copepod"], "what was agreed is remembered"


@pytest.mark.parametrize("choice", POLICIES["on_fiftyone_delete"])
def test_a_label_deleted_from_a_sample_that_stays_is_a_deletion(choice: str) -> None:
    plan = plan_of(
        b=[B("a"), B("b")],
        d=[D("a"), D("b")],
        homes=[S("s-a")],
        on_fiftyone_delete=choice,
        label_type=CLASSIFICATION,
        force=True,
    )
    decided = {"quarantine": [], "restore": [("fo", "insert", "a", "restored")],
               "delete": [("db", "delete", "a", "deleted_in_fiftyone")]}  # fmt: skip
    assert changes(plan) == decided[choice]
    assert [each for _, each, _ in kinds(plan)] == (["a"] if choice == "quarantine" else [])
    assert places(plan) == {"b": None}


MOVED = opened("a", "moved", None, seen_on="s-2")


@pytest.mark.parametrize("choice", POLICIES["on_fiftyone_delete"])
def test_a_label_that_was_moved_and_left_with_its_new_sample_takes_no_row_with_it(choice: str) -> None:
    plan = plan_of(
        b=[B("a"), B("b")],
        f=[F("b")],
        d=[D("a"), D("b")],
        homes=[S("s-a")],
        samples=[S("s-a")],
        conflicts=[MOVED],
        on_fiftyone_delete=choice,
        label_type=CLASSIFICATION,
    )
    assert changes(plan) == [("fo", "insert", "a", "restored")]
    assert (plan.changes[0].sample_id, plan.conflicts) == ("s-a", ())


@pytest.mark.parametrize("left", [[S("s-a"), S("s-2")], [S("s-2")]], ids=["both stay", "the old sample left"])
def test_a_label_that_was_moved_and_is_deleted_from_its_new_sample_is_a_deletion(left: list[Any]) -> None:
    plan = plan_of(
        b=[B("a"), B("b")],
        f=[F("b")],
        d=[D("a"), D("b")],
        homes=left,
        conflicts=[MOVED],
        on_fiftyone_delete="delete",
        label_type=CLASSIFICATION,
    )
    deleted = [("db", "delete", "a", "deleted_in_fiftyone")]
    assert changes(plan) == (deleted if len(left) == 2 else [])
    assert plan.conflicts == ()


def remade(*conflicts: Any, box: Any = HERE) -> Plan:
    """The label of ``a`` had been moved; a tool has put one of its own in its place there, without any ids."""
    made = F(None, label_id="l-new", sample="s-2", box=box)
    given = {"homes": [S("s-a"), S("s-2")], "conflicts": list(conflicts), "on_fiftyone_delete": "delete"}
    return plan_of("box", b=[B("a", box=HERE)], f=[made], d=[D("a", box=HERE)], force=True, **given)


@pytest.mark.parametrize("kind", ["moved", "replaced"])
def test_a_label_that_was_moved_and_made_anew_there_is_for_a_person(kind: str) -> None:
    plan = remade(opened("a", kind, None, seen_on="s-2"))
    assert (changes(plan), kinds(plan)) == ([], [("replaced", "a", None)])
    assert (plan.conflicts[0].sample_id, plan.conflicts[0].label_id) == ("s-2", "l-new")


def test_a_poll_reads_everything_where_a_label_may_be_one_that_was_moved_to_its_sample() -> None:
    drawn = [F(None, label_id="l-new", sample="s-2")]
    assert plan_of(f=drawn, conflicts=[MOVED], complete=False).hints
    assert not plan_of(f=drawn, conflicts=[opened("a", "edit_edit", seen_on="s-2")], complete=False).hints
    asked = opened("a", "replaced", None, {"label_id": "l-new", "sample_id": "s-2"}, seen_on="s-2")
    assert quiet(plan_of(f=drawn, conflicts=[asked], complete=False)), "a person has been asked about this one"


def test_a_label_that_is_drawn_elsewhere_is_a_new_one_and_the_known_one_was_deleted() -> None:
    gone_and_drawn = [("db", "delete", "a"), ("db", "insert", None)]
    for plan in (remade(), remade(MOVED, box=ELSEWHERE), remade(opened("a", "edit_edit", seen_on="s-2"))):
        assert [each[:3] for each in changes(plan)] == gone_and_drawn
        assert plan.conflicts == ()


@pytest.mark.parametrize("sample", ["s-a", "s-2"])
def test_a_label_that_was_moved_and_stands_on_one_of_the_two_samples_is_not_away(sample: str) -> None:
    label = F("a", label_id="l-a", sample=sample)
    plan = plan_of(b=[B("a")], f=[label], d=[D("a")], homes=[], conflicts=[MOVED])
    assert [each for each, *_ in kinds(plan)] == ([] if sample == "s-a" else ["moved"])
    assert changes(plan) == []


def test_what_is_gone_on_both_sides_is_dropped() -> None:
    assert plan_of(b=[B("a")], homes=[]).dropped == ("a",)
    assert plan_of(b=[away()]).dropped == ("a",)


def test_too_many_at_once_hold_the_run_and_only_once() -> None:
    names = [f"n{number}" for number in range(100)]
    rows = {"b": [B(name) for name in names], "d": [D(name) for name in names]}
    stays = [F(name) for name in names[50:]]
    assert "gone from FiftyOne" in str(plan_of(**rows, f=stays, homes=[]).held)
    known = [away(name) for name in names[:50]] + rows["b"][50:]
    assert plan_of(b=known, d=rows["d"], f=stays, homes=[]).held is None


def test_a_poll_takes_no_sample_for_gone() -> None:
    plan = plan_of(b=[B("a")], d=[D("a")], complete=False)
    assert plan.hints
    assert (plan.changes, plan.conflicts) == ((), ())


# Away


@pytest.mark.parametrize("complete", [True, False])
@pytest.mark.parametrize("row", [D("a"), D("a", label="krill")], ids=["as agreed", "edited at home"])
def test_while_it_is_away_its_row_is_not_ingested(complete: bool, row: Row) -> None:
    plan = plan_of(b=[away()], d=[row], complete=complete, homes=[] if complete else None)
    assert quiet(plan)
    assert plan.counts.not_ingested == 1


@pytest.mark.parametrize("complete", [True, False])
def test_a_sample_that_is_back_without_its_label_gets_it(complete: bool) -> None:
    samples = [S("s-new", media="m-a")]
    plan = plan_of(b=[away()], d=[D("a", label="krill")], samples=samples, complete=complete, label_type=CLASSIFICATION)
    assert changes(plan) == [("fo", "insert", "a", "restored")]
    assert (plan.changes[0].sample_id, plan.changes[0].new) == ("s-new", {LABEL: "krill"})


def test_where_it_left_and_came_back_between_two_runs_it_gets_it_at_once() -> None:
    samples = [S("s-new", media="m-a")]
    plan = plan_of(
        b=[B("a")], d=[D("a")], homes=[], samples=samples, on_fiftyone_delete="delete", label_type=CLASSIFICATION
    )
    assert changes(plan) == [("fo", "insert", "a", "restored")]


@pytest.mark.parametrize("complete", [True, False])
def test_a_label_that_is_back_under_its_id_is_compared_with_what_was_agreed(complete: bool) -> None:
    plan = plan_of(b=[away()], f=[F("a", sample="s-new", label="salp")], d=[D("a", media="m-new")], complete=complete)
    followed = ("-", "update", "a", SAMPLE_FIELD, None, "s-new", "place_changed")
    assert sorted(changes(plan)) == [followed, ("db", "update", "a", LABEL, "copepod", "salp", "reviewed")]
    assert places(plan) == {"a": "s-new"}


def test_a_label_that_came_back_under_its_id_between_two_runs_is_followed() -> None:
    plan = plan_of(b=[B("a")], f=[F("a", label_id="l-new", sample="s-new")], d=[D("a", media="m-new")], homes=[])
    assert changes(plan) == [("-", "update", "a", SAMPLE_FIELD, None, "s-new", "place_changed")]
    assert plan.conflicts == ()
    assert places(plan) == {"a": "s-new"}


def test_an_id_on_another_image_is_not_taken_for_a_sample_that_came_back() -> None:
    plan = plan_of(b=[B("a")], f=[F("a", label_id="l-new", sample="s-new")], d=[D("a", media="m-a")], homes=[])
    assert [each for each, *_ in kinds(plan)] == ["moved"]


# Imported anew, without ids


def anew(label: str = "copepod", *, kind: LabelType = CLASSIFICATION, box: Any = None, **given: Any) -> Plan:
    """The sample of ``a`` was deleted and is there again, with a label that bears no id."""
    values = {} if box is None else {BOX: box}
    label_of = F(None, label_id="l-new", sample="s-new", at=NOON, label=label, **values)
    label_of.columns["media"] = "m-a"
    home = {} if box is None else {BOX: HERE}
    known = given.pop("b", [B("a", **home)])
    return plan_of(
        *([] if box is None else ["box"]),
        b=known,
        f=[label_of],
        d=[D("a", **home)],
        homes=given.pop("homes", []),
        samples=[S("s-new", media="m-a", occupied=kind is CLASSIFICATION)],
        label_type=kind,
        **given,
    )


@pytest.mark.parametrize("known", [B("a"), away()], ids=["between two runs", "after a run"])
@pytest.mark.parametrize("kind", list(LabelType))
@pytest.mark.parametrize("label", ["copepod", "krill"])
def test_a_label_in_the_place_of_one_that_left_makes_no_second_row(known: Row, kind: LabelType, label: str) -> None:
    plan = anew(label, kind=kind, b=[known], on_fiftyone_delete="delete")
    assert (changes(plan), kinds(plan)) == ([], [("replaced", "a", None)])
    (conflict,) = plan.conflicts
    assert (conflict.sample_id, conflict.label_id) == ("s-new", "l-new")


def test_a_box_elsewhere_on_the_image_is_a_new_label_and_the_old_one_comes_back() -> None:
    plan = anew(kind=DETECTIONS, box=HERE)
    assert kinds(plan) == [("replaced", "a", None)]
    plan = anew(kind=DETECTIONS, box=ELSEWHERE)
    assert [each[:3] for each in changes(plan)] == [("fo", "insert", "a"), ("db", "insert", None)]


def test_of_labels_that_share_a_place_those_of_one_class_belong_together() -> None:
    labels = [F(None, label_id=f"l-{name}", sample="s-new", label=name) for name in ("salp", "krill", "copepod")]
    for each in labels:
        each.columns["media"] = "m-a"
    known = [B(name, sample="s-old", label=name) for name in ("krill", "salp")]
    rows = [D(name, media="m-a", label=name) for name in ("krill", "salp")]
    plan = diff(world(mapped=mapping(label_type=LabelType.CLASSIFICATIONS), b=known, f=labels, d=rows, homes=[]))
    assert {each.annotation_id: each.label_id for each in plan.conflicts} == {"krill": "l-krill", "salp": "l-salp"}


def test_a_poll_draws_no_label_that_somebody_was_asked_about() -> None:
    asked = opened("a", "replaced", None, {"label_id": "l-new", "sample_id": "s-new"})
    drawn = [F(None, label_id="l-new", sample="s-new")]
    plan = plan_of(f=drawn, conflicts=[asked], complete=False, away=True)
    assert quiet(plan)
    assert not plan.scope.judged("a", "l-new")


def test_a_poll_reads_everything_where_a_label_may_be_that_of_a_sample_which_left() -> None:
    drawn = [F(None, label_id="l-new", sample="s-new")]
    assert plan_of(f=drawn, complete=False, away=True).hints
    known = plan_of(b=[B("z", sample="s-new")], f=[*drawn, F("z", sample="s-new")], d=[D("z", media="m-new")],
                    complete=False, away=True)  # fmt: skip
    assert changes(known) == [("db", "insert", None, "drawn_in_fiftyone")], "its sample has been there all the time"
    assert changes(plan_of(f=drawn, complete=False)) == [("db", "insert", None, "drawn_in_fiftyone")]
