"""What was taken back, and what was left alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from syncd.cli.render.plan import show_plan
from syncd.cli.render.result import show_result
from syncd.cli.render.values import escape, plural, short_id
from syncd.undo.net import Left
from syncd.undo.run import Undone

SHOWN = 20
"""Changes printed of those that were left alone; all of them are in ``--json``."""


def show_undone(console: Console, undone: Undone, *, saved: Path | None = None) -> None:
    """Prints the inverse of a dry run, or the outcome; then everything that was left alone, and why."""
    name = f"[bold]{escape(undone.plan.binding)}[/bold]"
    if undone.result is None:
        console.print(f"{name}: nothing was taken back.")
    elif undone.result.dry_run:
        show_plan(console, undone.plan)
        show_result(console, undone.result)
        if saved is not None:
            file = escape(str(saved))
            console.print(f"Saved to [bold]{file}[/bold]. Apply it with [bold]syncd apply {file}[/bold].")
    else:
        show_result(console, undone.result)
    _show_left(console, undone.left)


def _show_left(console: Console, left: Sequence[Left]) -> None:
    if left:
        console.print(f"  [yellow]{plural(len(left), 'change')} left alone:[/yellow]")
    for each in left[:SHOWN]:
        about = " ".join([short_id(each.annotation_id), *([escape(each.field)] if each.field else [])])
        console.print(f"    [dim]{each.seq}[/dim] {about}: {escape(each.why)}", soft_wrap=True)
    if len(left) > SHOWN:
        console.print(f"    [dim]… and {len(left) - SHOWN:,} more (all of them with --json)[/dim]")
