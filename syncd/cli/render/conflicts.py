"""Conflicts: a list to choose from, and one in full."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from syncd.cli.render.values import ago, arrow, escape, in_full, marked, plural, short_id, shown, versus, when, words

if TYPE_CHECKING:
    from syncd.resolve.ways import Ways

MEANINGS = {
    "edit_edit": "both sides changed it, to different values",
    "box_changed": "the box was changed in FiftyOne",
    "wrong_direction": "it was changed on a side that this field does not travel from",
    "no_baseline": "the sides met for the first time and differ",
    "deleted_in_fiftyone": "the label was removed in FiftyOne",
    "deleted_in_database": "the row was removed at home; the label changed or was tagged, or policy asks for a person",
    "hidden": "the table has the row, or may have it, and a view, a query or row-level security hides it",
    "unknown_id": "the label bears an id that the database does not have",
    "duplicate_id": "several annotations bear this id",
    "moved": "the id stands on another label or image than it did, or than its row says",
    "replaced": "a label without id stands where this one vanished",
    "unaddressable": "the label has no id of FiftyOne's own and cannot be written to",
    "unsafe_value": "the other side cannot hold this value",
    "stale_revert": "FiftyOne went back to what syncd had just replaced: perhaps an idle App window",
    "refused_by_database": "the database refused the value",
    "refused_by_fiftyone": "FiftyOne's MongoDB refused the value",
    "new_label": "a label drawn in FiftyOne waits for an id",
    "occupied": "the sample's field already holds another label",
    "ambiguous_media": "several samples have this medium",
    "unknown_label": "the label is neither a term of the vocabulary nor an alias",
    "ambiguous_tags": "the label's class tags disagree, with each other or with an edit",
}


SAYING = {"unknown_label": "suggested", "ambiguous_tags": "tagged"}
"""What the words that a conflict bears are; of other kinds a side's own message."""

MANY = 20
"""From so many conflicts on, a list begins with what they have in common."""

SHOWN = 200
"""Rows printed; the rest is counted, and whole in ``--json``."""


def groups(conflicts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """How many conflicts have kind, field and both values in common, the most first."""
    counted = Counter(
        (each["binding"], each["kind"], each["field"], shown(each["fiftyone"]), shown(each["database"]))
        for each in conflicts
    )
    names = ("binding", "kind", "field", "fiftyone", "database")
    return [dict(zip(names, key, strict=True)) | {"count": count} for key, count in counted.most_common()]


def show_conflicts(console: Console, conflicts: Sequence[dict[str, Any]], now: datetime) -> None:
    """Prints conflicts as a table, with totals by kind; many of them by what they have in common first."""
    if not conflicts:
        console.print("No conflict is open.")
        return
    if len(conflicts) >= MANY:
        _show_groups(console, conflicts)
    several = len({each["binding"] for each in conflicts}) > 1
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 1))
    headings = ["id", "annotation", "kind", "field", "FiftyOne ≠ database", "opened"]
    for name in (["binding"] if several else []) + headings:
        table.add_column(name, no_wrap=name in ("id", "annotation", "opened"))
    for each in conflicts[:SHOWN]:
        row = [
            str(each["id"]),
            short_id(each["annotation_id"] or each["label_id"]),
            f"[yellow]{words(each['kind'])}[/yellow]",
            escape(each["field"] or "label"),
            versus(each) + _hint(each),
            f"[dim]{ago(each['opened_at'], now)}[/dim]",
        ]
        table.add_row(*([escape(each["binding"])] if several else []), *row)
    console.print(table)
    if len(conflicts) > SHOWN:
        console.print(f"[dim]… and {len(conflicts) - SHOWN:,} more (all of them with --json)[/dim]")
    kinds = Counter(each["kind"] for each in conflicts)
    console.print("\n" + "; ".join(f"{words(kind)} {count:,}" for kind, count in kinds.most_common()) + ".")
    console.print("[dim]syncd conflicts show ID tells more, and how to resolve it.[/dim]")


def _hint(conflict: dict[str, Any]) -> str:
    """What a typed label may have meant, or what the tags say: enough to decide without opening the conflict."""
    if conflict["kind"] not in SAYING or not conflict["suggestions"]:
        return ""
    several = map(str, conflict["suggestions"])
    text = " or ".join(several) if conflict["kind"] == "ambiguous_tags" else " ".join(f"{each}?" for each in several)
    return f" [dim]{SAYING[conflict['kind']]}[/dim] [green]{escape(text)}[/green]"


def _show_groups(console: Console, conflicts: Sequence[dict[str, Any]]) -> None:
    found = groups(conflicts)
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
    console: Console, conflict: dict[str, Any], history: Sequence[dict[str, Any]] = (), ways: Ways | None = None
) -> None:
    """Prints one conflict in full; ``history`` are the newest log entries about the same annotation and field.

    ``ways`` are the answers that can be given; ``None`` where nobody could look.
    """
    title = f"Conflict {conflict['id']}: [yellow]{words(conflict['kind'])}[/yellow]"
    console.print(f"[bold]{title}[/bold]  {MEANINGS.get(conflict['kind'], '')}")
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1))
    for name in ("binding", "annotation_id", "sample_id", "label_id", "field", "status", "resolution"):
        if conflict[name] is not None:
            table.add_row(f"  [dim]{name}[/dim]", escape(str(conflict[name])))
    for name, style in (("base", "dim"), ("fiftyone", "cyan"), ("database", "magenta")):
        value = f"[{style}]{escape(in_full(conflict[name]))}[/{style}]"
        table.add_row(f"  [dim]{name}[/dim]", value + _edited(conflict, name))
    for each in conflict["suggestions"]:
        table.add_row(f"  [dim]{SAYING.get(conflict['kind'], 'said')}[/dim]", escape(str(each)))
    table.add_row("  [dim]opened[/dim]", when(conflict["opened_at"]))
    table.add_row("  [dim]seen last[/dim]", when(conflict["updated_at"]))
    for entry in history:
        table.add_row("  [dim]logged[/dim]", _entry(entry))
    console.print(table)
    if ways is not None:
        _show_ways(console, conflict, ways)


def _edited(conflict: dict[str, Any], side: str) -> str:
    """Who gave a side its value, and when, as far as known; nothing of a value that nobody has changed."""
    by, at = conflict.get(f"{side}_by"), conflict.get(f"{side}_at")
    known = [*([f"by {escape(by)}"] if by else []), *([when(at)] if at else [])]
    return f"  [dim]{', '.join(known)}[/dim]" if known else ""


def _entry(entry: dict[str, Any]) -> str:
    what = words(entry["action"]) if entry["field"] is None else arrow(entry["old"], entry["new"])
    by = f" by {escape(entry['actor'])}" if entry["actor"] else ""
    return f"{when(entry['applied_at'])} {what} [dim]{words(entry['reason'])}{by}, change {entry['seq']}[/dim]"


def _show_ways(console: Console, conflict: dict[str, Any], ways: Ways) -> None:
    """Prints the commands that resolve it, and why others do not."""
    for each in ways.ways:
        text = each.take.text if each.take is not None else None
        given = each.given if text is None else f"--value {shlex.quote(text)}"
        command = f"[bold]syncd conflicts resolve {conflict['id']} {escape(given)}[/bold]"
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
