"""What syncd does when nobody has changed anything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from benchmarks.build import tidy
from benchmarks.edit import WITHIN
from benchmarks.errors import BenchmarkError
from benchmarks.place import BINDING, SCHEMA, TABLE, Place
from benchmarks.works.work import Phases, Trial, Work
from syncd.adapters.connect import open_database
from syncd.engine.mode import Pace
from syncd.engine.options import Options
from syncd.engine.partitions import IN_MEMORY
from syncd.engine.result import RunResult
from syncd.engine.run import reconcile, reconcile_binding
from syncd.engine.session import open_session
from syncd.engine.verify import verify
from syncd.model import Side
from syncd.model.run import RunMode
from syncd.store.migrate import migrate

SELDOM = timedelta(days=7)
"""No run of the benchmark lasts until a sweep is due."""

POLL = Pace(full_scan_interval=SELDOM)
POLL_ALL = Pace(overlap=WITHIN, full_scan_interval=SELDOM)


def demand(result: RunResult, *, mode: str, to_database: int = 0, to_fiftyone: int = 0) -> None:
    """``BenchmarkError`` unless the run did exactly this and opened no conflict."""
    found = (result.mode, result.to_database, result.to_fiftyone, result.open_conflicts, result.held)
    wanted = (mode, to_database, to_fiftyone, 0, None)
    if found != wanted:
        raise BenchmarkError(
            f"expected (mode, to database, to FiftyOne, conflicts, held) {wanted}, got {found}; {result.why_full or ''}"
        )


@contextmanager
def _first(place: Place) -> Iterator[Trial]:
    """The first meeting of two equal sides; the baseline of everything is written."""
    config = place.config()
    with open_database(place.postgres_url) as connection:
        migrate(connection, SCHEMA)
        connection.engine.dispose()
    phases = Phases()
    with open_session(config, BINDING) as session:

        def run() -> int:
            result = reconcile(session, Options(progress=phases))
            demand(result, mode=RunMode.FULL)
            if result.plan is None or result.plan.counts.first_met != place.labels:
                raise BenchmarkError(f"the first reconcile did not meet {place.labels:,} labels")
            return place.labels

        def settle() -> None:
            tidy(place, TABLE, f"{SCHEMA}.baseline")

        yield Trial(run, settle=settle, phases=phases)


def _reconcile(name: str, title: str, options: Options, mode: str, *, looks_at: float, calls: int = 1) -> Work:
    """A reconcile on a session that stays open, as the daemon's does. ``looks_at`` is the share of labels it reads."""

    @contextmanager
    def opened(place: Place) -> Iterator[Trial]:
        phases = Phases()
        # What is too much for one incremental reading is read with everything, in parts.
        expected = RunMode.FULL if looks_at * place.labels > IN_MEMORY else mode
        measured = Options(full=options.full, pace=options.pace, count_rows=options.count_rows, progress=phases)
        with open_session(place.config(), BINDING) as session:

            def run() -> int:
                result = reconcile(session, measured)
                demand(result, mode=expected)
                counts = result.plan.counts if result.plan else None
                wanted = round(looks_at * place.labels)
                if counts is None or counts.scanned_fiftyone != wanted or counts.scanned_database != wanted:
                    raise BenchmarkError(f"{name} looked at {counts}, expected {wanted:,} of each side")
                return wanted

            yield Trial(run, phases=phases)

    return Work(name, title, opened, calls=calls)


@contextmanager
def _command(place: Place) -> Iterator[Trial]:
    """What ``syncd reconcile`` does, from opening the servers to closing them; without starting Python."""
    config = place.config()

    def run() -> int:
        demand(reconcile_binding(config, BINDING, Options(pace=POLL)), mode=RunMode.INCREMENTAL)
        return 0

    yield Trial(run)


@contextmanager
def _open(place: Place) -> Iterator[Trial]:
    config = place.config()

    def run() -> int:
        with open_session(config, BINDING) as session:
            return 0 if session.mapping.binding == BINDING else 1

    yield Trial(run)


@contextmanager
def _verify(place: Place) -> Iterator[Trial]:
    with open_session(place.config(), BINDING) as session:

        def run() -> int:
            verdict = verify(session, lambda _: None)
            if verdict.differences or verdict.compared != place.labels:
                raise BenchmarkError(f"{len(verdict.differences)} differences are left after all that was done")
            return verdict.compared

        yield Trial(run)


def source_of(side: Side) -> str:
    """A side as the table of figures names it."""
    return "FiftyOne" if side is Side.FIFTYONE else "the database"


FIRST = Work("first", "first reconcile: everything becomes baseline", _first, once=True)

WORKS = (
    _reconcile(
        "poll",
        "poll, nothing changed",
        Options(pace=POLL, count_rows=False),
        RunMode.INCREMENTAL,
        looks_at=0,
        calls=20,
    ),
    _reconcile(
        "poll-counted",
        "poll, nothing changed, the table's rows counted",
        Options(pace=POLL),
        RunMode.INCREMENTAL,
        looks_at=0,
        calls=5,
    ),
    Work("poll-command", "poll, nothing changed, with opening and closing (the command)", _command, calls=5),
    Work("open", "opening and closing the servers alone", _open, calls=5),
    _reconcile(
        "poll-overlap",
        "poll, nothing changed, every stamp inside the overlap",
        Options(pace=POLL_ALL, count_rows=False),
        RunMode.INCREMENTAL,
        looks_at=1,
    ),
    _reconcile(
        "poll-overlap-counted",
        "poll, nothing changed, every stamp inside the overlap, rows counted",
        Options(pace=POLL_ALL),
        RunMode.INCREMENTAL,
        looks_at=1,
    ),
    _reconcile("full", "full reconcile, nothing changed", Options(full=True, pace=POLL), RunMode.FULL, looks_at=1),
)

VERIFY = Work("verify", "verify: both sides read whole and compared", _verify)
