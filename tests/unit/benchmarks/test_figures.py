import json

import pytest

from benchmarks.figures import Figures, Repetition
from benchmarks.meter import Reading


def _figures(*walls: float) -> Figures:
    repetitions = tuple(Repetition(wall, 0.5 * wall, {"MongoDB": 0.25}, 100 * wall, 50, {}) for wall in walls)
    return Figures("full", 1_000, repetitions)


def test_the_best_time_and_the_worst_memory_count() -> None:
    found = _figures(3.0, 2.0, 4.0)
    assert (found.seconds, found.cpu, found.peak_mb, found.rate) == (2.0, 1.25, 400.0, 500.0)


def test_figures_survive_the_way_from_process_to_process() -> None:
    found = _figures(1.5, 2.5)
    assert Figures.of_json(json.loads(json.dumps(found.as_json()))) == found


def test_a_repetition_of_many_calls_counts_one_call() -> None:
    used = Reading(wall=10.0, own=4.0, servers={"PostgreSQL": 2.0})
    found = Repetition.of(used, [2.0, 1.0, 3.0, 4.0], peak=90, start=80, phases={"comparing": 8.0})
    assert found.wall == 1.0
    assert found.own_cpu == 1.0
    assert found.servers_cpu == {"PostgreSQL": 0.5}
    assert found.phases == {"comparing": 2.0}


def test_a_reading_since_another_is_the_difference() -> None:
    before, after = Reading(1.0, 2.0, {"MongoDB": 3.0}), Reading(1.5, 2.25, {"MongoDB": 4.0})
    assert after.since(before) == Reading(0.5, 0.25, {"MongoDB": 1.0})
    assert after.since(before).cpu == pytest.approx(1.25)
