"""Who sent a value by hand is named where that very value stands; what nobody sent stays unnamed."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from syncd.model import Plan, Review
from unit.diff.world import CLASSIFICATIONS, LABEL, NOON, B, D, F, S, changes, kinds, plan_of, written

EDIT = ("db", "update", "a", LABEL, "krill", "copepod", "reviewed")
AGAIN = ("fo", "update", "a", LABEL, "copepod", "krill", "stale_revert")


def sent(
    name: str,
    value: Any,
    actor: str | None = "ada",
    *,
    field: str | None = LABEL,
    seq: int = 1,
    resent: bool | None = False,
) -> dict[str, Any]:
    """What a window sent about the label of an annotation."""
    return {
        "sample_id": f"s-{name}",
        "label_id": f"l-{name}",
        "field": field,
        "value": json.dumps(value),
        "resent": resent,
        "actor": actor,
        "seq": seq,
    }


def edited(*edits: dict[str, Any], **label: Any) -> Plan:
    """A label that was changed from ``copepod`` to ``salp``, and noted as seen."""
    now = F("a", label="salp", note="seen", at=NOON, **label)
    return plan_of("note", b=[B("a")], f=[now], d=[D("a")], sent=list(edits), review=Review(actor_prefix="by:"))


def actors(plan: Plan) -> dict[str | None, str | None]:
    return {each.field: each.actor for each in plan.changes}


NOBODY = {LABEL: "fiftyone", "note": "fiftyone"}


def test_each_field_names_whoever_sent_it() -> None:
    assert actors(edited()) == NOBODY
    assert actors(edited(sent("a", "salp"))) == NOBODY | {LABEL: "ada"}
    plan = edited(sent("a", "salp"), sent("a", "seen", "ben", field="note", seq=2))
    assert actors(plan) == {LABEL: "ada", "note": "ben"}


@pytest.mark.parametrize(
    "edits",
    [
        [sent("a", "krill")],
        [sent("a", "salp"), sent("a", "krill", "ben", seq=2)],
        [sent("b", "salp")],
        [sent("a", "salp", None)],
        [sent("a", "salp", field="note")],
        [sent("a", 5)],
    ],
    ids=["another value", "changed again since", "another label", "by nobody", "another field", "another kind"],
)
def test_what_nobody_sent_stays_unnamed(edits: list[dict[str, Any]]) -> None:
    assert actors(edited(*edits)) == NOBODY


def test_the_last_who_sent_it_is_named_whatever_an_older_tag_says() -> None:
    twice = [sent("a", "salp"), sent("a", "salp", "ben", seq=2)]
    assert actors(edited(*twice))[LABEL] == "ben"
    assert actors(edited(*reversed(twice), tags=["by:zoe"])) == {LABEL: "ben", "note": "zoe"}


@pytest.mark.parametrize(
    ("name", "value", "as_sent"),
    [
        ("box", [0.1, 0.2, 0.3, 0.5], [0.1, 0.2, 0.3, 0.5]),
        ("count", 7, 7),
        ("depth", 1.5, 1.5),
        ("price", "12.5", 12.5),
        ("verified", True, True),
        ("day", date(2024, 2, 29), "2024-02-29T00:00:00.000Z"),
        ("note", None, None),
    ],
)
def test_values_of_every_kind_are_recognised_in_fiftyones_form(name: str, value: Any, as_sent: Any) -> None:
    others = {"box": [0.5, 0.2, 0.3, 0.4], "note": "old"}
    was = {name: others.get(name)}
    given = {"b": [B("a", **was)], "f": [F("a", at=NOON, **{name: value})], "d": [D("a", **was)]}
    plan = plan_of(name, **given, sent=[sent("a", as_sent, field=name)])
    assert {each.actor for each in (*plan.changes,)} == {"ada"}


def test_a_conflict_and_a_waiting_edit_name_them_too() -> None:
    known = {"b": [B("a")], "f": [F("a", label="salp", at=NOON)], "sent": [sent("a", "salp")]}
    (conflict,) = plan_of(d=[D("a", label="krill")], **known).conflicts
    assert conflict.in_fiftyone.by == "ada"


def test_who_draws_a_label_is_named_until_it_is_known() -> None:
    drawn = F(None, label_id="l-new", sample="s-new", at=NOON)
    edit = sent("new", "added", field=None)
    for edits, actor in (([], "fiftyone"), ([edit], "ada")):
        (change,) = plan_of(f=[drawn], sent=edits).changes
        assert (change.reason, change.actor) == ("drawn_in_fiftyone", actor)
    assert actors(edited(sent("a", "added", field=None))) == NOBODY, "who drew it has not edited it since"


# Evidence of how a value came back


def returned(*edits: dict[str, Any], **given: Any) -> Plan:
    """syncd replaced ``copepod`` by ``krill`` on ``a``; FiftyOne is back at ``copepod``. ``z`` was changed by hand."""
    b = [B("a", label="krill"), B("z", sample="s-a")]
    f = [F("a", at=NOON), F("z", sample="s-a", at=NOON, label="salp")]
    lately = [written("a", old="copepod", new="krill", seq=1), *given.pop("lately", [])]
    d = [D("a", label="krill"), D("z", media="m-a")]
    return plan_of(b=b, f=f, d=d, lately=lately, sent=list(edits), **given)


def about_a(plan: Plan) -> list[tuple[Any, ...]]:
    return [each for each in changes(plan) if each[2] == "a"]


AGAIN_BEFORE = [written("a", old="copepod", new="krill", reason="stale_revert", seq=2)]


def test_what_a_window_sent_of_its_own_accord_never_needs_to_be_asked() -> None:
    own = sent("a", "copepod", resent=True)
    assert about_a(returned(own)) == [AGAIN]
    assert about_a(returned(lately=AGAIN_BEFORE)) == [], "without the evidence it is asked the second time"
    assert kinds(returned(lately=AGAIN_BEFORE)) == [("stale_revert", "a", LABEL)]
    assert about_a(returned(own, lately=AGAIN_BEFORE)) == [AGAIN]
    assert kinds(returned(own, lately=AGAIN_BEFORE)) == []


def test_the_policy_asks_all_the_same() -> None:
    plan = returned(sent("a", "copepod", resent=True), on_stale_revert="quarantine")
    assert kinds(plan) == [("stale_revert", "a", LABEL)]


def test_what_a_person_sent_first_hand_is_an_edit_whatever_was_changed_beside_it() -> None:
    assert about_a(returned()) == [AGAIN], "without the evidence it looks like a window's doing"
    plan = returned(sent("a", "copepod"))
    assert about_a(plan) == [EDIT]
    assert {each.annotation_id: each.actor for each in plan.changes} == {"a": "ada", "z": "fiftyone"}


@pytest.mark.parametrize(
    "edit", [sent("a", "copepod", resent=None), sent("a", "salp", resent=True), sent("b", "copepod")]
)
def test_what_proves_nothing_changes_nothing(edit: dict[str, Any]) -> None:
    assert about_a(returned(edit)) == about_a(returned())


def test_a_label_that_a_window_took_away_or_brought_back_by_itself_is_set_right_each_time() -> None:
    again = [written("a", "insert", sample="s-a"), written("a", "insert", reason="stale_revert", sample="s-a", seq=2)]
    gone: dict[str, Any] = {"b": [B("a")], "d": [D("a")], "homes": [S("s-a")], "lately": again}
    gone |= {"f": [], "label_type": CLASSIFICATIONS}
    deleted = sent("a", "removed", field=None)
    assert kinds(plan_of(**gone, sent=[deleted])) == [("deleted_in_fiftyone", "a", None)]
    plan = plan_of(**gone, sent=[deleted | {"resent": True}])
    assert changes(plan) == [("fo", "insert", "a", "stale_revert")]
