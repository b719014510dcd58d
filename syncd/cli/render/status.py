"""``syncd status`` in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.console import Console
from rich.markup import escape

from syncd.cli.render.conflicts import summary
from syncd.cli.render.values import ago, plural
from syncd.status import BindingStatus

STYLES = {
    "in_agreement": "bold green",
    "conflicts": "bold yellow",
    "held": "bold red",
    "failed": "bold red",
    "reconciling": "bold cyan",
    "never_run": "dim",
}


def show_status(console: Console, bindings: Sequence[BindingStatus], now: datetime) -> None:
    """Prints a paragraph per binding."""
    for each in bindings:
        style = STYLES[each.state]
        console.print(f"[bold]{escape(each.binding)}[/bold]  [{style}]{each.state.replace('_', ' ')}[/{style}]")
        run = each.last_run
        if run is None:
            console.print(f"  never reconciled: [bold]syncd reconcile {escape(each.binding)}[/bold]")
            continue
        lags = ", ".join(f"{side} {_lag(seconds)}" for side, seconds in each.lag_seconds.items())
        console.print(f"  {plural(each.annotations, 'annotation')} agreed on; last read {lags}")
        console.print(f"  open: {summary(each.open_conflicts)}; waiting for review: {each.awaiting_review:,}")
        console.print(f"  last run {run['id']} ({run['mode']}) {run['status']} {ago(run['started_at'], now)}")
        for word in ("held", "error"):
            if run[word]:
                console.print(f"  [red]{escape(str(run[word]))}[/red]", soft_wrap=True)


def _lag(seconds: float | None) -> str:
    if seconds is None:
        return "never"
    return f"{seconds:.0f} s ago" if seconds < 120 else f"{seconds / 60:.0f} min ago"
