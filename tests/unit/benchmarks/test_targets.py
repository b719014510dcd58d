from __future__ import annotations

from benchmarks.figures import Figures, Repetition
from benchmarks.targets import targets


def _figures(work: str, wall: float, units: int = 1_000, peak: float = 100.0) -> Figures:
    return Figures(work, units, (Repetition(wall, wall, {}, peak, peak, {}),))


def _judged(*works: Figures) -> dict[str, tuple[str, bool]]:
    found = targets({1_000: {each.work: each for each in works}})
    return {each.target.split(":")[0]: (each.measured, each.met) for each in found}


def test_what_was_not_measured_is_no_target_met() -> None:
    assert _judged() == {}


def test_each_target_is_met_on_one_side_of_its_line_only() -> None:
    assert _judged(_figures("poll", 0.099)) == {"poll, nothing changed": ("99 ms", True)}
    assert _judged(_figures("poll", 0.101)) == {"poll, nothing changed": ("101 ms", False)}
    assert _judged(_figures("edits-to-database", 2.0, 10_000))["edits FiftyOne → database, audited"][1]
    assert not _judged(_figures("edits-to-database", 2.1, 10_000))["edits FiftyOne → database, audited"][1]


def test_a_reviewers_edits_are_judged_by_the_speed_of_both_directions() -> None:
    """10 000 edits, 2 500 of them by tags: 2 seconds home at 5 000 a second, and 1 out at 2 500."""
    assert _judged(_figures("edits-reviewed", 2.99, 12_500))["a reviewer's edits, tags and typos among them"][1]
    assert not _judged(_figures("edits-reviewed", 3.01, 12_500))["a reviewer's edits, tags and typos among them"][1]


def test_a_full_reconcile_is_judged_by_the_bare_reads_and_by_its_memory() -> None:
    reads = _figures("bare-together", 1.0)
    found = list(targets({1: {"full": _figures("full", 1.9, peak=1_600.0), "bare-together": reads}}))
    assert [each.met for each in found] == [True, False]
    found = list(targets({1: {"full": _figures("full", 2.1, peak=1_400.0), "bare-together": reads}}))
    assert [each.met for each in found] == [False, True]


def test_two_scripts_that_carry_one_side_each_are_judged_by_the_run_that_carries_both() -> None:
    run, home = _figures("edits-1pc", 1.0), _figures("naive-to-database", 20.0)
    (found,) = _judged(run, home, _figures("naive-to-fiftyone", 30.1)).values()
    assert found == ("50.1 ×", True)
    (found,) = _judged(run, home, _figures("naive-to-fiftyone", 29.9)).values()
    assert found == ("49.9 ×", False)
    assert _judged(run, home) == {}


def test_each_is_judged_at_the_largest_size_at_which_it_was_measured() -> None:
    sizes = {
        100: {"poll": _figures("poll", 0.01), "ingest": _figures("ingest", 1.0), "ingest-sdk": _figures("", 11.0)},
        900: {"poll": _figures("poll", 0.012)},
    }
    found = {each.target.split(":")[0]: each for each in targets(sizes)}
    assert (found["ingest"].labels, found["ingest"].met) == (100, True)
    assert found["poll, nothing changed"].labels == 900
    assert found["poll, nothing changed"].measured == "1.20 × the time at 9 × the labels"
