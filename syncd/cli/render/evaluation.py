"""``syncd ingest --evaluate`` in a terminal: scores per class, and what is taken for what."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from syncd.cli.render.values import escape, plural
from syncd.ingest.evaluate import Evaluated
from syncd.ingest.evaluation import Evaluation, Scores

CLASSES = 30
"""Classes printed, those with the most labels; ``--json`` has them all."""

CONFUSIONS = 15
MATRIX = 12
"""Most classes for which the matrix itself is printed."""

LONGEST = 28
"""Characters of a class that are printed."""

GOOD, FAIR = 0.9, 0.6
BAR = 10


def show_evaluations(out: Console, evaluated: Evaluated) -> None:
    """Prints each evaluation: totals, a table per class, the largest confusions, and a small matrix whole."""
    for each in evaluated.evaluations:
        _show(out, each)
    for note in evaluated.notes:
        out.print(f"  [dim]note: {escape(note)}[/dim]", soft_wrap=True)


def _show(out: Console, evaluation: Evaluation) -> None:
    out.print(
        f"\n[bold]Evaluation of {escape(evaluation.field)}[/bold]  "
        f"[dim]stored in the dataset as {escape(evaluation.key)}[/dim]"
    )
    left_out = f"; {plural(evaluation.left_out, 'sample')} left out, without a label" if evaluation.left_out else ""
    out.print(
        f"  {plural(evaluation.samples, 'sample')}, {plural(evaluation.pairs, 'comparison')}, "
        f"{plural(len(evaluation.classes), 'class', 'classes')}{left_out}"
    )
    out.print(f"  accuracy [bold]{evaluation.accuracy:.1%}[/bold]\n")
    _show_classes(out, evaluation)
    if evaluation.confusions:
        _show_confusions(out, evaluation)
    if len(evaluation.classes) <= MATRIX:
        _show_matrix(out, evaluation)


def _show_classes(out: Console, evaluation: Evaluation) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("  class", no_wrap=True)
    for name in ("labels", "predicted", "precision", "recall", "F1"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for each in evaluation.classes[:CLASSES]:
        table.add_row(f"  {_name(each.label)}", f"{each.support:,}", f"{each.predicted:,}", *_scores(each))
    hidden = len(evaluation.classes) - CLASSES
    if hidden > 0:
        table.add_row(f"  [dim]… and {plural(hidden, 'more class', 'more classes')} (--json)[/dim]")
    table.add_row()
    table.add_row("  [dim]mean of the classes[/dim]", "", "", *_scores(evaluation.macro))
    table.add_row("  [dim]weighted by labels[/dim]", "", "", *_scores(evaluation.weighted))
    out.print(table)


def _scores(scores: Scores) -> list[str]:
    style = "green" if scores.f1 >= GOOD else "yellow" if scores.f1 >= FAIR else "red"
    filled = round(scores.f1 * BAR)
    bar = f"[{style}]{'█' * filled}[/{style}][dim]{'·' * (BAR - filled)}[/dim]"
    return [f"{scores.precision:.3f}", f"{scores.recall:.3f}", f"[{style}]{scores.f1:.3f}[/{style}]", bar]


def _show_confusions(out: Console, evaluation: Evaluation) -> None:
    out.print("\n  [bold]largest confusions[/bold] [dim](label → prediction)[/dim]")
    support = {each.label: each.support for each in evaluation.classes}
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(justify="right", no_wrap=True)
    for cell in evaluation.confusions[:CONFUSIONS]:
        truth = "[dim](no label)[/dim]" if cell.truth == evaluation.missing else _name(cell.truth)
        said = "[dim](no prediction)[/dim]" if cell.predicted == evaluation.missing else _name(cell.predicted)
        of = support.get(cell.truth)
        share = f"[dim]{cell.count / of:.0%} of these labels[/dim]" if of else ""
        table.add_row(f"   {cell.count:,}", truth, "[dim]→[/dim]", said, share)
    out.print(table)
    hidden = len(evaluation.confusions) - CONFUSIONS
    if hidden > 0:
        out.print(f"   [dim]… and {plural(hidden, 'more pair')} (--json)[/dim]")


def _show_matrix(out: Console, evaluation: Evaluation) -> None:
    """Labels down, predictions across; columns are numbered, since names would not fit beside each other."""
    names = [each.label for each in evaluation.classes]
    counts = {(cell.truth, cell.predicted): cell.count for cell in evaluation.cells}
    rows, columns = list(names), list(names)
    if any(cell.truth == evaluation.missing for cell in evaluation.cells):
        rows.append(evaluation.missing)
    if any(cell.predicted == evaluation.missing for cell in evaluation.cells):
        columns.append(evaluation.missing)
    out.print("\n  [bold]confusion matrix[/bold] [dim](labels down, predictions across)[/dim]")
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for number, name in enumerate(columns, start=1):
        table.add_column("none" if name == evaluation.missing else str(number), justify="right", no_wrap=True)
    for number, truth in enumerate(rows, start=1):
        title = "[dim](no label)[/dim]" if truth == evaluation.missing else _name(truth)
        shown = "" if truth == evaluation.missing else f"[dim]{number}[/dim]"
        table.add_row(
            f"   {shown}", title, *(_cell(counts.get((truth, said), 0), right=truth == said) for said in columns)
        )
    out.print(table)


def _cell(count: int, *, right: bool) -> str:
    if not count:
        return "[dim]·[/dim]"
    return f"[green]{count:,}[/green]" if right else f"[red]{count:,}[/red]"


def _name(label: str) -> str:
    text = " ".join(label.split()) or repr(label)
    return escape(text if len(text) <= LONGEST else text[: LONGEST - 1] + "…")
