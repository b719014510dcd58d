import io

from rich.console import Console

from benchmarks.figures import Figures, Repetition
from benchmarks.place import Shape
from benchmarks.report import ratios, show
from benchmarks.run import Run
from benchmarks.works import WORKS


def _figures(work: str, wall: float, cpu: float, units: int = 1_000) -> Figures:
    return Figures(work, units, (Repetition(wall, cpu, {}, 123.0, 100.0, {}),))


def _run(**seconds: float) -> Run:
    found = {name.replace("_", "-"): value for name, value in seconds.items()}
    works = {name: _figures(name, wall, wall / 2) for name, wall in found.items()}
    return Run(Shape.DETECTIONS, (1_000,), 3, {"processor": "abacus"}, {1_000: works})


def _shown(found: Run) -> str:
    written = io.StringIO()
    show(Console(width=140, file=written), found)
    return written.getvalue()


def test_ratios_are_of_the_same_run_and_the_same_labels() -> None:
    lines = "\n".join(ratios(_run(full=4.0, bare_together=2.0, bare_in_turn=3.0)))
    assert "0.50 of the speed of the bare reads at the same time" in lines
    assert "0.75 of the speed of the bare reads in turn" in lines


def test_what_was_not_measured_is_not_spoken_of() -> None:
    assert list(ratios(_run(full=4.0))) == []
    assert "Ratios" not in _shown(_run(full=4.0))


def test_a_script_is_compared_with_what_syncd_does_on_the_same_work() -> None:
    lines = "\n".join(ratios(_run(naive=30.0, poll=0.5, full=3.0)))
    assert "naive script, nothing changed: 60.0 × syncd's 'poll, nothing changed'" in lines
    assert "naive script, nothing changed: 10.0 × syncd's 'full reconcile, nothing changed'" in lines


def test_growth_is_given_between_the_smallest_and_the_largest_size() -> None:
    sizes = {size: {"poll": _figures("poll", wall, wall)} for size, wall in ((100, 0.02), (500, 0.03))}
    found = list(ratios(Run(Shape.DETECTIONS, (100, 500), 1, {}, sizes)))
    assert found == ["poll, nothing changed: 1.50 × the time at 5 × the labels [dim](1.50 × the CPU time)[/dim]"]


def test_the_table_has_one_line_per_work_with_its_ratio() -> None:
    text = _shown(_run(full=4.0, bare_together=2.0))
    line = next(each for each in text.splitlines() if each.strip().startswith("full reconcile, nothing changed"))
    assert line.split()[-8:] == ["1,000", "4.00", "2.00", "250", "labels", "2.00", "2.00", "123"]
    assert "abacus" in text


def test_every_work_has_a_name_of_its_own_and_a_basis_that_exists() -> None:
    names = [each.name for each in WORKS]
    assert len(set(names)) == len(names)
    assert all(each.basis in names for each in WORKS if each.basis is not None)
    assert {each.unit for each in WORKS if each.basis is None} == {"changes", "terms", "images"}, (
        "what no bare read compares with"
    )
