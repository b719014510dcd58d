"""What syncd does with people's edits: audited, compare-and-set, and with the baseline moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmarks.edit import editor
from benchmarks.errors import BenchmarkError
from benchmarks.place import BINDING, Place
from benchmarks.works.bare import edits_of
from benchmarks.works.unchanged import POLL, demand
from benchmarks.works.work import Phases, Trial, Work
from syncd.engine.options import Options
from syncd.engine.run import reconcile
from syncd.engine.session import open_session
from syncd.model import Side
from syncd.model.run import RunMode

Count = Callable[[int], int]


def _none(_: int) -> int:
    return 0


def hundred(labels: int) -> int:
    """100 edits, or a twentieth of few labels."""
    return min(100, labels // 20)


def percent(labels: int) -> int:
    """One label in a hundred."""
    return labels // 100


def _edited(
    name: str, title: str, in_fiftyone: Count, in_database: Count, *, full: bool = False, basis: str = "bare-together"
) -> Work:
    """So many labels edited on each side, all different ones; then one reconcile."""

    @contextmanager
    def opened(place: Place) -> Iterator[Trial]:
        phases = Phases()
        options = Options(full=full, pace=POLL, count_rows=False, progress=phases)
        home, out = in_fiftyone(place.labels), in_database(place.labels)
        if not home + out:
            raise BenchmarkError(f"{place.labels} labels are too few for {name}")
        with editor(place) as people, open_session(place.config(), BINDING) as session:

            def prepare() -> None:
                if home:
                    people.in_fiftyone(people.choose(Side.FIFTYONE, home))
                if out:
                    people.in_database(people.choose(Side.DATABASE, out))

            def run() -> int:
                result = reconcile(session, options)
                demand(result, mode=RunMode.FULL if full else RunMode.INCREMENTAL, to_database=home, to_fiftyone=out)
                return home + out

            yield Trial(run, prepare, people.age, phases)

    return Work(name, title, opened, unit="changes", basis=basis)


@contextmanager
def _soon_after(place: Place) -> Iterator[Trial]:
    """Polls in the minutes after a bulk edit in the database: the overlap holds it, and syncd's own writes too."""
    phases = Phases()
    options = Options(pace=POLL, count_rows=False, progress=phases)
    count = edits_of(place.labels)
    with editor(place) as people, open_session(place.config(), BINDING) as session:

        def prepare() -> None:
            people.in_database(people.choose(Side.DATABASE, count))
            demand(reconcile(session, options), mode=RunMode.INCREMENTAL, to_fiftyone=count)
            phases.begun.clear()

        def run() -> int:
            demand(reconcile(session, options), mode=RunMode.INCREMENTAL)
            return 0

        yield Trial(run, prepare, people.age, phases)


WORKS = (
    _edited("edits-100", "100 edits on each side", hundred, hundred),
    _edited("edits-1pc", "1 % edited on each side, incremental", percent, percent),
    _edited("edits-1pc-full", "1 % edited on each side, full", percent, percent, full=True),
    _edited(
        "edits-to-database",
        "bulk edit FiftyOne → database, audited",
        edits_of,
        _none,
        basis="bare-write-database",
    ),
    _edited(
        "edits-to-fiftyone",
        "bulk edit database → FiftyOne, audited",
        _none,
        edits_of,
        basis="bare-write-fiftyone",
    ),
    Work("poll-after-bulk", "poll, nothing changed, within minutes of that bulk edit", _soon_after),
)
