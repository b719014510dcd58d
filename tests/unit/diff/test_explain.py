"""The rule that is told of an annotation is the outcome that the diff gave it, in words."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

import syncd
from syncd.diff import Young
from syncd.diff.explain import Rule, rule_of
from syncd.model import Plan
from syncd.model.conflict_kinds import ConflictKind
from syncd.model.reasons import Reason
from unit.diff.world import CLASSIFICATION, B, D, F, S, mapping, plan_of

NOW = datetime(2026, 5, 4, tzinfo=timezone.utc)
HERE = {("s-a", "l-a")}


def rule(plan: Plan, *, fiftyone: bool = True, database: bool = True) -> Rule:
    return rule_of(plan, "a", HERE if fiftyone else set(), in_database=database)


@pytest.mark.parametrize(
    ("world", "name"),
    [
        ({"b": [B("a")], "f": [F("a")], "d": [D("a")]}, "in_agreement"),
        ({"f": [F("a")], "d": [D("a")]}, "first_meeting"),
        ({"b": [B("a")], "f": [F("a", label="krill")], "d": [D("a")]}, "reviewed"),
        ({"b": [B("a")], "f": [F("a")], "d": [D("a", label="krill")]}, "changed_at_home"),
        ({"b": [B("a")], "f": [F("a", label="krill")], "d": [D("a", label="krill")]}, "converged"),
        ({"b": [B("a")], "f": [F("a", label="krill")], "d": [D("a", label="salp")]}, "edit_edit"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_the_name_is_that_of_the_outcome(world: dict[str, Any], name: str) -> None:
    found = rule(plan_of(**world))
    assert found.name == name
    assert found.is_conflict is (name in set(ConflictKind))
    assert found.text


def test_a_row_without_a_sample_is_not_ingested_and_one_with_a_sample_is_new() -> None:
    assert rule(plan_of(d=[D("a")]), fiftyone=False).name == "not_ingested"
    placed = plan_of(mapped=mapping(label_type=CLASSIFICATION), d=[D("a")], samples=[S("s-a")])
    assert rule(placed, fiftyone=False).name == "new_in_database"
    assert rule(plan_of(), fiftyone=False, database=False).name == "absent"


def test_of_several_fields_each_is_named_and_the_one_that_needs_somebody_comes_first() -> None:
    plan = plan_of(
        "count",
        b=[B("a", count=1)],
        f=[F("a", label="krill", count=2)],
        d=[D("a", label="salp", count=1)],
    )
    found = rule(plan)
    assert found.name == "edit_edit"
    assert found.text.startswith(f"label: {ConflictKind.EDIT_EDIT.words}; count: {Reason.REVIEWED.words}")


def test_an_edit_of_this_moment_waits_for_the_quiet_period() -> None:
    young = Young(after=NOW - timedelta(seconds=5), until=NOW + timedelta(seconds=5))
    plan = plan_of(b=[B("a")], f=[F("a", label="krill", at=NOW)], d=[D("a")], young=young)
    assert rule(plan).name == "too_young"


def test_what_is_decided_about_the_label_under_another_id_is_about_this_one_too() -> None:
    plan = plan_of(b=[B("a")], f=[F("z", label_id="l-a", sample="s-a")], d=[D("a")])
    assert rule_of(plan, "z", HERE, in_database=False).name == "moved"


def test_every_reason_has_words_and_is_named_by_its_member() -> None:
    assert all(reason.words for reason in Reason)
    sources = Path(syncd.__file__).parent.rglob("*.py")
    named = {each.name: re.findall(r'reason="\w+"', each.read_text(encoding="utf-8")) for each in sources}
    assert not {name: found for name, found in named.items() if found}
