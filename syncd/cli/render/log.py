"""The change log: under each run its changes, the newest last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from types import MappingProxyType

from rich.console import Console
from rich.table import Table

from syncd.api.rows import ChangeRow
from syncd.cli.render.values import arrow, escape, marked, short_id, when, words
from syncd.store.chain import Soundness

WAYS = {
    "to_database": "[cyan]→ database[/cyan]",
    "to_fiftyone": "[magenta]→ FiftyOne[/magenta]",
    None: "[dim]both[/dim]",
}


def show_log(console: Console, entries: Sequence[ChangeRow], notes: Mapping[str, str] = MappingProxyType({})) -> None:
    """Prints log entries, those of one run together; ``notes`` are what people wrote about runs, by run."""
    if not entries:
        console.print("No change matches.")
        return
    for (run_id, binding), group in groupby(entries, key=lambda each: (each.run_id, each.binding)):
        rows = list(group)
        console.print(f"[bold]{escape(binding)}[/bold] [dim]run[/dim] {run_id} [dim]{when(rows[-1].applied_at)}[/dim]")
        if run_id in notes:
            console.print(f"  [italic]{escape(notes[run_id])}[/italic]", soft_wrap=True)
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1))
        for position in range(6):
            table.add_column(justify="right" if position == 0 else "left", no_wrap=position in (0, 1, 2))
        for entry in rows:
            table.add_row(
                f"  {entry.seq}",
                WAYS[entry.direction],
                short_id(entry.annotation_id),
                escape(entry.field or entry.action),
                _what(entry),
                _why(entry),
            )
        console.print(table)


def show_chain(console: Console, binding: str, found: Soundness) -> None:
    """Prints what a check of a binding's chain found; the head is what a person keeps elsewhere."""
    if found.broken_at is not None:
        verdict = f"[bold red]broken at change {found.broken_at}[/bold red]"
    elif found.cut is not None:
        verdict = f"[bold red]cut off[/bold red]: the newest changes of run {escape(found.cut)} are not there"
    else:
        verdict = f"[bold green]unbroken[/bold green] over {found.entries} changes"
    console.print(f"[bold]{escape(binding)}[/bold]: the chain is {verdict}.")
    if found.is_sound and found.head is not None:
        console.print(f"  [dim]head[/dim] {found.head}")


def _what(entry: ChangeRow) -> str:
    if entry.action == "insert":
        return "[green]+[/green] " + marked(entry.new, "green")
    if entry.action == "delete":
        return "[red]-[/red] " + marked(entry.old, "red")
    return arrow(entry.old, entry.new)


def _why(entry: ChangeRow) -> str:
    actor = f" by {escape(entry.actor)}" if entry.actor else ""
    status = "" if entry.status == "applied" else f" [yellow]{entry.status}[/yellow]"
    undone = f", takes back {entry.undo_of}" if entry.undo_of is not None else ""
    return f"[dim]{words(entry.reason)}{undone}{actor}[/dim]{status}"
