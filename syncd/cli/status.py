"""``syncd status``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

from rich.console import Console

from syncd.api import status as api
from syncd.cli.common import BindingsArgument, ConfigOption, JsonOption, chosen, configuration, handled, out, print_json
from syncd.cli.render.conflicts import summary
from syncd.cli.render.values import ago, escape, escape_lines, plural
from syncd.engine.status import BindingStatus
from syncd.model.kinds import from_iso
from syncd.store.daemon_registry import Attendance


@handled
def status(bindings: BindingsArgument = None, config: ConfigOption = None, json: JsonOption = False) -> int:
    """Show how each binding stands: in agreement or not, lag, open conflicts, last run, and the daemon.

    Exit code: 0 in agreement, 3 conflicts are open, 4 held, 1 otherwise.
    """
    settings = configuration(config)
    now = datetime.now(timezone.utc)
    found = api.status(settings, chosen(settings, bindings))
    if json:
        print_json({"bindings": [each.as_json() for each in found]})
    else:
        show_status(out, found, now)
    # What needs somebody most: failed, then held, then conflicts.
    codes = {each.exit_code for each in found}
    return next((code for code in (1, 4, 3) if code in codes), 0)


STYLES = {
    "in_agreement": "bold green",
    "awaiting_review": "bold cyan",
    "conflicts": "bold yellow",
    "held": "bold red",
    "failed": "bold red",
    "degraded": "bold red",
    "stopped": "bold red",
    "reconciling": "bold cyan",
    "never_run": "dim",
}


def show_status(console: Console, bindings: Sequence[BindingStatus], now: datetime) -> None:
    """Prints a paragraph per binding."""
    for each in bindings:
        style = STYLES[each.state]
        console.print(f"[bold]{escape(each.binding)}[/bold]  [{style}]{each.state.replace('_', ' ')}[/{style}]")
        if each.daemon is not None:
            _show_daemon(console, each.daemon, now)
        run = each.last_run
        if run is None:
            console.print(f"  never reconciled: [bold]syncd reconcile {escape(each.binding)}[/bold]")
            continue
        lags = ", ".join(f"{side} {_lag(seconds)}" for side, seconds in each.lag_seconds.items())
        console.print(f"  {plural(each.annotations, 'annotation')} agreed on; last read {lags}")
        flags = f"; flagged as wrong: {each.flagged:,}" if each.flagged else ""
        console.print(f"  open: {summary(each.open_conflicts)}; waiting for review: {each.awaiting_review:,}" + flags)
        if each.put_off:
            since = ago(min(each.put_off.values()), now)
            console.print(
                f"  still being edited: {plural(len(each.put_off), 'sample')}, the first since {since}; what was "
                "changed there waits for that (daemon.quiet_period)",
                soft_wrap=True,
            )
        console.print(f"  last run {run['id']} ({run['mode']}) {run['status']} {ago(run['started_at'], now)}")
        for word in ("held", "error"):
            if run[word]:
                console.print(f"  [red]{escape_lines(str(run[word]))}[/red]", soft_wrap=True)
        plan = each.held_plan
        if plan is not None:
            console.print(
                f"  held {ago(plan.held_at, now)}: {plural(len(plan.changes), 'change')} saved. Apply with "
                f"[bold]syncd apply {plan.run_id}[/bold], or drop with "
                f"[bold]syncd apply --drop {escape(each.binding)}[/bold]",
                soft_wrap=True,
            )


def _show_daemon(console: Console, daemon: Attendance, now: datetime) -> None:
    where = f"{escape(daemon.host)}, process {daemon.pid}"
    if not daemon.alive:
        console.print(f"  [red]no daemon[/red]: the last one ({where}) was heard of {ago(daemon.beat_at, now)}")
        return
    wake = ", ".join(f"{side} by {how}" for side, how in daemon.wake.items())
    others = f"; standing by: {escape(', '.join(daemon.standbys))}" if daemon.standbys else ""
    console.print(
        f"  daemon on {where}: {daemon.state.replace('_', ' ')}; woken: {wake or 'by poll'}{others}", soft_wrap=True
    )
    if daemon.why is not None and daemon.state in ("degraded", "stopped"):
        side = f"{daemon.side}: " if daemon.side else ""
        tries = f"; next try {daemon.next_try[11:19]} UTC" if daemon.next_try else ""
        since = from_iso(daemon.since)
        console.print(f"  [red]{escape_lines(side + daemon.why)}[/red]", soft_wrap=True)
        console.print(f"  since {since:%Y-%m-%d %H:%M:%S} UTC, {ago(since, now)}{tries}", soft_wrap=True)


def _lag(seconds: float | None) -> str:
    if seconds is None:
        return "never"
    return f"{seconds:.0f} s ago" if seconds < 120 else f"{seconds / 60:.0f} min ago"
