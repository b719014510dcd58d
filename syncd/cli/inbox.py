"""``syncd inbox``."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from syncd.api.binding import Binding
from syncd.cli.common import (
    DONE,
    BindingArgument,
    ConfigOption,
    JsonOption,
    err,
    handled,
    opened,
    out,
    print_json,
    print_json_lines,
    show_error,
)
from syncd.cli.ingest import show_ingest
from syncd.cli.progress_bar import counting
from syncd.cli.render.values import escape
from syncd.ingest.inbox.result import Became, InboxResult, Outcome


@handled
def inbox_command(
    binding: BindingArgument,
    config: ConfigOption = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on watching until Ctrl-C.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen; change nothing.")] = False,
    json: JsonOption = False,
) -> int:
    """Load the manifests that were dropped into the inbox, with their images; bad ones are moved to rejected/."""
    with opened(binding, config) as b:
        if watch:
            return _watch(b, dry_run=dry_run, json=json)
        with counting(quiet=json) as bar:
            result = b.empty_inbox(dry_run=dry_run, progress=bar)
    if json:
        print_json(result.as_json())
    else:
        show_inbox(out, result)
    return result.exit_code


def _watch(binding: Binding, *, dry_run: bool, json: bool) -> int:
    """Until Ctrl-C, which is how it is meant to end; with ``--json`` one document per line."""
    if dry_run:
        raise typer.BadParameter("--dry-run does not go with --watch.")
    if not json:
        show_watching(err, binding.inbox)

    def tell(result: InboxResult) -> None:
        if json:
            print_json_lines([result.as_json()])
        else:
            show_inbox(out, result)

    try:
        binding.watch_inbox(Event(), on_result=tell, on_error=show_error)
    except KeyboardInterrupt:
        err.print("[yellow]Stopped.[/yellow] What was under way is gone on with by the next call.")
    return DONE


FEW = 5


def show_watching(console: Console, inbox: Path) -> None:
    """Says which folder is being watched."""
    console.print(f"Watching [bold]{escape(str(inbox))}[/bold]; Ctrl-C ends it.", soft_wrap=True)


def show_inbox(out: Console, result: InboxResult) -> None:
    """Prints each manifest, then the ingest that followed."""
    out.print(f"[bold]{escape(result.binding)}[/bold]: inbox {escape(result.inbox)}", soft_wrap=True)
    if not result.outcomes and result.ingest is None:
        out.print("  [green]no manifests[/green]")
    for each in result.outcomes:
        _show_one(out, each, dry_run=result.dry_run)
    if result.ingest is not None:
        show_ingest(out, result.ingest)


def _show_one(out: Console, outcome: Outcome, *, dry_run: bool) -> None:
    name = escape(outcome.manifest)
    if outcome.became is Became.WAITING:
        out.print(f"  [dim]{name}: left alone for now: {escape(outcome.waiting or '')}[/dim]", soft_wrap=True)
    elif outcome.became is Became.REJECTED:
        _show_rejected(out, outcome, dry_run=dry_run)
    else:
        verb = "would be added" if dry_run else "added"
        already = f", {outcome.already:,} were there already" if outcome.already else ""
        out.print(
            f"  [green]{name}[/green]: {outcome.added:,} of {outcome.rows:,} rows {verb}{already}, "
            f"{outcome.images:,} images",
            soft_wrap=True,
        )
    for note in outcome.notes:
        out.print(f"    [dim]note: {escape(note)}[/dim]", soft_wrap=True)


def _show_rejected(out: Console, outcome: Outcome, *, dry_run: bool) -> None:
    verb = "would be rejected" if dry_run else "rejected"
    count = f"{outcome.faults.height:,} faults" if outcome.faults.height != 1 else "1 fault"
    out.print(f"  [red]{escape(outcome.manifest)}[/red]: {verb}, {count}; nothing of it was loaded", soft_wrap=True)
    table = Table(box=None, padding=(0, 2, 0, 4), show_header=False)
    for row in outcome.faults.head(FEW).iter_rows(named=True):
        place = f"row {row['row']}" if row["row"] is not None else "manifest"
        value = f" {row['value']!r}" if row["value"] is not None else ""
        about = escape(f"{row['column'] or ''}{value}")
        table.add_row(place, about, escape(row["fault"]), f"[dim]expected {escape(row['expected'])}[/dim]")
    out.print(table)
    if outcome.faults.height > FEW:
        out.print(f"    … and {outcome.faults.height - FEW:,} more")
    if outcome.moved_to:
        out.print(f"    all of them: [bold]{escape(outcome.moved_to)}/report.md[/bold]", soft_wrap=True)
