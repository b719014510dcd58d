"""Conflicts: a list to choose from, one in full, and what became of those that were answered."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from syncd.cli.render.values import ago, arrow, escape, in_full, marked, plural, short_id, versus, when, words
from syncd.model.conflict_kinds import ConflictKind, words_of

if TYPE_CHECKING:
    from syncd.api.rows import ChangeRow, ConflictList, ConflictRow
    from syncd.diff.resolution.decide import Ways
    from syncd.engine.resolve import Resolved

SAYING: dict[str, str] = {ConflictKind.UNKNOWN_LABEL: "suggested", ConflictKind.AMBIGUOUS_TAGS: "tagged"}
"""What the words that a conflict bears are; of other kinds a side's own message."""

MANY = 20
"""From so many conflicts on, a list begins with what they have in common."""

SHOWN = 200
"""Rows printed; the rest is counted, and whole in ``--json``."""


def show_conflicts(console: Console, conflicts: ConflictList, now: datetime) -> None:
    """Prints conflicts as a table, with totals by kind; many of them by what they have in common first."""
    if not conflicts:
        console.print("No conflict is open.")
        return
    if len(conflicts) >= MANY:
        _show_groups(console, conflicts)
    several = len({each.binding for each in conflicts}) > 1
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 1))
    headings = ["id", "annotation", "kind", "field", "FiftyOne ≠ database", "opened"]
    for name in (["binding"] if several else []) + headings:
        table.add_column(name, no_wrap=name in ("id", "annotation", "opened"))
    for each in conflicts[:SHOWN]:
        row = [
            str(each.id),
            short_id(each.annotation_id or each.label_id),
            f"[yellow]{words(each.kind)}[/yellow]",
            escape(each.field or "label"),
            versus(vars(each)) + _hint(each),
            f"[dim]{ago(each.opened_at, now)}[/dim]",
        ]
        table.add_row(*([escape(each.binding)] if several else []), *row)
    console.print(table)
    if len(conflicts) > SHOWN:
        console.print(f"[dim]… and {len(conflicts) - SHOWN:,} more (all of them with --json)[/dim]")
    kinds = Counter(each.kind for each in conflicts)
    console.print("\n" + "; ".join(f"{words(kind)} {count:,}" for kind, count in kinds.most_common()) + ".")
    console.print("[dim]syncd conflicts show ID tells more, and how to resolve it.[/dim]")


def _hint(conflict: ConflictRow) -> str:
    """What a typed label may have meant, or what the tags say: enough to decide without opening the conflict."""
    if conflict.kind not in SAYING or not conflict.suggestions:
        return ""
    several = map(str, conflict.suggestions)
    text = (
        " or ".join(several)
        if conflict.kind == ConflictKind.AMBIGUOUS_TAGS
        else " ".join(f"{each}?" for each in several)
    )
    return f" [dim]{SAYING[conflict.kind]}[/dim] [green]{escape(text)}[/green]"


def _show_groups(console: Console, conflicts: ConflictList) -> None:
    found = conflicts.groups()
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 1))
    for name in ("how many", "kind", "field", "FiftyOne ≠ database"):
        table.add_column(name, justify="right" if name == "how many" else "left")
    for each in found[:10]:
        sides = f"{marked(each['fiftyone'], 'cyan')} [dim]≠[/dim] {marked(each['database'], 'magenta')}"
        table.add_row(f"{each['count']:,}", words(each["kind"]), escape(each["field"] or "label"), sides)
    console.print(table)
    if len(found) > 10:
        console.print(f"[dim]… and {len(found) - 10:,} more groups[/dim]")
    console.print("[dim]One answer for many: syncd conflicts resolve --kind K --field F --label L --take …[/dim]\n")


def show_conflict(
    console: Console, conflict: ConflictRow, history: Sequence[ChangeRow] = (), ways: Ways | None = None
) -> None:
    """Prints one conflict in full; ``history`` are the newest log entries about the same annotation and field.

    ``ways`` are the answers that can be given; ``None`` where nobody could look.
    """
    title = f"Conflict {conflict.id}: [yellow]{words(conflict.kind)}[/yellow]"
    console.print(f"[bold]{title}[/bold]  {words_of(conflict.kind)}")
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1))
    for name in ("binding", "annotation_id", "sample_id", "label_id", "field", "status", "resolution"):
        if (value := getattr(conflict, name)) is not None:
            table.add_row(f"  [dim]{name}[/dim]", escape(str(value)))
    for name, style in (("base", "dim"), ("fiftyone", "cyan"), ("database", "magenta")):
        value = f"[{style}]{escape(in_full(getattr(conflict, name)))}[/{style}]"
        table.add_row(f"  [dim]{name}[/dim]", value + _edited(conflict, name))
    for each in conflict.suggestions:
        table.add_row(f"  [dim]{SAYING.get(conflict.kind, 'said')}[/dim]", escape(str(each)))
    table.add_row("  [dim]opened[/dim]", when(conflict.opened_at))
    table.add_row("  [dim]seen last[/dim]", when(conflict.updated_at))
    for entry in history:
        table.add_row("  [dim]logged[/dim]", _entry(entry))
    console.print(table)
    if ways is not None:
        _show_ways(console, conflict, ways)


def _edited(conflict: ConflictRow, side: str) -> str:
    """Who gave a side its value, and when, as far as known; nothing of a value that nobody has changed."""
    by, at = getattr(conflict, f"{side}_by", None), getattr(conflict, f"{side}_at", None)
    known = [*([f"by {escape(by)}"] if by else []), *([when(at)] if at else [])]
    return f"  [dim]{', '.join(known)}[/dim]" if known else ""


def _entry(entry: ChangeRow) -> str:
    what = words(entry.action) if entry.field is None else arrow(entry.old, entry.new)
    by = f" by {escape(entry.actor)}" if entry.actor else ""
    return f"{when(entry.applied_at)} {what} [dim]{words(entry.reason)}{by}, change {entry.seq}[/dim]"


def _show_ways(console: Console, conflict: ConflictRow, ways: Ways) -> None:
    """Prints the commands that resolve it, and why others do not."""
    for each in ways.ways:
        text = each.take.text if each.take is not None else None
        given = each.given if text is None else f"--value {shlex.quote(text)}"
        command = f"[bold]syncd conflicts resolve {conflict.id} {escape(given)}[/bold]"
        console.print(f"  {command}  [dim]{escape(each.does)}[/dim]", soft_wrap=True)
    for hint in ways.hints:
        console.print(f"  [dim]{escape(hint[0].upper() + hint[1:])}.[/dim]", soft_wrap=True)


def summary(conflicts: dict[str, int]) -> str:
    """Open conflicts by kind in one line."""
    total = sum(conflicts.values())
    if not total:
        return "none"
    kinds = ", ".join(f"{kind} {count:,}" for kind, count in sorted(conflicts.items(), key=lambda each: -each[1]))
    return f"{plural(total, 'conflict')} ({kinds})"


LEFT_OPEN = 20
"""Conflicts printed of those that stay open; all of them are in ``--json``."""


def show_resolved(console: Console, done: Sequence[Resolved]) -> None:
    """Prints, for each binding, how many were resolved, and which were not and why."""
    from syncd.cli.render.plan import show_plan
    from syncd.engine.resolve import Fate

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
        for each in left[:LEFT_OPEN]:
            console.print(f"  [yellow]{each.conflict['id']}[/yellow] {escape(str(each.why))}.", soft_wrap=True)
        if len(left) > LEFT_OPEN:
            console.print(f"  [dim]… and {len(left) - LEFT_OPEN:,} more (all of them with --json)[/dim]")
