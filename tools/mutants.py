"""Mutation testing of the diff: small faults are put into ``syncd/diff/``, and the tests must notice.

    python -m tools.mutants [--number 500] [--seed 1] [--jobs N] [--tests MAP]

Each mutant runs in a process of its own, which gets the mutated module by an import hook: no file is changed. It runs
the tests that execute the mutated line, the quickest first, until one fails. Which tests those are is found out once,
by a run under coverage, and may be kept in a file (``--tests``).

mutmut and cosmic-ray were looked at first. mutmut forks after it has collected the tests, which a process with Polars'
threads does not survive, works on a copy of the tree inside it, and draws no sample; cosmic-ray rewrites the files in
place and runs one command for all mutants.
"""

from __future__ import annotations

import argparse
import ast
import itertools
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from tools.mutations import DIFF, ROOT, Mutant, mutated, sample

TESTS = (
    "tests/unit/diff",
    "tests/unit/engine",
    "tests/unit/trust/test_truth_table.py",
    "tests/unit/trust/test_algebra.py",
)
EXPLAINED = Path(__file__).with_name("mutants_explained.json")
"""Mutants that no test can tell from the original, or need not, each with the reason."""

ORIGINAL = -1
"""Number of the mutant that is none: the tests must pass on it."""

SECONDS_OF_THE_QUICK = 20.0
"""By the durations measured under coverage; most mutants fail one of the quick tests, and the others need not begin."""

LEAST_TIME_S, TIME_PER_SECOND = 60.0, 10.0
"""Processor time of one mutant: so much, and so much per second that its tests take. Past it, it runs for ever."""

WAITING_S = 3600.0
"""A mutant that neither ends nor works for so long waits for something."""


class Outcome(str, Enum):
    """What became of a mutant."""

    KILLED = "killed"
    ENDLESS = "endless"
    """The tests did not end: nobody would merge that."""
    SURVIVED = "survived"
    UNTESTED = "untested"
    """No test executes its line."""


# Which tests execute which lines


@dataclass(frozen=True)
class Covering:
    """``tests`` are node ids, ``seconds`` how long each took; ``lines`` the tests of each line, by file and number."""

    tests: list[str]
    seconds: list[float]
    lines: dict[str, dict[str, list[int]]]

    def of(self, mutant: Mutant) -> list[tuple[list[str], float]]:
        """The tests that execute any line of a mutant, the quick ones and then the others, and how long they take.

        What is executed on import alone is tested by whatever executes anything of the file.
        """
        lines = self.lines.get(mutant.path, {})
        its_lines = [lines[str(line)] for line in range(mutant.line, mutant.last_line + 1) if str(line) in lines]
        found = {test for tests in its_lines for test in tests}
        if its_lines and not found:
            found = {test for tests in lines.values() for test in tests}
        chosen = sorted(found, key=lambda each: (self.seconds[each], self.tests[each]))
        total = list(itertools.accumulate(self.seconds[each] for each in chosen))
        quick = sum(each <= SECONDS_OF_THE_QUICK for each in total)
        parts = [part for part in (chosen[:quick], chosen[quick:]) if part]
        return [([self.tests[each] for each in part], sum(self.seconds[each] for each in part)) for part in parts]


def covering(kept: Path | None = None) -> Covering:
    """Runs the tests once under coverage, or takes what a run before has kept."""
    if kept is not None and kept.exists():
        return Covering(**json.loads(kept.read_text(encoding="utf-8")))
    with tempfile.TemporaryDirectory(prefix="syncd-mutants-") as folder:
        target = kept or Path(folder) / "tests.json"
        command = [sys.executable, "-m", "tools.mutants", "cover", str(target)]
        subprocess.run(command, cwd=ROOT, env=_environment(folder), check=True)
        return Covering(**json.loads(target.read_text(encoding="utf-8")))


def _cover(target: Path) -> int:
    """In a process of its own: notes which test executes which lines."""
    import coverage
    import pytest

    watched = coverage.Coverage(data_file=None, include=[f"{DIFF}/*"], config_file=False)
    seconds: dict[str, float] = {}

    class Contexts:
        """Names the test under way; what is remembered of an expression would hide the lines that make it."""

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_protocol(self, item: Any) -> Iterator[None]:
            _forget_expressions()
            watched.switch_context(item.nodeid)
            began = time.monotonic()
            result = yield
            seconds[item.nodeid] = round(time.monotonic() - began, 3)
            watched.switch_context("")
            return result

    watched.start()
    status = pytest.main(["-q", "-p", "no:cacheprovider", "-p", "no:xdist", *TESTS], plugins=[Contexts()])
    watched.stop()
    data = watched.get_data()
    number = {test: at for at, test in enumerate(seconds)}
    lines = {
        Path(file).relative_to(ROOT).as_posix(): {
            str(line): sorted(number[test] for test in tests if test)
            for line, tests in data.contexts_by_lineno(file).items()
        }
        for file in sorted(data.measured_files())
    }
    found = Covering(list(seconds), list(seconds.values()), lines)
    target.write_text(json.dumps(asdict(found)), encoding="utf-8")
    return int(status)


def _forget_expressions() -> None:
    for name, module in list(sys.modules.items()):
        if name.startswith("syncd.diff"):
            for value in vars(module).values():
                if hasattr(value, "cache_clear"):
                    value.cache_clear()


# Running mutants


def run_mutant(mutant: Mutant, tests: Sequence[str], seconds: float) -> Outcome:
    """Runs these tests on it, until one fails."""
    with tempfile.TemporaryDirectory(prefix="syncd-mutant-") as folder:
        asked = Path(folder) / "asked.json"
        limit = int(LEAST_TIME_S + TIME_PER_SECOND * seconds)
        question = {"path": mutant.path, "number": mutant.number, "tests": list(tests), "limit": limit}
        asked.write_text(json.dumps(question), encoding="utf-8")
        try:
            done = subprocess.run(
                [sys.executable, "-m", "tools.mutants", "try", str(asked)],
                cwd=ROOT,
                env=_environment(folder),
                capture_output=True,
                text=True,
                timeout=WAITING_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Outcome.ENDLESS
    if done.returncode == -signal.SIGXCPU:
        return Outcome.ENDLESS
    if done.returncode not in (0, 1, 2):
        # Neither passed, nor failed, nor broke while the tests were collected.
        raise RuntimeError(f"{mutant.name}: pytest could not run (status {done.returncode})\n{done.stdout[-2000:]}")
    return Outcome.KILLED if done.returncode else Outcome.SURVIVED


def _try(asked: Path) -> int:
    """In a process of its own: runs the tests on a mutant."""
    import importlib.abc
    import importlib.util

    import pytest

    question = json.loads(asked.read_text(encoding="utf-8"))
    resource.setrlimit(resource.RLIMIT_CPU, (question["limit"], question["limit"] + 5))
    path = ROOT / question["path"]
    name = ".".join(Path(question["path"]).with_suffix("").parts)
    number = question["number"]
    tree = ast.parse(path.read_text(encoding="utf-8")) if number == ORIGINAL else mutated(path, number)

    class Mutated(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
        """Gives the mutated code for one module, and leaves all others alone."""

        def find_spec(self, fullname: str, *_: Any) -> Any:
            return importlib.util.spec_from_file_location(fullname, path, loader=self) if fullname == name else None

        def get_source(self, _: str) -> str | None:
            """There is no text of it: the tree was changed."""
            return None

        def get_code(self, _: str) -> Any:
            return self.source_to_code(tree, str(path))

    order = {test: at for at, test in enumerate(question["tests"])}

    class Chosen:
        """Runs the chosen tests alone, in their order."""

        def pytest_collection_modifyitems(self, items: list[Any]) -> None:
            items[:] = sorted((each for each in items if each.nodeid in order), key=lambda each: order[each.nodeid])

    sys.meta_path.insert(0, Mutated())
    files = sorted({test.partition("::")[0] for test in order})
    return int(pytest.main(["-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", *files], plugins=[Chosen()]))


def _environment(folder: str) -> dict[str, str]:
    """Nothing is left in the tree: neither bytecode nor examples that failed on a mutant."""
    found = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "HYPOTHESIS_STORAGE_DIRECTORY": f"{folder}/hypothesis"}
    # Short forms of the tests, the same examples each time.
    return {name: value for name, value in found.items() if not name.startswith(("SYNCD_TRUST", "PYTEST_"))}


def run(
    chosen: Iterable[Mutant], tests: Covering, jobs: int, told: Callable[[Mutant, Outcome], None] = lambda *_: None
) -> dict[str, list[Mutant]]:
    """Runs the mutants, so many at a time; returns them by outcome. ``told`` hears of each."""

    def one(mutant: Mutant) -> tuple[Mutant, Outcome]:
        outcome = Outcome.UNTESTED
        for part, seconds in tests.of(mutant):
            outcome = run_mutant(mutant, part, seconds)
            if outcome is not Outcome.SURVIVED:
                break
        told(mutant, outcome)
        return mutant, outcome

    found: dict[str, list[Mutant]] = {each.value: [] for each in Outcome}
    with ThreadPoolExecutor(jobs) as pool:
        for mutant, outcome in pool.map(one, chosen):
            found[outcome.value].append(mutant)
    return found


def explained() -> dict[str, str]:
    """Why a mutant survives, by its name."""
    return dict(json.loads(EXPLAINED.read_text(encoding="utf-8")))


def share_killed(found: dict[str, list[Mutant]]) -> float:
    """The share of the mutants that the tests noticed; those that are explained are no faults, and do not count."""
    reasons = explained()
    noticed = len(found[Outcome.KILLED]) + len(found[Outcome.ENDLESS])
    missed = [each for kind in (Outcome.SURVIVED, Outcome.UNTESTED) for each in found[kind] if each.name not in reasons]
    return noticed / max(1, noticed + len(missed))


def main(arguments: list[str]) -> int:
    """Runs a sample and names what survived."""
    if arguments[:1] in (["cover"], ["try"]):
        return (_cover if arguments[0] == "cover" else _try)(Path(arguments[1]))
    parser = argparse.ArgumentParser(prog="python -m tools.mutants", description=__doc__.split("\n")[0])
    parser.add_argument("--number", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--tests", type=Path, help="file in which it is kept which tests execute which lines")
    parser.add_argument("--only", help="only mutants whose name contains this")
    asked = parser.parse_args(arguments)
    tests = covering(asked.tests)
    reasons = explained()

    done = itertools.count(1)

    def told(mutant: Mutant, outcome: Outcome) -> None:
        if (number := next(done)) % 20 == 0:
            print(f"{number:,} tried", flush=True)
        if outcome not in (Outcome.KILLED, Outcome.ENDLESS):
            print(f"{outcome.value}: line {mutant.line} of {mutant.name}", flush=True)
            if mutant.name in reasons:
                print(f"    {reasons[mutant.name]}", flush=True)

    chosen = [each for each in sample(asked.number, asked.seed) if asked.only is None or asked.only in each.name]
    found = run(chosen, tests, asked.jobs, told)
    print("; ".join(f"{len(those):,} {name}" for name, those in found.items()))
    print(f"{share_killed(found):.1%} of those that are not explained were killed")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
