"""What is recorded of a write, given what was read back: outcome, baseline, conflict, answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from syncd.diff.outcomes import (
    Recorded,
    answers,
    applied_count,
    forgotten,
    held,
    judge_result,
    next_baseline,
    refusals,
)
from syncd.diff.readback import LEFT, PUT_BACK
from syncd.model import ID_FIELD, LABEL, MEDIA_FIELD, SAMPLE_FIELD, Action, Change, Conflict, Direction, Side
from syncd.model.conflict_kinds import ConflictKind
from syncd.model.plan import Edited
from syncd.model.reasons import Reason
from syncd.model.result import Result, Status
from syncd.model.snapshot import column
from unit.diff.world import CLASSIFICATIONS, NOON, B, D, F, Row, baseline, frame, mapping

MAPPED = mapping("depth", label_type=CLASSIFICATIONS)
DATABASE, FIFTYONE = Direction.TO_DATABASE, Direction.TO_FIFTYONE


def change(
    way: Direction | None,
    action: Action = Action.UPDATE,
    name: str | None = LABEL,
    old: Any = "copepod",
    new: Any = "krill",
    *,
    annotation_id: str | None = "a",
    label_id: str | None = "l-a",
    reason: str = Reason.REVIEWED,
    **others: Any,
) -> Change:
    return Change(annotation_id, label_id, "s-a", way, action, name, old, new, reason, **others)


def whole(label: str, depth: float | None = None) -> dict[str, Any]:
    return {LABEL: label, "depth": depth}


def insert(way: Direction, new: Any = None, **others: Any) -> Change:
    return change(way, Action.INSERT, None, None, new or whole("krill"), **others)


def delete(way: Direction, **others: Any) -> Change:
    return change(way, Action.DELETE, None, whole("krill"), None, **others)


def status(change: Change, **read: Any) -> str:
    return judge_result(MAPPED, Result(change, **({"present": True} | read))).status


# The outcome


def test_of_a_write_to_fiftyone_what_is_read_back_decides() -> None:
    assert status(change(FIFTYONE), after="krill") == Status.APPLIED
    assert status(change(FIFTYONE), after="salp") == Status.SUPERSEDED
    assert status(change(FIFTYONE), after=None, present=False) == Status.SUPERSEDED
    assert status(insert(FIFTYONE), after=whole("krill")) == Status.APPLIED
    assert status(insert(FIFTYONE), after=None, present=False) == Status.SUPERSEDED
    assert status(delete(FIFTYONE), present=False) == Status.APPLIED
    assert status(delete(FIFTYONE), after=whole("krill")) == Status.SUPERSEDED


def test_the_database_says_itself_whether_it_wrote() -> None:
    assert status(change(DATABASE), after="krill!", matched=True) == Status.APPLIED
    assert status(change(DATABASE), after="salp", matched=False) == Status.SUPERSEDED
    assert status(delete(DATABASE), present=False, matched=True) == Status.APPLIED
    assert status(delete(DATABASE), present=False, matched=False) == Status.SUPERSEDED


def test_a_value_that_was_refused_or_quietly_kept_as_it_was_is_refused() -> None:
    assert status(change(DATABASE), matched=False, refused="too long") == Status.REFUSED
    for matched, said in ((True, PUT_BACK), (False, LEFT)):
        found = judge_result(MAPPED, Result(change(DATABASE), True, "copepod", matched))
        assert (found.status, found.result and found.result.refused) == (Status.REFUSED, said)


def test_what_was_the_same_before_is_not_taken_for_a_quiet_refusal() -> None:
    same = change(DATABASE, old="krill")
    assert status(same, after="krill", matched=True) == Status.APPLIED
    assert status(same, after="krill", matched=False) == Status.REFUSED
    assert status(insert(DATABASE), after=None, matched=True) == Status.APPLIED


def test_our_new_label_that_was_edited_at_once_counts_as_it_was_inserted() -> None:
    ours = insert(FIFTYONE, label_id="l-new")
    edited = judge_result(MAPPED, Result(ours, True, whole("salp"), label_id="l-new"))
    assert (edited.status, edited.result and edited.result.after) == (Status.APPLIED, ours.new)
    same = Result(ours, True, whole("krill"), label_id="l-new")
    assert judge_result(MAPPED, same).result is same
    for other in (ours, replace(ours, label_id=None)):
        foreign = judge_result(MAPPED, Result(other, True, whole("salp"), label_id="l-x"))
        assert foreign.status == Status.SUPERSEDED


def test_the_ids_that_a_side_gave_are_noted() -> None:
    drawn = judge_result(MAPPED, Result(insert(DATABASE, annotation_id=None), True, None, True, annotation_id="7"))
    assert (drawn.change.annotation_id, drawn.change.label_id) == ("7", "l-a")
    lost = judge_result(MAPPED, Result(insert(DATABASE, annotation_id=None), True, None, False, annotation_id="7"))
    assert lost.change.annotation_id is None
    put = judge_result(MAPPED, Result(insert(FIFTYONE, label_id="l-old"), True, whole("krill"), label_id="l-new"))
    assert put.change.label_id == "l-new"
    nameless = judge_result(MAPPED, Result(change(FIFTYONE, label_id=None), True, "krill", label_id="l-new"))
    assert nameless.change.label_id == "l-new"
    kept = judge_result(MAPPED, Result(change(FIFTYONE), True, "krill", label_id="l-other"))
    assert kept.change.label_id == "l-a"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (ID_FIELD, "a"),
        (SAMPLE_FIELD, "s-a"),
        (MEDIA_FIELD, "m-a"),
        (LABEL, "copepod"),
        ("depth", 1.5),
        (None, whole("copepod", 1.5)),
    ],
)
def test_what_a_row_holds_is_that_of_which_the_change_speaks(name: str | None, value: Any) -> None:
    (row,) = frame(Side.FIFTYONE, MAPPED, [F("a", depth=1.5)]).to_dicts()
    assert held(MAPPED, change(FIFTYONE, name=name), row) == value


# Refusals


def refused(change: Change, known: list[Row] | None = None, **read: Any) -> Conflict:
    given = Recorded(change, Status.REFUSED, Result(change, **({"present": True, "refused": "no"} | read)))
    (found,) = refusals(MAPPED, baseline(MAPPED, known or []), [given])
    return found


def test_a_refused_edit_is_a_conflict_with_the_database_s_words_and_the_editor() -> None:
    edit = change(DATABASE, actor="ada", edited_at=NOON)
    assert refused(edit, [B("a", label="medusa")], after="copepod") == Conflict(
        kind=ConflictKind.REFUSED_BY_DATABASE,
        annotation_id="a",
        sample_id="s-a",
        label_id="l-a",
        field=LABEL,
        base="medusa",
        fiftyone="krill",
        database="copepod",
        suggestions=("no",),
        in_fiftyone=Edited("ada", NOON),
    )


def test_what_fiftyone_refuses_is_a_conflict_the_other_way_round() -> None:
    found = refused(change(FIFTYONE, actor="ben"), [B("a")], after="salp")
    assert (found.kind, found.fiftyone, found.database) == (ConflictKind.REFUSED_BY_FIFTYONE, "salp", "krill")
    assert (found.in_fiftyone, found.in_database) == (Edited(), Edited("ben"))


def test_a_refused_whole_annotation_shows_its_content_and_what_was_agreed() -> None:
    gone = refused(delete(DATABASE), [B("a", depth=1.0)], after=whole("salp"))
    assert (gone.base, gone.fiftyone, gone.database) == (whole("copepod", 1.0), None, whole("salp"))
    come = refused(insert(DATABASE, annotation_id=None), present=False)
    assert (come.base, come.fiftyone, come.database) == (None, whole("krill"), None)


def test_where_nothing_is_read_back_the_expected_value_is_shown() -> None:
    assert refused(change(DATABASE), present=False).database == "copepod"


def test_only_what_is_known_and_mapped_is_shown_as_agreed() -> None:
    assert refused(change(DATABASE), [B("a", unknown=(LABEL,))]).base is None
    assert refused(change(DATABASE, name=MEDIA_FIELD), [B("a")]).base is None
    assert refused(change(DATABASE), [B("b")]).base is None


def test_nothing_refused_is_no_conflict() -> None:
    fine = Recorded(change(DATABASE), Status.APPLIED, Result(change(DATABASE), True, "krill", True))
    silent = Recorded(change(None), Status.APPLIED)
    assert refusals(MAPPED, baseline(MAPPED, []), [fine, silent]) == []


# The baseline


def recorded(one: Change, status: Status = Status.APPLIED, **read: Any) -> Recorded:
    return Recorded(one, status, Result(one, **({"present": True} | read)))


def after(known: list[Row], *given: Recorded) -> dict[str, tuple[Any, ...]]:
    """The next baseline: label, depth, and whether each is known, by annotation."""
    rows = next_baseline(MAPPED, baseline(MAPPED, known), given).to_dicts()
    names = [column(LABEL), "known.label", column("depth"), "known.depth"]
    assert len({row["annotation_id"] for row in rows}) == len(rows)
    return {row["annotation_id"]: tuple(row[name] for name in names) for row in rows}


def test_an_applied_update_is_agreed_and_nothing_else_moves() -> None:
    known = [B("a", unknown=(LABEL,)), B("b", depth=2.0)]
    assert after(known, recorded(change(DATABASE), after="krill")) == {
        "a": ("krill", True, None, True),
        "b": ("copepod", True, 2.0, True),
    }


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(recorded(change(DATABASE), Status.SUPERSEDED, after="salp"), id="superseded"),
        pytest.param(recorded(change(DATABASE), Status.REFUSED, after="copepod"), id="refused"),
        pytest.param(recorded(change(FIFTYONE), after="salp"), id="reads back as something else"),
        pytest.param(recorded(change(FIFTYONE, reason=Reason.RELABELLED_FOR_REVIEW), after="krill"), id="for review"),
        pytest.param(Recorded(change(None), Status.APPLIED), id="the plan has moved it already"),
        pytest.param(Recorded(change(DATABASE), Status.APPLIED), id="nothing is known of it"),
        pytest.param(recorded(delete(DATABASE), present=False), id="deleted"),
    ],
)
def test_nothing_is_agreed_by_what_did_not_bring_both_sides_together(given: Recorded) -> None:
    assert after([B("a")], given) == {"a": ("copepod", True, None, True)}


def test_a_change_of_both_sides_is_agreed_only_if_both_were_written_and_alike() -> None:
    out, home = change(FIFTYONE, old="salp"), change(DATABASE)
    known = [B("a")]
    assert after(known, recorded(out, after="krill"), recorded(home, after="krill"))["a"][0] == "krill"
    half = (recorded(out, after="krill"), recorded(home, Status.SUPERSEDED, after="medusa"))
    assert after(known, *half)["a"][0] == "copepod"
    apart = (recorded(change(FIFTYONE, new="own"), after="own"), recorded(change(DATABASE, new="other"), after="other"))
    assert after(known, *apart)["a"][0] == "copepod"


def test_the_answer_of_the_database_is_agreed() -> None:
    answered = recorded(change(DATABASE), after="KRILL", answered=frozenset({LABEL}))
    assert after([B("a")], answered)["a"][0] == "KRILL"
    assert after([B("a")], recorded(change(FIFTYONE), after="krill"), answered)["a"][0] == "KRILL"


def test_an_insert_is_agreed_with_what_both_hold_and_a_default_is_not_known_yet() -> None:
    given = recorded(insert(DATABASE), after=whole("krill", 0.0))
    assert after([], given) == {"a": ("krill", True, 0.0, False)}
    answered = recorded(insert(DATABASE), after=whole("krill", 0.0), answered=frozenset({"depth"}))
    assert after([], answered) == {"a": ("krill", True, 0.0, True)}


def test_what_comes_to_both_sides_enters_once_with_its_label_and_what_both_hold_alike() -> None:
    home = recorded(insert(DATABASE, label_id=None), after=whole("krill", 0.0))
    out = recorded(insert(FIFTYONE, media="m-a"), after=whole("krill"))
    for order in ([home, out], [out, home]):
        frame = next_baseline(MAPPED, baseline(MAPPED, []), order)
        (row,) = frame.to_dicts()
        assert (row["label_id"], row["image"], row["known.label"], row["known.depth"]) == ("l-a", "m-a", True, False)


def test_an_insert_of_which_the_other_half_failed_is_not_agreed() -> None:
    assert after([], recorded(insert(FIFTYONE), after=whole("krill")), recorded(insert(DATABASE), Status.REFUSED)) == {}


def test_a_label_that_was_moved_is_known_where_it_went() -> None:
    moved = change(FIFTYONE, name=SAMPLE_FIELD, old="s-a", new="s-b", media="m-b")
    rows = next_baseline(MAPPED, baseline(MAPPED, [B("a"), B("c")]), [recorded(moved, after="s-b")]).to_dicts()
    assert [(row["sample_id"], row["image"]) for row in rows] == [("s-b", "m-b"), ("s-c", "m-c")]
    unknown = [recorded(replace(moved, media=None), after="s-b")]
    (row,) = next_baseline(MAPPED, baseline(MAPPED, [B("a")]), unknown).to_dicts()
    assert (row["sample_id"], row["image"]) == ("s-b", None)


def test_of_crops_an_insert_does_not_name_the_image() -> None:
    crops = replace(MAPPED, image="frame")
    given = recorded(insert(FIFTYONE, media="m-a"), after=whole("krill"))
    (row,) = next_baseline(crops, baseline(crops, []), [given]).to_dicts()
    assert row["image"] is None


# Answers and what is forgotten


def test_the_label_gets_what_the_database_made_of_the_value() -> None:
    answered = recorded(change(DATABASE, actor="ada"), after="KRILL", answered=frozenset({LABEL}))
    (owed,) = answers(MAPPED, [answered])
    assert (owed.direction, owed.field, owed.old, owed.new) == (FIFTYONE, LABEL, "krill", "KRILL")
    assert (owed.reason, owed.actor) == (Reason.ANSWERED, None)
    both = recorded(insert(DATABASE), after=whole("KRILL", 0.0), answered=frozenset({LABEL, "depth"}))
    assert [(each.field, each.old, each.new) for each in answers(MAPPED, [both])] == [
        ("depth", None, 0.0),
        (LABEL, "krill", "KRILL"),
    ]


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(recorded(change(DATABASE), after="krill"), id="no answer"),
        pytest.param(recorded(change(DATABASE), Status.REFUSED, answered=frozenset({LABEL})), id="not applied"),
        pytest.param(recorded(change(DATABASE, label_id=None), answered=frozenset({LABEL})), id="no label"),
        pytest.param(Recorded(change(DATABASE), Status.APPLIED), id="nothing was read back"),
        pytest.param(recorded(change(DATABASE), answered=frozenset({"unmapped"})), id="not mapped"),
    ],
)
def test_nothing_is_owed_where_there_is_no_answer_or_no_label(given: Recorded) -> None:
    assert answers(MAPPED, [given]) == []


def test_the_baseline_of_what_was_deleted_is_forgotten_but_not_that_of_a_lost_copy() -> None:
    known = baseline(MAPPED, [B("a")])

    def gone(one: Change, status: Status = Status.APPLIED) -> list[str]:
        return forgotten(["x"], [recorded(one, status, present=False)], known)

    assert gone(delete(DATABASE)) == ["x", "a"]
    assert gone(delete(FIFTYONE)) == ["x", "a"]
    assert gone(delete(FIFTYONE, label_id="l-copy")) == ["x"]
    assert gone(delete(DATABASE, label_id="l-copy")) == ["x", "a"]
    assert gone(delete(FIFTYONE, annotation_id="b", label_id="l-b")) == ["x", "b"]
    assert gone(delete(FIFTYONE, annotation_id=None)) == ["x"]
    assert gone(delete(DATABASE), Status.SUPERSEDED) == ["x"]
    assert gone(change(DATABASE)) == ["x"]


def test_only_applied_changes_of_the_direction_are_counted() -> None:
    given = [
        recorded(change(DATABASE)),
        recorded(change(DATABASE), Status.SUPERSEDED),
        recorded(change(FIFTYONE)),
        Recorded(change(None), Status.APPLIED),
    ]
    assert [applied_count(given, way) for way in (DATABASE, FIFTYONE)] == [1, 1]


def test_the_database_s_rows_hold_their_image_too() -> None:
    (row,) = frame(Side.DATABASE, MAPPED, [D("a", media="m-b")]).to_dicts()
    assert held(MAPPED, change(DATABASE, name=MEDIA_FIELD), row) == "m-b"
