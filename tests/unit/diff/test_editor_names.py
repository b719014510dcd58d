"""A name that syncd itself left in a row says nothing about who edits the row next."""

from __future__ import annotations

from typing import Any

from syncd.diff.editor_names import edited_rows
from unit.diff.world import B, D, F, Side, baseline, frame, mapping, only, plan_of


def at_home(actor: str | None, **given: Any) -> str | None:
    """Who is logged for an edit of a row that names ``actor`` by now; syncd left ``ada`` there."""
    plan = plan_of(b=[B("a")], f=[F("a")], d=[D("a", label="krill", actor=actor)], signed=[("a", "ada")], **given)
    (change,) = plan.changes
    return change.actor


def test_the_name_that_syncd_left_is_not_the_editors() -> None:
    assert at_home("ada") is None


def test_a_name_that_the_lab_set_is_the_editors() -> None:
    assert at_home("bob") == "bob"
    assert at_home(None) is None


def test_the_name_that_syncd_left_in_another_row_is_none_in_this_one() -> None:
    plan = plan_of(b=[B("a")], f=[F("a")], d=[D("a", label="krill", actor="ada")], signed=[("b", "ada")])
    assert plan.changes[0].actor == "ada"


def test_nor_is_it_in_a_conflict() -> None:
    conflict = only(plan_of(b=[B("a")], f=[F("a", label="salp")], d=[D("a", label="krill", actor="ada")],
                            signed=[("a", "ada")]))  # fmt: skip
    assert conflict.in_database.by is None


def test_the_reviewer_is_named_as_ever() -> None:
    plan = plan_of(b=[B("a")], f=[F("a", label="salp", actor="ada")], d=[D("a", actor="ada")], signed=[("a", "ada")])
    assert plan.changes[0].actor == "ada"


def test_names_are_asked_for_only_where_a_row_was_edited() -> None:
    mapped = mapping()
    rows = [D("same", actor="ada"), D("edited", label="krill", actor="ada"), D("new", actor="ada"), D("unsigned")]
    known = baseline(mapped, [B(name) for name in ("same", "edited", "unsigned")])
    assert edited_rows(mapped, known, frame(Side.DATABASE, mapped, rows)) == {"edited", "new"}
