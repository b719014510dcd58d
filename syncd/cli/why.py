"""``syncd why``."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from syncd.api import why as api
from syncd.api.why import Why
from syncd.cli.common import ConfigOption, JsonOption, chosen, configuration, handled, out, print_json, progress
from syncd.cli.log import show_log
from syncd.cli.render.values import escape, in_full, when, words
from syncd.model.kinds import Json
from syncd.model.plan import AWAITING


@handled
def why(
    annotation_id: Annotated[
        str, typer.Argument(help="An annotation id, as the database has it.", metavar="ID", show_default=False)
    ],
    config: ConfigOption = None,
    binding: Annotated[
        str | None, typer.Option("--binding", help="Where it is known in several bindings.", metavar="BINDING")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show everything about one annotation: both sides, what was agreed, the rule that decides now, and its history.

    And why it is not synced, where it is not. Changes nothing.
    """
    settings = configuration(config)
    names = chosen(settings, None if binding is None else [binding])
    with progress("why", quiet=json) as phase:
        phase("looking at both sides")
        name = names[0] if len(names) == 1 else api.binding_of(settings, names, annotation_id)
        found = api.why(settings, name, annotation_id)
    if json:
        print_json(found.as_json())
    else:
        show_why(out, found)


SHOWN = 10
"""Log entries printed, the newest; more are in ``--json`` and in ``syncd log --annotation``."""

PLACES = ("sample_id", "label_id", "media", "image", "tags", "actor", "edited_at")
"""What is told of a side besides its values."""


def show_why(console: Console, found: Why) -> None:
    """Prints it: the verdict first, then the values side by side, then what is open, then its history."""
    console.print(f"[bold]{escape(found.annotation_id)}[/bold] in [bold]{escape(found.binding)}[/bold]")
    console.print(f"  [cyan]{escape(words(found.rule.name))}[/cyan]: {escape(found.rule.text)}.", soft_wrap=True)
    if found.not_synced is not None:
        console.print(f"  [yellow]not synced[/yellow]: {escape(found.not_synced)}.", soft_wrap=True)
    console.print()
    console.print(_values(found))
    for side, at in found.last_read.items():
        console.print(f"  [dim]{side} was read last: {when(at)}[/dim]")
    if found.conflict is not None:
        conflict = found.conflict
        about = escape(conflict.field or "the whole annotation")
        console.print(
            f"\n[yellow]conflict {conflict.id}[/yellow] {escape(words(conflict.kind))} about {about}, opened "
            f"{when(conflict.opened_at)}; [bold]syncd conflicts show {conflict.id}[/bold] tells how to resolve it"
        )
    if found.waiting is not None:
        wait = found.waiting
        said = "waits for approval" if wait.kind == AWAITING else "flagged as wrong"
        edit = f"{in_full(wait.old)} → {in_full(wait.new)}" if wait.kind == AWAITING else f"tag {wait.new}"
        console.print(
            f"\n[yellow]{said}[/yellow] {escape(edit)} by {escape(wait.actor or 'unknown')}, since {when(wait.since)}"
        )
    console.print()
    if not found.history:
        console.print("Nothing was ever changed by syncd.")
        return
    show_log(console, found.history[-SHOWN:])


def _values(found: Why) -> Table:
    """Fields by rows; the baseline and the two sides by columns."""
    columns = (("agreed", found.baseline), ("FiftyOne", found.fiftyone), ("database", found.database))
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 1))
    table.add_column("")
    for heading, _ in columns:
        table.add_column(heading, overflow="fold")
    for name in (*found.fields, *PLACES):
        values = [None if side is None else side.get(name) for _, side in columns]
        if name in PLACES and name not in found.fields and not any(values):
            continue
        cells = [_cell(side, name) for _, side in columns]
        table.add_row(f"  [dim]{escape(name)}[/dim]", *cells)
    return table


def _cell(side: dict[str, Json] | None, name: str) -> str:
    if side is None:
        return "[dim]–[/dim]"
    if name not in side:
        return ""
    return escape(in_full(side[name]))
