"""How far a long command is: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from syncd.api.progress import Counting
from syncd.cli.common import err
from syncd.cli.progress_lines import pulse
from syncd.cli.render.values import escape


@contextmanager
def counting(*, quiet: bool) -> Iterator[Counting]:
    """A bar with rate and time left on a terminal, lines on standard error elsewhere.

    ``quiet`` is for programs: only what takes long is told, and none of it on a terminal.
    """
    if quiet and err.is_terminal:
        yield Counting(lambda *_: None)
    elif err.is_terminal:
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TaskProgressColumn(show_speed=True),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(compact=True),
        )
        with Progress(*columns, console=err, transient=True) as bar:
            task = bar.add_task("starting", total=None, rate="")
            began = [monotonic()]

            def report(phase: str, done: int, total: int) -> None:
                if bar.tasks[0].description != escape(phase):
                    began[0] = monotonic()
                spent = monotonic() - began[0]
                rate = f"{done / spent:,.0f}/s" if done and spent > 0.5 else ""
                bar.update(task, description=escape(phase), completed=done, total=total or None, rate=rate)

            yield Counting(report)
    else:
        with pulse(lambda line: err.print(escape(line), soft_wrap=True), late=quiet) as told:

            def report_lines(phase: str, done: int, total: int) -> None:
                told(phase, f"{done:,} of {total:,}" if total else f"{done:,}" if done else "")

            yield Counting(report_lines)
