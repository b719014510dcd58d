"""A plan: what would change, from → to, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from syncd.cli.render.values import arrow, escape, marked, plural, short_id, versus, words
from syncd.model import Action, Change, Conflict, Direction, Plan, Waiting
from syncd.model.plan import AWAITING

SHOWN = 40
"""Rows printed of each part; the rest is counted, and whole in ``--json`` and in a saved plan."""

SECTIONS = (
    (Direction.TO_DATABASE, "FiftyOne → database", "cyan"),
    (Direction.TO_FIFTYONE, "database → FiftyOne", "magenta"),
    (None, "only the record moves", "dim"),
)
SIGNS = {Action.INSERT: "[green]+[/green]", Action.UPDATE: "[yellow]~[/yellow]", Action.DELETE: "[red]-[/red]"}


def show_plan(console: Console, plan: Plan) -> None:
    """Prints the changes by direction, the conflicts, and the totals."""
    console.print(f"[bold]Plan for {escape(plan.binding)}[/bold]")
    for direction, title, style in SECTIONS:
        changes = [each for each in plan.changes if each.direction is direction]
        if changes:
            _show_changes(console, title, style, changes)
    if plan.conflicts:
        _show_conflicts(console, plan.conflicts)
    awaiting = [each for each in plan.waiting if each.kind == AWAITING]
    if awaiting:
        _show_awaiting(console, awaiting)
    if not (plan.changes or plan.conflicts or awaiting):
        console.print("  Nothing to do: both sides agree.")
    totals = _totals(plan)
    if totals:
        console.print("\n  " + "; ".join(totals) + ".")


def _table() -> Table:
    return Table(box=None, show_header=False, pad_edge=False, padding=(0, 1))


def _show_changes(console: Console, title: str, style: str, changes: Sequence[Change]) -> None:
    console.print(f"\n  [{style} bold]{title}[/{style} bold]  {plural(len(changes), 'change')}")
    table = _table()
    for each in changes[:SHOWN]:
        table.add_row(
            "  " + SIGNS[each.action],
            short_id(each.annotation_id),
            escape(each.field or each.action.value),
            _what(each),
            f"[dim]{words(each.reason)}{' by ' + escape(each.actor) if each.actor else ''}[/dim]",
        )
    console.print(table)
    _rest(console, len(changes))


def _what(change: Change) -> str:
    if change.action is Action.INSERT:
        return marked(change.new, "green")
    if change.action is Action.DELETE:
        return marked(change.old, "red")
    return arrow(change.old, change.new)


def _show_conflicts(console: Console, conflicts: Sequence[Conflict]) -> None:
    console.print(f"\n  [yellow bold]for a person[/yellow bold]  {plural(len(conflicts), 'conflict')}")
    table = _table()
    for each in conflicts[:SHOWN]:
        said = f" [dim]{escape(each.suggestions[0])}[/dim]" if each.suggestions else ""
        name = short_id(each.annotation_id or each.label_id)
        kind = f"[yellow]{words(each.kind)}[/yellow]"
        table.add_row("  [yellow]?[/yellow]", name, escape(each.field or "label"), kind, versus(vars(each)) + said)
    console.print(table)
    _rest(console, len(conflicts))


def _show_awaiting(console: Console, waiting: Sequence[Waiting]) -> None:
    console.print(f"\n  [cyan bold]awaiting approval[/cyan bold]  {plural(len(waiting), 'edit')}")
    table = _table()
    for each in waiting[:SHOWN]:
        by = f"[dim]by {escape(each.actor)}[/dim]" if each.actor else ""
        name = short_id(each.annotation_id or each.label_id)
        what = marked(each.new, "green") if each.field is None else arrow(each.old, each.new)
        table.add_row("  [cyan]…[/cyan]", name, escape(each.field or "insert"), what, by)
    console.print(table)
    _rest(console, len(waiting))


def _rest(console: Console, count: int) -> None:
    if count > SHOWN:
        console.print(f"   [dim]… and {count - SHOWN:,} more (all of them with --json)[/dim]")


def _totals(plan: Plan) -> list[str]:
    # A relabel by tag is written on both sides and is still one.
    relabels = {
        (each.annotation_id, each.old, each.new)
        for each in plan.changes
        if each.field == "label" and each.direction is not None and each.action is Action.UPDATE
    }
    labels = Counter(f"{old} → {new}" for _, old, new in relabels)
    totals = [
        f"{plan.count(Direction.TO_DATABASE):,} to the database, {plan.count(Direction.TO_FIFTYONE):,} to FiftyOne"
    ]
    if labels:
        most, times = min(labels.items(), key=lambda each: (-each[1], each[0]))
        if times > 1:
            totals.append(f"most often {escape(most)} ({times:,})")
    if plan.counts.first_met:
        totals.append(f"{plural(plan.counts.first_met, 'annotation')} met for the first time")
    if plan.counts.not_ingested:
        totals.append(f"{plural(plan.counts.not_ingested, 'row')} without a sample in the dataset")
    return totals if plan.changes or plan.conflicts or len(totals) > 1 else []
