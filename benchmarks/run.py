"""A whole run: servers, sizes, and every work on each of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.child import TRAFFIC
from benchmarks.errors import BenchmarkError
from benchmarks.figures import Figures
from benchmarks.machine import machine
from benchmarks.place import Place, Shape
from benchmarks.servers import place, servers
from benchmarks.works import FIRST, WORKS, Work

ROOT = Path(__file__).resolve().parent.parent

Say = Callable[[str], None]


@dataclass(frozen=True)
class Run:
    """What a run was asked for and what came of it: figures by number of labels and name of the work.

    ``failed`` says which works came to nothing; the others are measured all the same.
    """

    shape: Shape
    sizes: tuple[int, ...]
    repeat: int
    machine: dict[str, str]
    figures: dict[int, dict[str, Figures]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Everything that was measured."""
        return {
            "machine": self.machine,
            "shape": self.shape.value,
            "repeat": self.repeat,
            "sizes": [
                {"labels": labels, "works": [each.as_json() for each in found.values()]}
                for labels, found in self.figures.items()
            ],
        }


def run(
    sizes: Sequence[int],
    shape: Shape,
    repeat: int,
    only: Sequence[str],
    say: Say,
    *,
    scripts: bool = True,
    traffic: bool = True,
) -> Run:
    """Measures every work (or those of ``only``) on each size, smallest first; ``say`` is told what is going on.

    ``scripts``: those of other tools too; ``traffic``: count in a further repetition what is read from each server.
    """
    ordered = tuple(sorted(set(sizes)))
    with tempfile.TemporaryDirectory(prefix="syncd-bench-") as temporary, servers(Path(temporary)) as found:
        result = Run(shape, ordered, repeat, machine(found))
        for labels in ordered:
            with place(found, Path(temporary) / str(labels), shape, labels) as here:
                chosen = _chosen(only, scripts=scripts and labels == ordered[0])
                result.figures[labels] = _size(here, chosen, repeat, say, result.failed, traffic=traffic)
    return result


def _chosen(only: Sequence[str], *, scripts: bool) -> list[Work]:
    wanted = [each for each in WORKS if not only or each.name in only or each is FIRST]
    return [each for each in wanted if scripts or not each.script]


def _size(
    here: Place, works: Sequence[Work], repeat: int, say: Say, failed: list[str], *, traffic: bool
) -> dict[str, Figures]:
    say(f"{here.labels:,} labels: building both sides")
    _step(here, "build", repeat)
    found: dict[str, Figures] = {}
    for each in works:
        say(f"{here.labels:,} labels: {each.title}")
        try:
            document = _step(here, each.name, repeat)
            assert document is not None, "a work that succeeds leaves its figures"
            counted = _step(here, f"{TRAFFIC}{each.name}", repeat) if traffic and not each.once else {}
        except BenchmarkError as error:
            if each is FIRST:  # there is nothing to measure without a baseline
                raise
            failed.append(str(error))
            continue
        found[each.name] = Figures.of_json(document | {"traffic": counted})
    return found


def _step(here: Place, name: str, repeat: int) -> dict[str, Any] | None:
    """Runs one step in a process of its own; what it says goes to standard error."""
    folder = Path(here.folder)
    given, result = folder / "place.json", folder / "result.json"
    given.write_text(here.as_json(), encoding="utf-8")
    result.unlink(missing_ok=True)
    command = [sys.executable, "-m", "benchmarks.child", name, str(given), str(repeat), str(result)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | here.environment(), stdout=sys.stderr, check=False)
    if done.returncode != 0:
        raise BenchmarkError(f"{name!r} with {here.labels:,} labels failed; its message is above")
    if not result.exists():
        return None
    document: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    return document
