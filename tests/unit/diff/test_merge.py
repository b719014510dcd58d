"""An annotation that all know, field by field, for every kind, direction and policy."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from syncd.model import Direction
from syncd.model.plan import Edited
from unit.diff.world import (
    BOX,
    KINDS,
    LABEL,
    NOON,
    VALUES,
    B,
    D,
    F,
    agreed,
    changes,
    field,
    kinds,
    only,
    plan_of,
    quiet,
)

DIRECTIONS = ["both", "to_database", "to_fiftyone"]
NAMES = list(KINDS)
LATER = NOON + timedelta(milliseconds=1)


def known(name: str, base: Any, fiftyone: Any, database: Any, *, way: str = "both", **given: Any) -> Any:
    """The plan for one annotation with these three values of one field."""
    times = {"f": given.pop("f_at", None), "d": given.pop("d_at", None)}
    return plan_of(
        field(name, way),
        b=[B("a", **{name: base})],
        f=[F("a", **{name: fiftyone}, at=times["f"])],
        d=[D("a", **{name: database}, at=times["d"])],
        **given,
    )


def whose(**given: Any) -> tuple[Edited, Edited]:
    """Who gave each side its value, as the only conflict knows it."""
    (conflict,) = plan_of(**given).conflicts
    return conflict.in_fiftyone, conflict.in_database


def test_a_conflict_knows_who_gave_both_sides_their_values_and_when() -> None:
    ada, bob = Edited("ada", NOON), Edited("bob", LATER)
    both = {"f": [F("a", label="krill", actor="ada", at=NOON)], "d": [D("a", label="salp", actor="bob", at=LATER)]}
    assert whose(b=[B("a")], **both) == (ada, bob)
    assert whose(b=[], **both) == (ada, bob), "a first meeting"
    gone = {"b": [B("a")], "f": [], "d": [D("a", label="salp", actor="bob", at=LATER)]}
    assert whose(**gone) == (Edited(), bob)


def test_nobody_is_named_for_a_value_that_was_agreed() -> None:
    boxes = {"b": [B("a", box=[0.0, 0.0, 1.0, 1.0])], "d": [D("a", box=[0.0, 0.0, 1.0, 1.0], actor="import", at=NOON)]}
    moved = [F("a", box=[0.0, 0.0, 0.5, 1.0], actor="ada", at=LATER)]
    assert whose_box(moved, **boxes) == (Edited("ada", LATER), Edited())


def whose_box(moved: list[Any], **given: Any) -> tuple[Edited, Edited]:
    (conflict,) = plan_of("box=to_fiftyone", f=moved, **given).conflicts
    return conflict.in_fiftyone, conflict.in_database


def one_way(name: str) -> str:
    return "box_changed" if name == BOX else "wrong_direction"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("index", [0, 1, 2])
def test_no_change_does_nothing(name: str, index: int) -> None:
    value = VALUES[name][index]
    assert quiet(known(name, value, value, value))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("way", DIRECTIONS)
def test_a_value_reviewed_in_fiftyone_goes_home_unless_its_field_may_not(name: str, way: str) -> None:
    base, new, _ = VALUES[name]
    plan = known(name, base, new, base, way=way, f_at=NOON)
    if way == "to_fiftyone":
        conflict = only(plan)
        assert (conflict.kind, conflict.field) == (one_way(name), name)
        return
    assert changes(plan) == [("db", "update", "a", name, base, new, "reviewed")]
    (change,) = plan.changes
    assert (change.edited_at, change.label_id, change.sample_id) == (NOON, "l-a", "s-a")
    assert plan.conflicts == ()
    assert agreed(plan)["a"][name] == base, "the baseline moves with what was read back, not with what was meant"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("way", DIRECTIONS)
def test_a_value_changed_in_the_database_goes_out_unless_its_field_may_not(name: str, way: str) -> None:
    base, new, _ = VALUES[name]
    plan = plan_of(
        field(name, way),
        b=[B("a", **{name: base})],
        f=[F("a", **{name: base}, at=NOON)],
        d=[D("a", **{name: new}, at=LATER, actor="ann")],
    )
    if way == "to_database":
        assert only(plan).kind == one_way(name)
        return
    assert changes(plan) == [("fo", "update", "a", name, base, new, "changed_at_home")]
    assert (plan.changes[0].actor, plan.changes[0].edited_at) == ("ann", LATER)
    assert plan.conflicts == ()


@pytest.mark.parametrize("name", [each for each in NAMES if each != LABEL])
@pytest.mark.parametrize("cleared", ["fiftyone", "database"])
def test_a_cleared_value_travels_like_any_other(name: str, cleared: str) -> None:
    value = VALUES[name][1]
    fiftyone, database = (None, value) if cleared == "fiftyone" else (value, None)
    plan = known(name, value, fiftyone, database)
    way = "db" if cleared == "fiftyone" else "fo"
    if name == BOX and way == "fo":
        assert only(plan).kind == "unsafe_value", "a detection without a box cannot be loaded"
        return
    assert [each[:1] + each[3:6] for each in changes(plan)] == [(way, name, value, None)]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("way", DIRECTIONS)
def test_both_made_the_same_change(name: str, way: str) -> None:
    base, new, _ = VALUES[name]
    plan = known(name, base, new, new, way=way)
    assert changes(plan) == [("-", "update", "a", name, base, new, "converged")]
    assert plan.is_empty
    assert agreed(plan)["a"][name] == new
    assert plan.counts.converged == 1
    assert plan.conflicts == ()


CHOICES = ["quarantine", "database", "fiftyone", "latest"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("way", DIRECTIONS)
@pytest.mark.parametrize("policy", CHOICES)
@pytest.mark.parametrize("newer", ["fiftyone", "database", "neither"])
def test_a_disagreement_is_settled_by_policy_as_far_as_the_field_may_travel(
    name: str, way: str, policy: str, newer: str
) -> None:
    base, mine, theirs = VALUES[name]
    times = {"f_at": LATER if newer == "fiftyone" else NOON, "d_at": LATER if newer == "database" else NOON}
    plan = known(name, base, mine, theirs, way=way, on_conflict=policy, **times)
    winner = {"quarantine": "neither", "latest": newer}.get(policy, policy)
    if winner == "fiftyone" and way != "to_fiftyone":
        assert changes(plan) == [("db", "update", "a", name, theirs, mine, "on_conflict")]
        assert plan.conflicts == ()
    elif winner == "database" and way != "to_database":
        assert changes(plan) == [("fo", "update", "a", name, mine, theirs, "on_conflict")]
        assert plan.conflicts == ()
    else:
        conflict = only(plan)
        assert conflict.kind == ("edit_edit" if way == "both" else one_way(name))
        assert (conflict.annotation_id, conflict.field) == ("a", name)
        assert agreed(plan).get("a", {name: base})[name] == base


@pytest.mark.parametrize("f_at", [None, NOON])
@pytest.mark.parametrize("d_at", [None, NOON])
def test_latest_decides_nothing_where_a_time_is_missing_or_both_are_the_same(f_at: Any, d_at: Any) -> None:
    conflict = only(known(LABEL, "x", "krill", "salp", on_conflict="latest", f_at=f_at, d_at=d_at))
    assert (conflict.kind, conflict.base, conflict.fiftyone, conflict.database) == ("edit_edit", "x", "krill", "salp")


def test_a_conflict_shows_the_base_and_both_values_as_json() -> None:
    conflict = only(known("seen", VALUES["seen"][0], VALUES["seen"][1], VALUES["seen"][2]))
    assert (conflict.base, conflict.fiftyone, conflict.database) == (
        "2026-05-04T12:00:00.000Z",
        "2026-05-04T12:00:00.001Z",
        "1969-12-31T23:59:59.999Z",
    )


def test_fields_merge_independently() -> None:
    plan = plan_of(
        "note", "depth", "count", "verified",
        b=[B("a", note="", depth=1.0, count=1, verified=False)],
        f=[F("a", label="krill", note="mine", depth=1.0, count=2, verified=True)],
        d=[D("a", note="theirs", depth=2.0, count=2, verified=False)],
    )  # fmt: skip
    assert changes(plan) == [
        ("-", "update", "a", "count", 1, 2, "converged"),
        ("fo", "update", "a", "depth", 1.0, 2.0, "changed_at_home"),
        ("db", "update", "a", "label", "copepod", "krill", "reviewed"),
        ("db", "update", "a", "verified", False, True, "reviewed"),
    ]
    assert kinds(plan) == [("edit_edit", "a", "note")]
    assert agreed(plan) == {"a": {"label": "copepod", "note": "", "depth": 1.0, "count": 2, "verified": False}}


def test_annotations_do_not_mix() -> None:
    plan = plan_of(
        "count",
        b=[B("a", count=1), B("b", count=2), B("c", count=3)],
        f=[F("c", count=3), F("b", count=9), F("a", count=1)],
        d=[D("b", count=2), D("a", count=5), D("c", count=3)],
    )
    assert changes(plan) == [
        ("fo", "update", "a", "count", 1, 5, "changed_at_home"),
        ("db", "update", "b", "count", 2, 9, "reviewed"),
    ]
    assert set(agreed(plan)) == {"a", "b"}


def test_every_change_is_ordered_by_id_and_field() -> None:
    names = ["z", "a", "m"]
    plan = plan_of(
        "count", "note", b=[B(n) for n in names], f=[F(n, note="n", count=1) for n in names], d=[D(n) for n in names]
    )
    assert [(each.annotation_id, each.field) for each in plan.changes] == [
        (name, each) for name in sorted(names) for each in ("count", "note")
    ]
    assert [change.direction for change in plan.changes] == [Direction.TO_DATABASE] * 6


# what counts as different


@pytest.mark.parametrize(
    ("name", "one", "two"),
    [
        ("depth", 100.0, 100.0 * (1 + 1e-12)),
        ("depth", 0.0, -0.0),
        (BOX, [0.1, 0.2, 0.3, 0.4], [0.1 + 1e-13, 0.2, 0.3, 0.4]),
        (BOX, [0.0, 0.2, 0.3, 0.4], [-0.0, 0.2, 0.3, 0.4]),
        (BOX, [0.0, 0.2, 0.3, 0.4], [1e-14, 0.2, 0.3, 0.4]),
        ("note", None, None),
    ],
)
def test_values_that_count_as_equal(name: str, one: Any, two: Any) -> None:
    assert quiet(known(name, one, two, one))
    assert quiet(known(name, one, one, two))


@pytest.mark.parametrize(
    ("name", "one", "two"),
    [
        ("note", "Copepod", "copepod"),
        ("note", "copepod", "copepod "),
        ("note", "", None),
        ("note", "é", "e\u0301"),
        ("count", 0, None),
        ("count", 2**53, 2**53 + 1),
        ("depth", 0.0, None),
        ("depth", 1e-15, 2e-15),
        ("depth", 0.0, 1e-300),
        ("depth", 1.0, 1.0 + 1e-8),
        ("depth", 1e308, -1e308),
        ("verified", False, None),
        ("price", "123456789.01", "123456789.02"),
        (BOX, [0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, 0.4 + 1e-6]),
        (BOX, [0.1, 0.2, 0.3, 0.4], None),
        ("seen", NOON, LATER),
    ],
)
def test_values_that_count_as_different(name: str, one: Any, two: Any) -> None:
    assert [each[3:6] for each in changes(known(name, one, two, one))] == [(name, one, two)]
    assert [each[3:6] for each in changes(known(name, two, one, two))] == [(name, two, one)]


@pytest.mark.parametrize("name", ["depth", BOX])
def test_tolerance_zero_means_exact(name: str) -> None:
    one, two = (1.0, 1.0 + 2.3e-16) if name == "depth" else ([1.0, 0, 0, 0], [1.0 + 2.3e-16, 0, 0, 0])
    exact = field(name, tolerance=0)
    plan = plan_of(exact, b=[B("a", **{name: one})], f=[F("a", **{name: two})], d=[D("a", **{name: one})])
    assert len(changes(plan)) == 1


def test_a_configured_tolerance_is_relative() -> None:
    rough = field("depth", tolerance=0.01)
    near = plan_of(rough, b=[B("a", depth=100.0)], f=[F("a", depth=100.9)], d=[D("a", depth=100.0)])
    assert quiet(near)
    far = plan_of(rough, b=[B("a", depth=100.0)], f=[F("a", depth=102.0)], d=[D("a", depth=100.0)])
    assert len(changes(far)) == 1


def test_two_values_within_tolerance_of_the_baseline_are_nobody_s_edit() -> None:
    rough = field("depth", tolerance=0.01)
    plan = plan_of(rough, b=[B("a", depth=100.0)], f=[F("a", depth=100.9)], d=[D("a", depth=99.1)])
    assert (plan.changes, plan.conflicts) == ((), ())


def test_changes_that_end_within_tolerance_of_each_other_have_converged() -> None:
    plan = known("depth", 1.0, 2.0, 2.0 * (1 + 1e-12))
    assert [each[-1] for each in changes(plan)] == ["converged"]
    assert agreed(plan)["a"]["depth"] == 2.0 * (1 + 1e-12), "the database is the authority to the last digit"
