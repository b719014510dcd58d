"""An ingest's result for a person."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from syncd.api.html import shown
from syncd.cli.render.values import escape, plural
from syncd.ingest.result import SHOWN, IngestResult

FEW = 5


def show_ingest(out: Console, result: IngestResult) -> None:
    """Prints what was loaded, and what needs somebody."""
    would = "would be " if result.dry_run else ""
    made = f" [dim]({'to be made' if result.dry_run else 'made just now'})[/dim]" if result.created else ""
    out.print(f"[bold]{escape(result.binding)}[/bold] → dataset [bold]{escape(result.dataset)}[/bold]{made}")
    if not result.new:
        out.print(f"  [green]nothing new[/green] in {result.rows:,} rows")
    else:
        out.print(
            f"  {plural(result.rows, 'row')}, {result.new:,} of them new: {plural(result.recorded, 'label')} "
            f"{would}loaded on {plural(result.samples, 'new sample')}, in {_seconds(result.seconds)}",
            soft_wrap=True,
        )
    if result.waiting:
        out.print(f"  {result.waiting:,} rows left for the next call (--limit)")
    if result.recut:
        out.print(f"  {plural(result.recut, 'crop')} {would}cut again: the box was changed in the table")
    if result.metadata:
        out.print(f"  metadata of {result.metadata:,} samples {would}computed that were there before and had none")
    _show_faults(out, result)
    if result.unknown:
        _show_unknown(out, result)
    _show_pushed(out, result)
    _show_removed(out, result)
    if result.left:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(result.left.items()))
        out.print(f"  left to [bold]syncd reconcile {escape(result.binding)}[/bold]: {kinds}")
    # What new samples bring along is known only once they are there.
    for each in result.predictions if not (result.dry_run and result.new) else ():
        changed = f"{each.added:,} {would}added, {each.updated:,} updated, {each.removed:,} removed"
        moved = changed if each.added or each.updated or each.removed else "up to date"
        out.print(f"  predictions in [bold]{escape(each.field)}[/bold]: {each.total:,} ({moved})")
    for note in result.notes:
        out.print(f"  [dim]note: {escape(note)}[/dim]", soft_wrap=True)


def _show_pushed(out: Console, result: IngestResult) -> None:
    if result.pushed is None:
        return
    out.print(f"  the vocabulary was pushed to the dataset, as {result.pushed.kind}")
    if result.pushed.left_out:
        terms = ", ".join(escape(each.term) for each in result.pushed.left_out[:FEW])
        out.print(f"  [yellow]{len(result.pushed.left_out):,} terms were not pushed[/yellow]: {terms}", soft_wrap=True)


def _show_removed(out: Console, result: IngestResult) -> None:
    if result.removed:
        out.print(
            f"  [yellow]{len(result.removed):,} media are gone[/yellow] whose annotations are in the dataset "
            "(nothing was deleted):"
        )
        for path in result.removed[:FEW]:
            out.print(f"    {escape(path)}", soft_wrap=True)
        if len(result.removed) > FEW:
            out.print(f"    … and {len(result.removed) - FEW:,} more [dim](--json names {SHOWN})[/dim]")
    if result.unnamed:
        out.print(f"  [dim]{result.unnamed:,} files under the media root are named by no row[/dim]")


def _show_faults(out: Console, result: IngestResult) -> None:
    if result.faults.is_empty():
        return
    out.print(
        f"  [yellow]{plural(result.faults.height, 'row')} could not be loaded[/yellow]; all others are not affected"
    )
    table = Table(box=None, padding=(0, 2, 0, 4), show_header=False)
    for kind, count in result.fault_counts.items():
        example = next(result.faults.filter(kind=kind).head(1).iter_rows(named=True))
        table.add_row(f"{count:,}", kind, f"[dim]such as {escape(_example(example))}[/dim]")
    out.print(table)
    if result.faults_file:
        out.print(f"    all of them: [bold]{escape(result.faults_file)}[/bold]")


def _example(fault: dict[str, str | None]) -> str:
    return f"{fault['annotation_id'] or fault['media']}: {fault['reason']}"


def _show_unknown(out: Console, result: IngestResult) -> None:
    rows = sum(each.rows for each in result.unknown)
    verb = "is" if len(result.unknown) == 1 else "are"
    labels = plural(len(result.unknown), "label")
    out.print(f"  [yellow]{labels} {verb} not in the vocabulary[/yellow], in {plural(rows, 'row')}")
    table = Table(box=None, padding=(0, 2, 0, 4), show_header=False)
    for each in result.unknown[:FEW]:
        near = f"[dim]near: {escape(', '.join(each.nearest))}[/dim]" if each.nearest else ""
        table.add_row(f"{each.rows:,}", escape(shown(each.label)), near)
    out.print(table)
    out.print(f"    [bold]syncd vocabulary check {escape(result.binding)}[/bold] lists them all")


def _seconds(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"
