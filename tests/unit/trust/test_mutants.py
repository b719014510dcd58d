"""The tests notice faults in the diff: of small ones that are put into it, at least 95 of 100 fail a test."""

from __future__ import annotations

import os

import pytest

from tools.mutants import ORIGINAL, Covering, Outcome, covering, explained, run, run_mutant, share_killed
from tools.mutations import DIFF, MODULE, Mutant, mutants, sample
from trust import many, tried

AT_LEAST = 0.95
SEED = 1
LONG_S = 6 * 3600

UNIT = "tests/unit/diff"
KNOWN = {
    "syncd/diff/net_changes.py::_not_undone: change.direction is None -> change.direction is not None": (
        f"{UNIT}/test_net_changes.py::test_both_sides_go_back_whichever_was_written"
    ),
    "syncd/diff/preconditions.py::_update_holds: paired or out is None or _field_is(mapping, out, change.field, "
    "change.new) -> paired or out is None": (
        f"{UNIT}/test_preconditions.py::test_an_update_needs_the_old_value_on_its_side_and_the_new_one_on_the_other"
    ),
    "syncd/diff/resolution/decide.py::decide: conflict['field'] is None -> conflict['field'] is not None": (
        f"{UNIT}/test_ways.py::test_of_a_disagreement_either_side_or_another_value_may_be_taken"
    ),
}
"""Faults, each with a test that notices it."""


def known() -> tuple[list[Mutant], Covering]:
    """The faults above, and their tests as what executes them."""
    # Where a function says the same twice, the last of both is meant.
    named = {each.name: each for path in sorted(DIFF.rglob("*.py")) for each in mutants(path)}
    found = [named[name] for name in KNOWN]
    lines = {each.path: {str(each.line): [at]} for at, each in enumerate(found)}
    return found, Covering([KNOWN[each.name] for each in found], [1.0] * len(found), lines)


@pytest.mark.timeout(LONG_S)
def test_nearly_every_fault_in_the_diff_is_noticed() -> None:
    number = many(len(KNOWN), 500)
    chosen, tests = known() if number == len(KNOWN) else (sample(number, SEED), covering())
    assert len(chosen) == number
    found = run(chosen, tests, max(1, (os.cpu_count() or 1) // 2))
    tried("cases", number)
    missed = {each.name for kind in (Outcome.SURVIVED, Outcome.UNTESTED) for each in found[kind]}
    assert share_killed(found) >= AT_LEAST, "\n".join(missed - set(explained()))


def test_what_is_no_fault_fails_no_test() -> None:
    none = Mutant("syncd/diff/net_changes.py", ORIGINAL, 1, 1, MODULE, "", "")
    assert run_mutant(none, [next(iter(KNOWN.values()))], 1.0) is Outcome.SURVIVED
