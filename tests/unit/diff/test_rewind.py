"""A side that went back in time holds the binding; what only looks like it goes on unasked."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from syncd.diff import diff
from syncd.diff.rewind import asked_for
from syncd.model import Brakes, Plan, Side
from unit.diff.world import NOON, B, D, F, changes, earlier, kinds, mapping, opened, plan_of, world

DAY = timedelta(days=1)
YESTERDAY, NOW = NOON - DAY, NOON + DAY
MANY = [f"a{number:02d}" for number in range(12)]
FEW = MANY[:3]
LOOSE = {"brakes": Brakes(9, 9, 9, 9, 9, min_rows=0)}


def _known(names: list[str], value: str = "krill") -> list[Any]:
    return [B(name, label=value) for name in names]


def _rewound_fiftyone(names: list[str], at: Any = YESTERDAY, **given: Any) -> Plan:
    """Labels that are back at ``copepod``; at noon a reviewer's ``krill`` was agreed on."""
    return plan_of(
        b=_known(names),
        f=[F(name, at=at) for name in names],
        d=[D(name, label="krill", at=NOON) for name in names],
        log=[earlier(name, old="copepod", edited=NOON - 2 * timedelta(seconds=1)) for name in names],
        **({"brakes": LOOSE["brakes"]} | given),
    )


def _rewound_database(names: list[str], at: Any = YESTERDAY, **given: Any) -> Plan:
    return plan_of(
        b=_known(names),
        f=[F(name, label="krill", at=NOON) for name in names],
        d=[D(name, at=at) for name in names],
        log=[earlier(name, old="copepod", edited=NOON - timedelta(seconds=2)) for name in names],
        **({"brakes": LOOSE["brakes"]} | given),
    )


def test_earlier_values_under_older_stamps_hold_and_say_which_side_and_to_when() -> None:
    for plan, side in ((_rewound_fiftyone(MANY), "fiftyone"), (_rewound_database(MANY), "database")):
        assert plan.held is not None and "went back in time to before 2026-05-04 12:00:00 UTC" in plan.held
        assert f"syncd recover one --side {side}" in plan.held


def test_the_way_forward_is_what_was_agreed() -> None:
    plan = _rewound_database(MANY)
    assert {(each.old, each.new, each.reason) for each in plan.recovery[Side.DATABASE]} == {
        ("copepod", "krill", "recovered")
    }
    assert len(plan.recovery[Side.DATABASE]) == len(MANY)


def test_a_rollback_by_the_lab_with_new_stamps_is_an_edit_like_any_other() -> None:
    plan = _rewound_database(MANY, at=NOW)
    assert plan.held is None
    assert {each[0] for each in changes(plan)} == {"fo"} and not plan.conflicts


def test_a_reviewer_who_puts_labels_back_edits_them() -> None:
    plan = _rewound_fiftyone(MANY, at=NOW)
    assert plan.held is None and {each[0] for each in changes(plan)} == {"db"}


def test_fewer_under_older_stamps_become_conflicts() -> None:
    assert kinds(_rewound_fiftyone(FEW)) == [("stale_revert", name, "label") for name in FEW]
    assert kinds(_rewound_database(FEW)) == [("edit_edit", name, "label") for name in FEW]


def test_a_value_whose_stamp_did_not_move_with_its_edit_is_an_edit() -> None:
    names = MANY
    plan = plan_of(
        b=_known(names),
        f=[F(name, label="krill", at=NOON) for name in names],
        d=[D(name, at=YESTERDAY) for name in names],
        log=[earlier(name, old="copepod", way="to_fiftyone", edited=YESTERDAY) for name in names],
        **LOOSE,
    )
    assert plan.held is None and len(plan.changes) == len(names)


def test_a_clock_that_was_ahead_makes_no_later_edit_older() -> None:
    names = MANY
    plan = plan_of(
        b=_known(names),
        f=[F(name, at=NOON + timedelta(minutes=1)) for name in names],
        d=[D(name, label="krill", at=NOON) for name in names],
        log=[earlier(name, old="copepod", edited=NOON + timedelta(hours=1)) for name in names],
        **LOOSE,
    )
    assert plan.held is None and len(plan.changes) == len(names)


def test_what_bears_no_newer_stamp_than_what_went_back_is_brought_forward_with_it() -> None:
    """A clock that was put back makes what was agreed last look older than the backup."""
    names, late = MANY, MANY[-1]
    plan = plan_of(
        b=_known(names),
        f=[F(name, at=YESTERDAY) for name in names],
        d=[D(name, label="krill", at=NOON) for name in names],
        log=[earlier(name, old="copepod", edited=NOON) for name in names[:-1]]
        + [earlier(late, old="copepod", edited=YESTERDAY - timedelta(minutes=3))],
        **LOOSE,
    )
    assert plan.held is not None and {each.annotation_id for each in plan.recovery[Side.FIFTYONE]} == set(names)


def test_a_value_that_no_entry_names_is_brought_forward_with_what_went_back_if_its_stamp_is_as_old() -> None:
    """A policy decided a conflict: the log names the value that lost, and not the one that was agreed before."""
    log = [earlier(name, old="copepod", edited=NOON - timedelta(seconds=2)) for name in MANY]
    for at, brought in ((YESTERDAY, True), (NOW, False)):
        plan = plan_of(
            b=[*_known(MANY), B("z", label="krill")],
            f=[F(name, label="krill", at=NOON) for name in [*MANY, "z"]],
            d=[*(D(name, at=YESTERDAY) for name in MANY), D("z", label="salp", at=at)],
            log=[*log, earlier("z", old="medusa", way="to_fiftyone")],
            brakes=LOOSE["brakes"],
        )
        assert plan.held is not None
        assert ("z" in {each.annotation_id for each in plan.recovery[Side.DATABASE]}) is brought


def test_a_value_that_came_with_a_whole_annotation_and_was_replaced_with_another_is_an_earlier_one() -> None:
    """A label that was put back came with what its row held by then: no entry names the value of before."""
    came, back = ({"label": each} for each in ("copepod", "krill"))
    again = [
        entry
        for name in MANY
        for entry in (
            earlier(name, 1, action="insert", way="to_fiftyone", applied=YESTERDAY, new=came),
            earlier(name, 2, action="insert", way="to_fiftyone", edited=NOON, new=back),
        )
    ]
    given = {"b": _known(MANY), "f": [F(name, label="krill", at=NOON) for name in MANY], "log": again} | LOOSE
    plan = plan_of(d=[D(name, at=YESTERDAY) for name in MANY], **given)
    assert plan.held is not None and "before 2026-05-04 12:00:00 UTC: 12 of the 12" in plan.held
    assert {(each.old, each.new) for each in plan.recovery[Side.DATABASE]} == {("copepod", "krill")}
    assert plan_of(d=[D(name, at=NOW) for name in MANY], **given).held is None, "edited since"
    assert plan_of(d=[D(name, label="salp", at=YESTERDAY) for name in MANY], **given).held is None, "never agreed"


def test_a_value_that_lost_to_another_than_the_one_that_replaced_it_is_an_earlier_one() -> None:
    """FiftyOne held another value again when the correction came: the last entry does not name what was agreed."""
    told = [
        entry
        for name in MANY
        for entry in (
            earlier(name, 1, old="salp", new="copepod", applied=YESTERDAY),
            earlier(name, 2, old="salp", new="krill", way="to_fiftyone", edited=NOON),
        )
    ]
    given = {"b": _known(MANY), "f": [F(name, label="krill", at=NOON) for name in MANY], "log": told} | LOOSE
    plan = plan_of(d=[D(name, at=YESTERDAY) for name in MANY], **given)
    assert plan.held is not None and "before 2026-05-04 12:00:00 UTC: 12 of the 12" in plan.held
    assert plan_of(d=[D(name, at=NOW) for name in MANY], **given).held is None, "edited since"


def _with_rows_away(names: list[str], **given: Any) -> Plan:
    """Rows that are back at ``copepod``; the sample of the last one, and no other, has left the dataset."""
    known = _known(names)
    known[-1].columns["sample_id"] = None
    return plan_of(
        b=known,
        f=[F(name, label="krill", at=NOON) for name in names[:-1]],
        d=[D(name, at=YESTERDAY) for name in names],
        log=[earlier(name, old="copepod", edited=NOON - timedelta(seconds=2)) for name in names],
        **given,
    )


def test_rows_whose_samples_have_left_are_brought_forward_with_the_others() -> None:
    plan = _with_rows_away(MANY, **LOOSE)
    assert plan.held is not None and "11 of the 11" in plan.held
    assert {each.annotation_id for each in plan.recovery[Side.DATABASE]} == set(MANY)


def test_rows_whose_samples_have_left_hold_nothing_by_themselves() -> None:
    """There is no label to which a person could have them carried, so that they would hold the binding for ever."""
    plan = _with_rows_away(["a"], brakes=replace(LOOSE["brakes"], min_count=1))
    assert (plan.held, plan.changes, plan.conflicts) == (None, (), ())


def test_a_stamp_of_whole_seconds_is_not_older_within_its_second() -> None:
    half = timedelta(milliseconds=500)
    given = {
        "b": _known(MANY),
        "f": [F(name, label="krill", at=NOON) for name in MANY],
        "log": [earlier(name, old="copepod", began=NOON + half, applied=NOON + half) for name in MANY],
    }
    assert plan_of(d=[D(name, at=NOON) for name in MANY], **given, **LOOSE).held is None
    assert plan_of(d=[D(name, at=NOON - timedelta(seconds=1)) for name in MANY], **given, **LOOSE).held is not None


def test_without_stamps_all_that_differs_must_have_gone_back() -> None:
    assert _rewound_database(MANY, at=None).held is not None
    assert _rewound_database(FEW, at=None).conflicts == ()
    other = {"b": [*_known(MANY), B("z")], "d": [*(D(name) for name in MANY), D("z", label="salp")]}
    given = {
        "f": [*(F(name, label="krill") for name in MANY), F("z")],
        "log": [earlier(name, old="copepod") for name in MANY],
    }
    assert plan_of(**other, **given, **LOOSE).held is None


def test_where_most_of_what_differs_is_new_the_rest_are_conflicts() -> None:
    edited = [f"z{number:02d}" for number in range(20)]
    plan = plan_of(
        b=[*_known(MANY), *(B(name) for name in edited)],
        f=[*(F(name, at=YESTERDAY) for name in MANY), *(F(name, at=NOW, label="salp") for name in edited)],
        d=[*(D(name, label="krill", at=NOON) for name in MANY), *(D(name, at=NOON) for name in edited)],
        log=[earlier(name, old="copepod") for name in MANY],
        **LOOSE,
    )
    assert plan.held is None
    assert len(plan.conflicts) == len(MANY) and len(plan.changes) == len(edited)


def test_what_was_told_before_is_no_evidence() -> None:
    told = [opened(name, "stale_revert", fiftyone="copepod") for name in MANY]
    assert _rewound_fiftyone(MANY, conflicts=told).held is None
    waits = [{"annotation_id": name, "field": "label", "new": '"copepod"'} for name in MANY]
    assert _rewound_fiftyone(MANY, waits=waits).held is None
    assert _rewound_database(MANY, waits=waits).held is not None


def test_what_is_shown_to_whoever_is_to_approve_an_edit_is_no_evidence() -> None:
    """A database that was taken as it is must not hold again because nobody has approved the label's edit yet."""
    waits = [{"annotation_id": name, "field": "label", "old": '"copepod"', "new": '"salp"'} for name in MANY]
    assert _rewound_database(MANY, waits=waits).held is None
    assert _rewound_database(MANY, waits=[each | {"old": '"krill"'} for each in waits]).held is not None


def test_a_part_of_the_sides_asks_for_everything() -> None:
    assert _rewound_fiftyone(FEW, complete=False).hints
    assert not _rewound_fiftyone(FEW, at=NOW, complete=False).hints


def test_whoever_forces_takes_the_earlier_values_as_edits() -> None:
    plan = _rewound_fiftyone(MANY, force=True)
    assert plan.held is None and {each[0] for each in changes(plan)} == {"db"}


def _came_and_gone(**given: Any) -> Plan:
    """Rows that reviewers drew at noon and that the database lacks again."""
    names = given.pop("names", MANY)
    return plan_of(
        b=[*_known(names), B("other")],
        f=[*(F(name, label="krill", at=NOON) for name in names), F("other")],
        d=[D("other")],
        log=[earlier(name, action="insert") for name in names],
        size=1_000,
        brakes=Brakes(),
        **given,
    )


def test_rows_that_are_all_that_came_to_be_lately_are_not_taken_for_deleted() -> None:
    plan = _came_and_gone(newest_elsewhere=YESTERDAY)
    assert plan.held is not None and "went back in time" in plan.held
    assert [each.new for each in plan.recovery[Side.DATABASE]] == [{"label": "krill"}] * len(MANY)


def test_rows_after_which_others_came_to_be_were_deleted() -> None:
    plan = _came_and_gone(newest_elsewhere=NOW)
    assert plan.held is None or "went back in time" not in plan.held


def test_rows_that_were_deleted_and_are_there_again_under_older_stamps_are_evidence() -> None:
    plan = plan_of(
        d=[D(name, at=YESTERDAY) for name in MANY],
        b=[],
        f=[],
        log=[earlier(name, action="delete", way="to_fiftyone") for name in MANY],
        samples=[{"sample_id": f"s-{name}", "media": f"m-{name}", "occupied": False} for name in MANY],
        **LOOSE,
    )
    assert plan.held is not None
    assert {each.action.value for each in plan.recovery[Side.DATABASE]} == {"delete"}


def test_of_the_log_is_asked_only_what_may_have_gone_back() -> None:
    given = world(
        b=[B("same"), B("edited"), B("old"), B("gone")],
        f=[F("same", at=YESTERDAY), F("edited", at=NOW, label="krill"), F("old", at=YESTERDAY, label="krill")],
        d=[D(name, at=YESTERDAY) for name in ("same", "edited", "old", "gone")],
    )
    frames = (given.fiftyone.rows, given.database.rows, given.baseline)
    assert asked_for(mapping(), *frames, complete=True, newest=NOON) == {"old", "gone"}
    assert asked_for(mapping(), *frames, complete=False, newest=NOON) == {"old"}
    assert asked_for(mapping(), *frames, complete=True, newest=None) == set()


def test_the_order_of_rows_does_not_matter() -> None:
    given = world(b=_known(MANY), f=[F(n, at=YESTERDAY) for n in MANY], d=[D(n, label="krill") for n in MANY],
                  log=[earlier(n, old="copepod") for n in MANY], **LOOSE)  # fmt: skip
    shuffled = replace(given.history, earlier=given.history.earlier.reverse())
    assert diff(given).held == diff(replace(given, history=shuffled)).held is not None


# syncd's own tables, or another table


BEHIND = "syncd's tables are older than FiftyOne"


def test_syncd_s_own_tables_that_went_back_hold_and_fiftyone_can_follow_what_the_database_still_holds() -> None:
    plan = plan_of(
        "note",
        b=[
            B("a", note="agreed"),
            B("b", unknown=("note",)),
            B("c"),
            B("d", note="agreed"),
            B("e", note="agreed"),
            B("f", note="agreed"),
        ],
        f=[
            F("a", label="krill", note="newer"),
            F("b", note="newer"),
            F("d", note=None, problems={"note": "?"}),
            F("e", note="newer"),
            F("f", note="newer"),
        ],
        d=[D("a", note="agreed"), D("b"), D("c"), D("d", note="agreed"), D("e", note="edited")],
        behind=BEHIND,
    )
    assert plan.held == BEHIND
    assert sorted(plan.recovery) == [Side.FIFTYONE]
    assert [
        (each.annotation_id, each.action.value, each.field, each.old, each.new, each.label_id, each.sample_id)
        for each in plan.recovery[Side.FIFTYONE]
    ] == [
        ("a", "update", "label", "krill", "copepod", "l-a", "s-a"),
        ("a", "update", "note", "newer", "agreed", "l-a", "s-a"),
        ("c", "insert", None, None, {"label": "copepod", "note": None}, None, "s-c"),
    ]
    assert {(each.direction.value, each.reason) for each in plan.recovery[Side.FIFTYONE] if each.direction} == {
        ("to_fiftyone", "recovered")
    }


def test_a_person_takes_fiftyone_as_it_is_although_syncd_s_tables_went_back() -> None:
    rows: dict[str, Any] = {"b": [B("a")], "f": [F("a", label="krill")], "d": [D("a")]}
    assert plan_of(**rows, behind=BEHIND, force=True).held is None


ANOTHER = "the table is another one"


@pytest.mark.parametrize(("apart", "lacking", "holds"), [(0, 0, False), (2, 0, False), (3, 0, True), (1, 2, True)])
def test_another_table_is_taken_for_the_one_that_was_agreed_with_as_long_as_it_holds_the_same(
    apart: int, lacking: int, holds: bool
) -> None:
    rows = [D(name, label="salp" if number < apart else "krill") for number, name in enumerate(MANY)]
    given: dict[str, Any] = {
        "b": _known(MANY),
        "f": [F(name, label="krill") for name in MANY],
        "d": rows[: len(rows) - lacking],
        "another_table": ANOTHER,
        "brakes": replace(LOOSE["brakes"], min_count=3),
    }
    held = plan_of(**given).held
    if not holds:
        assert held is None
        return
    assert held is not None
    assert held.startswith(f"{ANOTHER}; 3 annotations differ there from what was agreed")
    assert plan_of(**given, force=True).held is None
    told = [opened(name, "deleted_in_database", None) for name in MANY]
    assert plan_of(**given, conflicts=told).held is None, "of those somebody was told"


def test_even_one_difference_holds_another_table_where_the_brakes_ask_for_none() -> None:
    given: dict[str, Any] = {"b": _known(FEW), "f": [F(name, label="krill") for name in FEW], "another_table": ANOTHER}
    given["brakes"] = replace(LOOSE["brakes"], min_count=0)
    alike = [D(name, label="krill") for name in FEW]
    assert plan_of(**given, d=alike).held is None
    assert plan_of(**given, d=[*alike[1:], D(FEW[0], label="salp")]).held is not None
