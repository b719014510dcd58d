"""A vocabulary as a tree: every term once, below its parent, and nothing in it that must not be pushed."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from syncd.model.vocabulary import Term, Vocabulary
from syncd.vocabulary.schema import left_out, why_poison
from syncd.vocabulary.taxonomy import TOP, selectable, taxonomy_root, walk

NAMES = [*"abcdefgh", "20240101", "2024-W01", "x\ty", TOP]


@st.composite
def vocabularies(draw: st.DrawFn) -> Vocabulary:
    names = draw(st.lists(st.sampled_from(NAMES), unique=True))
    # A parent is an earlier term, or none of the terms: so there is no circle.
    terms = [
        Term(name, draw(st.none() | st.sampled_from([*names[:position], "Header", "2024-01-01"])))
        for position, name in enumerate(names)
    ]
    return Vocabulary(tuple(draw(st.permutations(terms))), tuple(draw(st.lists(st.sampled_from(NAMES), unique=True))))


@given(vocabularies(), st.sets(st.sampled_from(NAMES)))
def test_what_can_be_chosen_is_the_vocabulary_without_its_poison(vocabulary: Vocabulary, dropped: set[str]) -> None:
    root = taxonomy_root(vocabulary, dropped)
    chosen = {name for name, node in walk(root) if node.get("can_select", True) and not node.get("deprecated")}
    assert chosen == {name for name in vocabulary.names if why_poison(name) is None}
    assert selectable(root) - chosen <= dropped


@given(vocabularies(), st.sets(st.sampled_from(NAMES)))
def test_no_name_stands_twice(vocabulary: Vocabulary, dropped: set[str]) -> None:
    assert set(Counter(name for name, _ in walk(taxonomy_root(vocabulary, dropped))).values()) == {1}


@given(vocabularies())
def test_every_term_stands_below_its_parent(vocabulary: Vocabulary) -> None:
    root = taxonomy_root(vocabulary)
    above = {child["name"]: name for name, node in walk(root) for child in node.get("values", [])}
    for term in vocabulary.terms:
        if term.name in above:
            assert above[term.name] == (term.parent or root["name"])


def test_the_order_is_the_one_given_and_extra_labels_come_last() -> None:
    root = taxonomy_root(Vocabulary((Term("b"), Term("z", "b"), Term("a"), Term("y", "b")), ("unknown", "a")))
    assert [name for name, _ in walk(root)] == [TOP, "b", "z", "y", "a", "unknown"]


def test_what_is_left_out_says_why() -> None:
    found: list[Any] = [(each.term, each.why) for each in left_out(["Copepoda", "2024-01-01", "a\u2028b", "2024"])]
    assert [term for term, _ in found] == ["2024-01-01", "a\u2028b"]
    assert "reads as a date" in found[0][1]
    assert "U+2028" in found[1][1]
