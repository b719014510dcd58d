"""``syncd verify``."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from syncd.api import actions
from syncd.cli.common import (
    BindingArgument,
    ConfigOption,
    JsonOption,
    configuration,
    handled,
    out,
    print_json,
    progress,
)
from syncd.cli.render.values import escape, plural, short_id, versus, words
from syncd.engine.verify import Verdict


@handled
def verify(binding: BindingArgument, config: ConfigOption = None, json: JsonOption = False) -> int:
    """Prove that both sides agree, whatever baseline and cursors say; list what does not."""
    settings = configuration(config)
    with progress(binding, quiet=json) as phase:
        verdict = actions.verify(settings, settings.binding(binding).name, phase=phase)
    if json:
        print_json(verdict.as_json())
    else:
        show_verdict(out, verdict)
    return verdict.exit_code


SHOWN = 40


def show_verdict(console: Console, verdict: Verdict) -> None:
    """Prints the verdict first, then every difference with what explains it."""
    name = f"[bold]{escape(verdict.binding)}[/bold]"
    compared = f"{plural(verdict.compared, 'annotation')} compared field by field in {verdict.seconds:.2f} s"
    if not verdict.differences:
        console.print(f"{name}: [bold green]in agreement[/bold green]. {compared}.")
    elif not verdict.unexplained:
        console.print(f"{name}: [bold yellow]in agreement but for {_known(verdict)}[/bold yellow]. {compared}.")
    else:
        console.print(
            f"{name}: [bold red]not in agreement[/bold red]: {plural(len(verdict.unexplained), 'difference')} "
            f"that nothing explains. {compared}."
        )
    if verdict.not_ingested:
        console.print(f"  {plural(verdict.not_ingested, 'row')} of the database without a sample in the dataset.")
    if verdict.no_image:
        console.print(
            f"  {plural(verdict.no_image, 'annotation')} of which a side names no image that could be compared."
        )
    if not verdict.differences:
        return
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1))
    for each in verdict.differences[:SHOWN]:
        reason = f"[dim]conflict {each.conflict}[/dim]" if each.conflict else "[red]unexplained[/red]"
        if each.awaiting_review and not each.conflict:
            reason = "[dim]awaits review[/dim]"
        what = escape(each.field or words(each.kind))
        table.add_row("  ", short_id(each.annotation_id or each.label_id), what, versus(vars(each)), reason)
    console.print(table)
    if len(verdict.differences) > SHOWN:
        console.print(f"  [dim]… and {len(verdict.differences) - SHOWN:,} more (all of them with --json)[/dim]")


def _known(verdict: Verdict) -> str:
    """What explains the differences, counted."""
    waiting = sum(each.awaiting_review and each.conflict is None for each in verdict.differences)
    conflicting = len(verdict.differences) - waiting
    parts = [f"open conflicts ({conflicting:,})"] if conflicting else []
    return " and ".join([*parts, *([f"edits awaiting review ({waiting:,})"] if waiting else [])])
