"""The review gate: with ``review.mode: tagged`` an edit waits for an approving tag."""

from __future__ import annotations

from typing import Any

from unit.diff.test_tags import edit, one, plan
from unit.diff.world import B, D, F, changes, kinds

TAGGED = {"mode": "tagged"}


def waiting(found: Any) -> list[tuple[Any, ...]]:
    return [(each.kind, each.annotation_id, each.field, each.old, each.new) for each in found.waiting]


def test_an_edit_waits_and_is_counted_and_is_no_conflict() -> None:
    found = one("count", review=TAGGED, label="krill", count=2, base={"count": 1}, home={"count": 1})
    assert (found.changes, found.conflicts, found.counts.awaiting_review) == ((), (), 1)
    assert waiting(found) == [
        ("awaiting_review", "a", "count", 1, 2),
        ("awaiting_review", "a", "label", "copepod", "krill"),
    ]
    assert found.baseline.is_empty()


def test_an_approved_edit_goes_through_and_the_tag_goes() -> None:
    for place, target in (("tags", "l-a"), ("sample_tags", None)):
        found = one(review=TAGGED, label="krill", **{place: ["ok"]})
        assert changes(found) == [("db", "update", "a", "label", "copepod", "krill", "reviewed")]
        assert (found.waiting, found.tags) == ((), (edit("ok", on=target),))


def test_a_kept_tag_goes_on_letting_edits_through() -> None:
    found = one(review=TAGGED | {"after": "keep"}, label="krill", tags=["ok"], given={"answered": [("a", "ok")]})
    assert len(found.changes) == 1
    assert found.answered == {("a", "ok")}


def test_a_class_tag_waits_too_and_keeps_its_tag() -> None:
    found = one(review=TAGGED, tags=["krill"])
    assert (found.changes, found.tags, found.answered) == ((), (), frozenset())
    assert waiting(found) == [("awaiting_review", "a", "label", "copepod", "krill")]
    approved = one("verified", review=TAGGED, tags=["krill", "ok"])
    assert len(approved.changes) == 4
    assert approved.tags == (edit("krill", "ok"),)


def test_an_error_tag_approves_nothing() -> None:
    found = one(review=TAGGED, label="krill", tags=["bad"])
    assert (found.is_empty, found.counts.awaiting_review, found.counts.flagged) == (True, 1, 1)


def test_a_change_of_the_same_field_in_the_database_is_a_disagreement_and_of_another_flows() -> None:
    found = one("count", review=TAGGED, label="krill", home={"label": "salp"})
    assert (found.changes, kinds(found), found.waiting) == ((), [("edit_edit", "a", "label")], ())
    found = one("count", review=TAGGED, label="krill", home={"count": 3})
    assert changes(found) == [("fo", "update", "a", "count", None, 3, "changed_at_home")]
    assert found.counts.awaiting_review == 1


def test_what_is_no_term_is_said_at_once() -> None:
    found = one(review=TAGGED, label="kril")
    assert (kinds(found), found.waiting) == ([("unknown_label", "a", "label")], ())


def test_a_drawn_label_waits_for_its_tag() -> None:
    drawn = {"label_id": "l-1", "sample": "s-1"}
    found = plan(review=TAGGED, f=[F(None, **drawn)])
    assert (found.changes, found.counts.awaiting_review) == ((), 1)
    assert waiting(found) == [("awaiting_review", None, None, None, {"label": "copepod"})]
    approved = plan(review=TAGGED, f=[F(None, **drawn, tags=["ok"])])
    assert [each.reason for each in approved.changes] == ["drawn_in_fiftyone"]


def test_a_drawn_label_keeps_its_tag_until_it_is_verified() -> None:
    drawn = {"label_id": "l-1", "sample": "s-1"}
    found = plan("verified", f=[F(None, **drawn, tags=["ok"])])
    assert (len(found.changes), found.tags, found.answered) == (1, (), frozenset())


def test_deletions_and_changes_at_home_do_not_wait() -> None:
    found = plan(review=TAGGED, b=[B("a"), B("b")], f=[F("b")], d=[D("a"), D("b", label="krill")],
                 on_fiftyone_delete="delete")  # fmt: skip
    assert {each[:3] for each in changes(found)} == {("db", "delete", "a"), ("fo", "update", "b")}


def test_a_tag_that_was_answered_while_tags_were_kept_stays_when_they_are_removed_from_now_on() -> None:
    found = one(review=TAGGED | {"after": "remove"}, label="krill", tags=["ok"], given={"answered": [("a", "ok")]})
    assert changes(found) == [("db", "update", "a", "label", "copepod", "krill", "reviewed")]
    assert (found.tags, found.answered) == ((), {("a", "ok")})
