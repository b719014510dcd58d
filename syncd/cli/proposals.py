"""``syncd vocabulary proposals``: terms that reviewers propose, and a curator's answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from syncd.api import proposals
from syncd.api.proposals import ProposalRow
from syncd.cli.common import BindingsArgument, ConfigOption, JsonOption, chosen, configuration, handled, out, print_json
from syncd.cli.render.values import ago, escape, plural

app = typer.Typer(
    help="Terms that reviewers propose, and a curator's answer.", no_args_is_help=True, rich_markup_mode="rich"
)

NumberArgument = Annotated[int, typer.Argument(help="Id of the proposal.", metavar="ID")]
NoteOption = Annotated[str | None, typer.Option("--note", help="Your own words, for whoever proposed it.")]


@app.command("list", epilog="Example: syncd vocabulary proposals list planktivore")
@handled
def list_proposals(
    bindings: BindingsArgument = None,
    config: ConfigOption = None,
    answered: Annotated[bool, typer.Option("--answered", help="Also those that were accepted or rejected.")] = False,
    json: JsonOption = False,
) -> None:
    """List the terms that are proposed, the oldest first."""
    settings = configuration(config)
    found = proposals.listed(settings, chosen(settings, bindings), everything=answered)
    if json:
        print_json(found.as_json())
    else:
        show_proposals(out, found.rows, datetime.now(timezone.utc))


@app.command(epilog="Example: syncd vocabulary proposals accept 3 --parent Copepoda")
@handled
def accept(
    number: NumberArgument,
    config: ConfigOption = None,
    parent: Annotated[
        str | None, typer.Option("--parent", help="The term under which it stands, instead of the one proposed.")
    ] = None,
    note: NoteOption = None,
    json: JsonOption = False,
) -> None:
    """Put a proposed term into the vocabulary's table; the next run takes the labels that wait for it."""
    _told(proposals.accept(configuration(config), number, parent=parent, note=note), json)


@app.command(epilog="Example: syncd vocabulary proposals reject 3 --note 'that is Calanoida'")
@handled
def reject(
    number: NumberArgument, config: ConfigOption = None, note: NoteOption = None, json: JsonOption = False
) -> None:
    """Refuse a proposed term."""
    _told(proposals.reject(configuration(config), number, note=note), json)


def _told(done: ProposalRow, json: bool) -> None:
    if json:
        print_json(done.as_json())
        return
    then = "" if done.status != "accepted" else " [bold]syncd vocabulary push[/bold] offers it in the App's annotation."
    out.print(f"[bold]{escape(done.term)}[/bold] is {done.status}.{then}", soft_wrap=True)


def show_proposals(console: Console, found: Sequence[ProposalRow], now: datetime) -> None:
    """Prints proposals as a table."""
    if not found:
        console.print("No term is proposed.")
        return
    several = len({each.binding for each in found}) > 1
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 1))
    for name in ["id", *(["binding"] if several else []), "term", "below", "by", "proposed", "status", "note"]:
        table.add_column(name, no_wrap=name in ("id", "proposed"), justify="right" if name == "id" else "left")
    for each in found:
        status = each.status if each.decided_by is None else f"{each.status} by {each.decided_by}"
        table.add_row(
            str(each.id),
            *([escape(each.binding)] if several else []),
            f"[cyan]{escape(each.term)}[/cyan]",
            escape(each.parent or ""),
            escape(each.actor),
            f"[dim]{ago(each.proposed_at, now)}[/dim]",
            escape(status),
            escape(each.answer or each.note or ""),
        )
    console.print(table)
    console.print(f"\n{plural(len(found), 'proposal')}. [dim]syncd vocabulary proposals accept ID, or reject ID.[/dim]")
