"""A person's bulk relabel, as the App does it, beside `syncd apply` of the same plan from its file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.data import CLASSES
from benchmarks.edit import Edit, editor
from benchmarks.errors import BenchmarkError
from benchmarks.place import BINDING, Place
from benchmarks.works.bare import edits_of
from benchmarks.works.work import Trial, Work
from syncd.api.binding import Binding
from syncd.engine import plan_file
from syncd.engine.result import RunResult
from syncd.model import Side
from syncd.model.run import RunMode

ACTOR = "a reviewer"

Run = Callable[[Binding, list[Edit], Path], "RunResult | None"]


def _relabel(b: Binding, chosen: list[Edit], _: Path) -> RunResult | None:
    return b.relabel(CLASSES[0], label_ids=[str(each.label_id) for each in chosen], force=True).result


def _apply(b: Binding, _: list[Edit], plan: Path) -> RunResult | None:
    return b.apply(plan)


def _measured(run: Run) -> Callable[[Place], Iterator[Trial]]:
    def opened(place: Place) -> Iterator[Trial]:
        b, plan = Binding(place.config(), BINDING), Path(place.folder) / "relabel.plan"
        chosen: list[Edit] = []
        done: list[RunResult] = []
        with editor(place) as people, b.actor(ACTOR):

            def prepare() -> None:
                found = people.choose(Side.FIFTYONE, edits_of(place.labels))
                chosen[:] = [each for each in found if each.old != CLASSES[0]]
                ids = [str(each.label_id) for each in chosen]
                planned = b.relabel(CLASSES[0], label_ids=ids, force=True, dry_run=True).plan
                plan_file.save(plan, [planned], forced=True, command=RunMode.RELABEL)

            def timed() -> int:
                result = run(b, chosen, plan)
                if result is None or (result.to_database, result.to_fiftyone) != (len(chosen), len(chosen)):
                    raise BenchmarkError(f"expected {len(chosen)} on both sides, got {result}")
                done.append(result)
                return len(chosen)

            def settle() -> None:
                b.undo(run=done.pop().run_id, force=True)
                people.age()

            yield Trial(timed, prepare, settle)

    return opened


WORKS = (
    Work("relabel-apply", "syncd apply of a bulk relabel's plan", contextmanager(_measured(_apply)), unit="labels"),
    Work(
        "relabel",
        "the same relabel as the App does it: looked up, judged, applied",
        contextmanager(_measured(_relabel)),
        basis="relabel-apply",
    ),
)
