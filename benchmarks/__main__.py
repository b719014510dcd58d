"""The command line: ``python -m benchmarks --help``."""

from __future__ import annotations

import json as json_module
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.errors import BenchmarkError
from benchmarks.place import Shape
from benchmarks.report import show
from benchmarks.run import run
from benchmarks.works import WORKS
from syncd import own_process
from syncd.cli.progress_lines import pulse
from syncd.errors import SyncdError

SIZES = [20_000, 100_000]
FEWEST = 100

# Not on a terminal Rich supposes 80 columns, in which no line of the table would fit.
out = Console(highlight=False, width=None if sys.stdout.isatty() else 130)
err = Console(stderr=True, highlight=False)


def _known(names: list[str]) -> list[str]:
    known = {each.name for each in WORKS}
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"{name!r} is not one of {', '.join(sorted(known))}")
    return names


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """What is being measured: a line that changes on a terminal, a line each elsewhere, and that it still goes on."""
    if err.is_terminal:
        with err.status("") as status:
            yield status.update
    else:
        with pulse(lambda line: err.print(line, soft_wrap=True)) as told:
            yield lambda phase: told(phase, "")


def main(
    labels: Annotated[
        list[int] | None,
        typer.Option("--labels", help="How many labels; may be given several times.", min=FEWEST, show_default=False),
    ] = None,
    shape: Annotated[Shape, typer.Option("--shape", help="One label a sample, or five boxes.")] = Shape.DETECTIONS,
    repeat: Annotated[int, typer.Option("--repeat", help="How often each work is measured.", min=1)] = 3,
    json: Annotated[
        Path | None, typer.Option("--json", help="Where to write everything that was measured.", metavar="FILE")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only", help="Only the work of this name; may be given several times. A wrong name lists them all."
        ),
    ] = None,
    traffic: Annotated[bool, typer.Option(help="Count what each work reads from each server.")] = True,
    scripts: Annotated[bool, typer.Option(help="Measure other tools' ways of working too.")] = True,
) -> None:
    """Measures syncd beside the bare reads of both servers and beside hand-written scripts, on the same data.

    Defaults to 20 000 and 100 000 labels. Figures of one run may be compared; ratios carry over to other machines.
    """
    names = _known(only or [])
    own_process.claim()
    try:
        with _progress() as say:
            say("starting the servers")
            found = run(labels or SIZES, shape, repeat, names, say, scripts=scripts, traffic=traffic)
    except (BenchmarkError, SyncdError) as error:
        err.print(f"[red]error:[/red] {error}")
        raise typer.Exit(1) from None
    show(out, found)
    if json is not None:
        json.write_text(json_module.dumps(found.as_json(), indent=1) + "\n", encoding="utf-8")
        err.print(f"all figures are in {json}")
    for each in found.failed:
        err.print(f"[red]error:[/red] {each}")
    if found.failed:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
