"""What became of the conflicts that somebody resolved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Console

from syncd.cli.render.plan import show_plan
from syncd.cli.render.values import escape, plural, words
from syncd.engine.resolve import Fate, Resolved

SHOWN = 20
"""Conflicts printed of those that stay open; all of them are in ``--json``."""


def show_resolved(console: Console, done: Sequence[Resolved]) -> None:
    """Prints, for each binding, how many were resolved, and which were not and why."""
    if not done:
        console.print("No open conflict matches.")
    for resolved in done:
        if resolved.result is not None and resolved.result.dry_run and resolved.result.plan is not None:
            show_plan(console, resolved.result.plan)
        counts = Counter(each.status for each in resolved.outcomes)
        said = ", ".join(f"{count:,} {words(status)}" for status, count in counts.most_common())
        console.print(
            f"[bold]{escape(resolved.binding)}[/bold]: {said} of {plural(len(resolved.outcomes), 'conflict')}."
        )
        left = [each for each in resolved.outcomes if each.status in (Fate.REFUSED, Fate.OVERTAKEN)]
        for each in left[:SHOWN]:
            console.print(f"  [yellow]{each.conflict['id']}[/yellow] {escape(str(each.why))}.", soft_wrap=True)
        if len(left) > SHOWN:
            console.print(f"  [dim]… and {len(left) - SHOWN:,} more (all of them with --json)[/dim]")
