"""The order of labels, and links."""

from __future__ import annotations

import pytest

from syncd.model.vocabulary import Term
from syncd.report.labels import Net, by_taxonomy, ordered
from syncd.report.links import in_the_app, undo_command


def test_a_parent_comes_before_its_children_and_siblings_as_they_came() -> None:
    terms = [Term("b", "top"), Term("leaf", "a"), Term("top"), Term("a", "top"), Term("other")]
    assert by_taxonomy(terms) == ("top", "b", "a", "leaf", "other")


def test_a_parent_that_is_no_term_and_a_tree_that_bites_its_tail_lose_nobody() -> None:
    assert by_taxonomy([Term("a", "absent"), Term("b", "c"), Term("c", "b")]) == ("a", "b", "c")


def test_labels_outside_the_taxonomy_follow_the_most_changed_first() -> None:
    classes = [Net("odd", 9, 9), Net("b", 5, 0), Net("rare", 1, 0), Net("a", 0, 1)]
    assert ordered(classes, ("a", "unused", "b")) == ("a", "b", "odd", "rare")


def test_a_link_needs_all_of_its_parts_and_holds_any_name() -> None:
    assert in_the_app("http://h:5151/", "my set/ä", "6f") == "http://h:5151/datasets/my%20set%2F%C3%A4?id=6f"
    assert in_the_app(None, "d", "s") is in_the_app("http://h", None, "s") is in_the_app("http://h", "d", None) is None


@pytest.mark.parametrize(("status", "command"), [("applied", "syncd undo 7"), ("pending", None), ("superseded", None)])
def test_only_what_came_into_effect_can_be_taken_back(status: str, command: str | None) -> None:
    assert undo_command(7, status) == command
