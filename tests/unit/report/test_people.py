"""How far reviewers agree."""

from __future__ import annotations

import math
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.report.agreement import Agreement, agreement
from unit.report.logs import approved, log, moved

PEOPLE, LABELS = ("ada", "bob", "cyd"), ("x", "y")
JUDGEMENTS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(PEOPLE), st.sampled_from(LABELS)), max_size=12)


def test_what_one_person_judged_alone_is_no_agreement() -> None:
    assert agreement(log(moved(1, "a", "x", "y"), moved(2, "a", "y", "x"), moved(3, "b", "x", "y", "bob"))) == ()


def test_an_approval_is_a_judgement_of_the_label_that_stood() -> None:
    given_then_approved = log(moved(1, "a", "x", "y"), approved(2, "a", "bob"))
    approved_then_changed = log(approved(1, "a", "bob"), moved(2, "a", "x", "y"))
    assert agreement(given_then_approved) == (Agreement("ada", "bob", 1, 1, None),)
    assert agreement(approved_then_changed) == (Agreement("ada", "bob", 1, 0, 0.0),)


def test_two_who_approve_one_label_agree() -> None:
    assert agreement(log(approved(1, "a", "ada"), approved(2, "a", "bob"))) == (Agreement("ada", "bob", 1, 1, None),)


def test_kappa_is_as_the_textbook_has_it() -> None:
    # Ada: x 25, y 25 of 50; Bob: x 30, y 20; they agree on 20 x and 15 y: kappa 0.4.
    table = {("x", "x"): 20, ("x", "y"): 5, ("y", "x"): 10, ("y", "y"): 15}
    rows, number = [], 0
    for (first, second), times in table.items():
        for _ in range(times):
            number += 1
            rows += [
                moved(2 * number, str(number), "z", first),
                moved(2 * number + 1, str(number), first, second, "bob"),
            ]
    (found,) = agreement(log(*rows))
    assert (found.both, found.agreed) == (50, 35)
    assert found.kappa == pytest.approx(0.4)


def test_a_change_that_was_not_applied_or_that_nobody_is_known_for_is_no_judgement() -> None:
    rows = [moved(1, "a", "x", "y"), moved(2, "a", "y", "x", None), moved(3, "a", "y", "x", "bob")]
    rows[2]["status"] = "superseded"
    assert agreement(log(*rows)) == ()


@given(JUDGEMENTS)
@settings(max_examples=60, deadline=None)
def test_it_counts_the_last_word_of_each(judged: list[tuple[str, str, str]]) -> None:
    last = {(key, actor): label for key, actor, label in judged}
    rows = [moved(seq, key, "z", label, actor) for seq, (key, actor, label) in enumerate(judged, 1)]
    found = {(each.first, each.second): (each.both, each.agreed) for each in agreement(log(*rows))}
    for one, two in combinations(PEOPLE, 2):
        both = [(last[key, one], last[key, two]) for key in "abc" if (key, one) in last and (key, two) in last]
        expected = (len(both), sum(first == second for first, second in both))
        assert found.get((one, two), (0, 0)) == expected
    for each in agreement(log(*rows)):
        assert each.kappa is None or (math.isfinite(each.kappa) and each.kappa <= 1)


def test_no_changes_are_no_agreement() -> None:
    assert agreement(log().clear()) == ()
