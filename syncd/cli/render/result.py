"""What a run did, in a line or two."""

from __future__ import annotations

from rich.console import Console

from syncd.cli.render.values import escape, plural
from syncd.engine.result import RunResult
from syncd.model.plan import AWAITING, ERROR
from syncd.model.run import RunMode


def show_result(console: Console, result: RunResult) -> None:
    """Prints the outcome of one run."""
    name = f"[bold]{escape(result.binding)}[/bold]"
    if result.held is not None:
        console.print(f"{name}: [bold red]held[/bold red]. {escape(result.held)}.", soft_wrap=True)
        console.print(f"  Nothing was written. {_way_out(result)}".rstrip(), soft_wrap=True)
        return
    if result.dry_run:
        console.print(f"{name}: dry run, nothing was changed ({_read(result)}).", soft_wrap=True)
        return
    parts = [f"{result.to_database:,} to the database, {result.to_fiftyone:,} to FiftyOne"]
    counts = result.plan.counts if result.plan else None
    if counts and counts.first_met:
        parts.append(f"{plural(counts.first_met, 'annotation')} met for the first time")
    if counts and counts.converged:
        parts.append(f"{plural(counts.converged, 'field')} changed alike on both sides")
    if result.superseded:
        parts.append(f"[yellow]{result.superseded:,} overtaken by newer edits (the next run takes them)[/yellow]")
    if result.refused:
        parts.append(f"[yellow]{result.refused:,} refused (the conflicts say why)[/yellow]")
    if counts and counts.too_young:
        parts.append(f"{plural(counts.too_young, 'edit')} too young")
    if counts and counts.not_ingested:
        parts.append(f"{plural(counts.not_ingested, 'row')} without a sample")
    if result.settled:
        parts.append(f"{plural(len(result.settled), 'change')} of a run that died settled")
    console.print(f"{name}: " + "; ".join(parts) + f" ({_read(result)}).", soft_wrap=True)
    for kind, what in ((AWAITING, "awaiting approval"), (ERROR, "flagged as wrong")):
        if result.waiting.get(kind):
            many = plural(result.waiting[kind], "annotation")
            console.print(f"  [cyan]{many} {what}:[/cyan] [bold]syncd review list {escape(result.binding)}[/bold]")
    if result.open_conflicts:
        newly = f", {result.opened:,} of them new" if result.opened else ""
        console.print(
            f"  [yellow]{plural(result.open_conflicts, 'conflict')} open{newly}:[/yellow] "
            f"[bold]syncd conflicts list {escape(result.binding)}[/bold]"
        )


def _way_out(result: RunResult) -> str:
    """What a person can do about a plan that is held."""
    again = "run it again with [bold]--force[/bold]"
    if result.mode not in (RunMode.INCREMENTAL, RunMode.FULL):
        return f"If it is what was meant, {again}."
    if result.plan is None:
        # The dataset is gone, which nothing overrides; the reason says what helps.
        return ""
    if result.dry_run:
        return "If the plan is what was meant, run it without [bold]--dry-run[/bold] and with [bold]--force[/bold]."
    look = f"Look with [bold]syncd reconcile {escape(result.binding)} --dry-run[/bold]; if it is what was meant, "
    if result.run_id is None:
        return f"{look}{again}."
    return f"{look}[bold]syncd apply {escape(result.run_id)}[/bold] applies it, or {again}."


def _read(result: RunResult) -> str:
    scanned = result.plan.counts if result.plan else None
    labels = scanned.scanned_fiftyone if scanned else 0
    rows = scanned.scanned_database if scanned else 0
    if result.mode not in (RunMode.INCREMENTAL, RunMode.FULL):
        return f"{result.mode}, {result.seconds:.2f} s"
    return f"{result.mode}: {plural(labels, 'label')} and {plural(rows, 'row')} looked at in {result.seconds:.2f} s"
