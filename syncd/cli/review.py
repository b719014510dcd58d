"""``syncd review``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

import typer
from rich.console import Console
from rich.table import Table

from syncd.api import queries
from syncd.api.rows import WaitingRow
from syncd.cli.common import BindingsArgument, ConfigOption, JsonOption, chosen, configuration, handled, out, print_json
from syncd.cli.render.values import ago, escape, in_full, plural, short_id
from syncd.model.plan import AWAITING, ERROR

app = typer.Typer(help="Review: what waits for a person in FiftyOne.", no_args_is_help=True, rich_markup_mode="rich")


@app.callback()
def review() -> None:
    """Review: what waits for a person in FiftyOne."""


@app.command("list", epilog="Example: syncd review list planktivore --json")
@handled
def list_waiting(bindings: BindingsArgument = None, config: ConfigOption = None, json: JsonOption = False) -> None:
    """List the edits that wait for an approving tag, and the annotations that bear an error tag."""
    settings = configuration(config)
    found = queries.waiting(settings, chosen(settings, bindings))
    if json:
        print_json(found.as_json())
    else:
        show_waiting(out, found, datetime.now(timezone.utc))


SHOWN = 200
"""Rows printed; the rest is counted, and whole in ``--json``."""

WORDS = {AWAITING: "awaits approval", ERROR: "flagged as wrong"}


def show_waiting(console: Console, waiting: Sequence[WaitingRow], now: datetime) -> None:
    """Prints what waits as a table, the longest first, with totals."""
    if not waiting:
        console.print("Nothing waits for review.")
        return
    several = len({each.binding for each in waiting}) > 1
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 1))
    for name in (["binding"] if several else []) + ["annotation", "kind", "field", "edit", "by", "since"]:
        table.add_column(name, no_wrap=name in ("annotation", "since"))
    for each in waiting[:SHOWN]:
        row = [
            short_id(each.annotation_id or each.label_id),
            f"[yellow]{WORDS[each.kind]}[/yellow]",
            escape(each.field or ("label" if each.kind == AWAITING else "")),
            _edit(each),
            escape(each.actor or "unknown"),
            f"[dim]{ago(each.since, now)}[/dim]",
        ]
        table.add_row(*([escape(each.binding)] if several else []), *row)
    console.print(table)
    if len(waiting) > SHOWN:
        console.print(f"[dim]… and {len(waiting) - SHOWN:,} more (all of them with --json)[/dim]")
    counts = {kind: sum(each.kind == kind for each in waiting) for kind in WORDS}
    said = [f"{plural(count, 'entry', 'entries')} {WORDS[kind]}" for kind, count in counts.items() if count]
    console.print("\n" + "; ".join(said) + ".")


def _edit(waiting: WaitingRow) -> str:
    if waiting.kind == ERROR:
        return f"tag [cyan]{escape(str(waiting.new))}[/cyan]"
    if waiting.field is None:
        return f"new: [cyan]{escape(in_full(waiting.new))}[/cyan]"
    return f"{escape(in_full(waiting.old))} → [cyan]{escape(in_full(waiting.new))}[/cyan]"
