"""One step of a run in a process of its own: ``python -m benchmarks.child STEP PLACE REPEAT RESULT``.

STEP is ``build``, the name of a work, or ``traffic:`` and that name; PLACE a file with the place, REPEAT how often,
RESULT the file to write. A process of its own makes the peak of memory that of the work, and keeps FiftyOne's SDK out
of what does not need it.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.build import build
from benchmarks.errors import BenchmarkError
from benchmarks.figures import Figures, Repetition
from benchmarks.meter import Meter, forget_peak, peak_mb, resident_mb
from benchmarks.place import Place
from benchmarks.traffic import tapped
from benchmarks.works import Work, by_name
from benchmarks.works.work import Trial
from syncd import logs, own_process
from syncd.errors import SyncdError

FAILED = 1
TRAFFIC = "traffic:"


def main() -> int:
    """Does the step of the command line."""
    step, place_file, repeat, result_file = sys.argv[1:]
    # As the command line does, which is what is measured.
    own_process.claim()
    logs.configure(verbose=False)
    place = Place.of_json(Path(place_file).read_text(encoding="utf-8"))
    try:
        if step == "build":
            build(place)
            return 0
        found = count(step, place) if step.startswith(TRAFFIC) else measure(by_name(step), place, int(repeat)).as_json()
    except (BenchmarkError, SyncdError) as error:
        print(f"{step}, {place.labels:,} labels: {error}", file=sys.stderr)
        return FAILED
    Path(result_file).write_text(json.dumps(found), encoding="utf-8")
    return 0


def measure(work: Work, place: Place, repeat: int) -> Figures:
    """All repetitions of a work."""
    meter = Meter(place.processes)
    with work.opened(place) as trial:
        repetitions = []
        units = 0
        for _ in range(1 if work.once else repeat):
            trial.prepare()
            units, found = _repetition(trial, work.calls, meter)
            repetitions.append(found)
            trial.settle()
    return Figures(work.name, units, tuple(repetitions))


def count(step: str, place: Place) -> dict[str, Any]:
    """What one repetition of a work reads from each server. It is not timed: it goes by way of the taps."""
    work = by_name(step.removeprefix(TRAFFIC))
    with tapped(place) as (there, taps):
        os.environ.update(there.environment())
        with work.opened(there) as trial:
            trial.prepare()
            before = {name: tap.read() for name, tap in taps.items()}
            for _ in range(work.calls):
                trial.run()
            found = {name: asdict(tap.read().since(before[name], work.calls)) for name, tap in taps.items()}
            trial.settle()
    return found


def _repetition(trial: Trial, calls: int, meter: Meter) -> tuple[int, Repetition]:
    gc.collect()
    forget_peak()
    start = resident_mb()
    walls: list[float] = []
    phases: dict[str, float] = {}
    units = 0
    before = meter.read()
    for _ in range(calls):
        begun = time.perf_counter()
        units = trial.run()
        ended = time.perf_counter()
        walls.append(ended - begun)
        if trial.phases is not None:
            for name, seconds in trial.phases.taken(ended).items():
                phases[name] = phases.get(name, 0.0) + seconds
    used = meter.read().since(before)
    return units, Repetition.of(used, walls, peak_mb(), start, phases)


if __name__ == "__main__":
    sys.exit(main())
