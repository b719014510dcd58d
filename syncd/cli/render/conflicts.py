"""Conflicts: a list to choose from, and one in full."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from syncd.cli.render.values import ago, in_full, plural, short_id, versus, when, words

MEANINGS = {
    "edit_edit": "both sides changed it, to different values",
    "box_changed": "the box was changed in FiftyOne",
    "wrong_direction": "it was changed on a side that this field does not travel from",
    "no_baseline": "the sides met for the first time and differ",
    "deleted_in_fiftyone": "the label was removed in FiftyOne",
    "deleted_in_database": "the row was removed in the database and the label changed, or policy asks for a person",
    "unknown_id": "the label bears an id that the database does not have",
    "duplicate_id": "several annotations bear this id",
    "moved": "the id stands on another label or sample than it did",
    "replaced": "a label without id stands where this one vanished",
    "unaddressable": "the label has no id of FiftyOne's own and cannot be written to",
    "unsafe_value": "the other side cannot hold this value",
    "stale_revert": "FiftyOne went back to what syncd had just replaced: perhaps an idle App window",
    "refused_by_database": "the database refused the value",
    "refused_by_fiftyone": "FiftyOne's MongoDB refused the value",
    "new_label": "a label drawn in FiftyOne waits for an id",
    "occupied": "the sample's field already holds another label",
    "ambiguous_media": "several samples have this medium",
}


def show_conflicts(console: Console, conflicts: Sequence[dict[str, Any]], now: datetime) -> None:
    """Prints conflicts as a table, with totals by kind."""
    if not conflicts:
        console.print("No conflict is open.")
        return
    several = len({each["binding"] for each in conflicts}) > 1
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 1))
    headings = ["id", "annotation", "kind", "field", "FiftyOne ≠ database", "opened"]
    for name in (["binding"] if several else []) + headings:
        table.add_column(name, no_wrap=name in ("id", "annotation", "opened"))
    for each in conflicts:
        row = [
            str(each["id"]),
            short_id(each["annotation_id"] or each["label_id"]),
            f"[yellow]{words(each['kind'])}[/yellow]",
            escape(each["field"] or "label"),
            versus(each),
            f"[dim]{ago(each['opened_at'], now)}[/dim]",
        ]
        table.add_row(*([escape(each["binding"])] if several else []), *row)
    console.print(table)
    kinds = Counter(each["kind"] for each in conflicts)
    console.print("\n" + "; ".join(f"{words(kind)} {count:,}" for kind, count in kinds.most_common()) + ".")
    console.print("[dim]syncd conflicts show ID tells more.[/dim]")


def show_conflict(console: Console, conflict: dict[str, Any]) -> None:
    """Prints one conflict in full."""
    title = f"Conflict {conflict['id']}: [yellow]{words(conflict['kind'])}[/yellow]"
    console.print(f"[bold]{title}[/bold]  {MEANINGS.get(conflict['kind'], '')}")
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1))
    for name in ("binding", "annotation_id", "sample_id", "label_id", "field", "status", "resolution"):
        if conflict[name] is not None:
            table.add_row(f"  [dim]{name}[/dim]", escape(str(conflict[name])))
    for name, style in (("base", "dim"), ("fiftyone", "cyan"), ("database", "magenta")):
        table.add_row(f"  [dim]{name}[/dim]", f"[{style}]{escape(in_full(conflict[name]))}[/{style}]")
    for said in conflict["suggestions"]:
        table.add_row("  [dim]said[/dim]", escape(str(said)))
    table.add_row("  [dim]opened[/dim]", when(conflict["opened_at"]))
    table.add_row("  [dim]seen last[/dim]", when(conflict["updated_at"]))
    console.print(table)


def summary(conflicts: dict[str, int]) -> str:
    """Open conflicts by kind in one line."""
    total = sum(conflicts.values())
    if not total:
        return "none"
    kinds = ", ".join(f"{kind} {count:,}" for kind, count in sorted(conflicts.items(), key=lambda each: -each[1]))
    return f"{plural(total, 'conflict')} ({kinds})"
