"""``syncd ingest``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from syncd.api.binding import Binding
from syncd.api.html import shown
from syncd.cli.common import BindingArgument, ConfigOption, JsonOption, handled, opened, out, print_json
from syncd.cli.progress_bar import counting
from syncd.cli.render.values import escape, plural
from syncd.errors import ConfigError
from syncd.ingest.evaluate import Evaluated
from syncd.ingest.evaluation import Evaluation, Scores
from syncd.ingest.result import SHOWN, IngestResult


@handled
def ingest_command(
    binding: BindingArgument,
    config: ConfigOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be loaded; change nothing.")] = False,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Add at most so many new images.", metavar="N")
    ] = None,
    crops: Annotated[
        bool, typer.Option("--crops", help="One sample per annotation, cut from its box (or ingest.crops).")
    ] = False,
    anew: Annotated[
        bool,
        typer.Option("--anew", help="The dataset was dropped: make it again from the table, as if for the first time."),
    ] = False,
    rejected: Annotated[
        Path | None,
        typer.Option(
            "--rejected",
            help="Where to list rows that could not be loaded [dim](default: BINDING-rejected.csv)[/dim].",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    evaluated: Annotated[
        bool, typer.Option("--evaluate", help="Then compare the predictions with the labels, class by class.")
    ] = False,
    eval_key: Annotated[
        str | None,
        typer.Option(
            "--eval-key",
            help="The key of the evaluation in the dataset [dim](default: syncd_FIELD)[/dim].",
            metavar="KEY",
            show_default=False,
        ),
    ] = None,
    json: JsonOption = False,
) -> int:
    """Load media and labels into the dataset, with metadata and baseline. Repeat it to add what is new."""
    with opened(binding, config) as b:
        _check_evaluation(b, evaluated=evaluated, key=eval_key, dry_run=dry_run)
        with counting(quiet=json) as bar:
            result = b.ingest(
                dry_run=dry_run,
                limit=limit,
                crops=crops,
                anew=anew,
                rejected=rejected or Path(f"{b.name}-rejected.csv"),
                progress=bar,
            )
        if not json:
            show_ingest(out, result)
        evaluations = Evaluated()
        try:
            if evaluated:
                with counting(quiet=json) as bar:
                    evaluations = b.evaluate(key=eval_key, progress=bar)
        finally:
            # What was ingested is said even where the evaluation fails.
            if json:
                print_json(result.as_json() | evaluations.as_json())
    if not json:
        show_evaluations(out, evaluations)
    return result.exit_code


def _check_evaluation(binding: Binding, *, evaluated: bool, key: str | None, dry_run: bool) -> None:
    """Faults of the options, before anything is read."""
    if key is not None and not evaluated:
        raise ConfigError("--eval-key names the key of an evaluation.", remedy="Add --evaluate, or leave it out.")
    if evaluated and dry_run:
        raise ConfigError(
            "--evaluate stores its results in the dataset, and --dry-run changes nothing.",
            remedy="Leave out one of the two.",
        )
    if evaluated:
        binding.evaluation_keys(key)


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
