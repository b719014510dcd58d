"""``syncd vocabulary``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from syncd.api.html import shown
from syncd.cli.common import (
    BindingArgument,
    ConfigOption,
    JsonOption,
    handled,
    opened,
    out,
    phases,
    print_json,
    print_note,
)
from syncd.cli.proposals import app as proposals_app
from syncd.cli.render.values import escape, plural
from syncd.engine.vocabulary_fix import Fix
from syncd.errors import ConfigError
from syncd.vocabulary.check import Checked, Stray
from syncd.vocabulary.push import Pushed
from syncd.vocabulary.schema import LeftOut

app = typer.Typer(help="The terms that a label may be.", no_args_is_help=True, rich_markup_mode="rich")
app.add_typer(proposals_app, name="proposals")


@app.command(epilog="Example: syncd vocabulary check planktivore --fix -o fix.json")
@handled
def check(
    binding: BindingArgument,
    config: ConfigOption = None,
    fix: Annotated[
        bool,
        typer.Option(
            "--fix", help="Make a plan of the safe corrections: aliases, and what differs by case, spaces, separators."
        ),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Where --fix saves the plan [dim](default: BINDING-vocabulary.json)[/dim].",
            metavar="PLAN",
            show_default=False,
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Let the plan that --fix makes pass the brakes. Look at it first.")
    ] = False,
    json: JsonOption = False,
) -> int:
    """Which labels in use, on either side, are not in the vocabulary. Changes nothing."""
    if (output is not None or force) and not fix:
        raise ConfigError("-o and --force are about the plan that --fix makes.", remedy="Add --fix, or leave them out.")
    with opened(binding, config) as b:
        path = output or Path(f"{b.name}-vocabulary.json")
        with phases(binding, quiet=json) as told:
            done = b.check_vocabulary(fix=path if fix else None, force=force, progress=told)
    if json:
        print_json(done.as_json())
    else:
        show_checked(out, done.found)
        if done.fix is not None:
            show_fix(out, done.fix, path)
    return done.exit_code


@app.command(epilog="Example: syncd vocabulary push planktivore")
@handled
def push(binding: BindingArgument, config: ConfigOption = None, json: JsonOption = False) -> int:
    """Offer these terms, and no others, in FiftyOne's annotation."""
    with opened(binding, config) as b, phases(binding, quiet=json) as told:
        done = b.push_vocabulary(progress=told)
    if json:
        print_json(done.as_json())
    else:
        show_pushed(out, done.binding, done.pushed, done.labels)
        for note in done.notes:
            print_note(note)
    return 0


MOST_ROWS = 50


def show_checked(console: Console, found: Checked) -> None:
    """The labels that are not in the vocabulary, the most frequent first, and what is wrong with the vocabulary."""
    console.print(f"[bold]{escape(found.binding)}[/bold]: {plural(found.terms, 'term')}, {found.unused:,} not in use.")
    if found.strays:
        console.print(_strays(found.strays[:MOST_ROWS]))
        if len(found.strays) > MOST_ROWS:
            console.print(f"  [dim]and {len(found.strays) - MOST_ROWS:,} more; --json has them all[/dim]")
    if found.no_text:
        console.print(
            f"[red]{plural(found.no_text, 'label')} in FiftyOne {'is' if found.no_text == 1 else 'are'} no text[/red] "
            "(a date or a number): [bold]syncd doctor[/bold] tells which."
        )
    _poison(console, found.poison)
    for note in found.notes:
        console.print(f"[yellow]note:[/yellow] {escape(note)}", soft_wrap=True)
    if found.unknown:
        console.print(f"{plural(len(found.unknown), 'label')} in use {_is(found.unknown)} not in the vocabulary.")
        if found.meant:
            console.print("[dim]syncd vocabulary check --fix makes a plan of those that are certain.[/dim]")
    elif not found.exit_code:
        console.print("Every label in use is in the vocabulary.")


def _is(labels: Sequence[Stray]) -> str:
    return "is" if len(labels) == 1 else "are"


def _strays(strays: Sequence[Stray]) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 1))
    table.add_column("label")
    table.add_column("FiftyOne", justify="right")
    table.add_column("database", justify="right")
    table.add_column("")
    for each in strays:
        label = f"[yellow]{escape(shown(each.label))}[/yellow]"
        table.add_row(label, f"{each.fiftyone:,}", f"{each.database:,}", _meaning(each))
    return table


def _meaning(stray: Stray) -> str:
    if stray.means is not None:
        how = "is an alias of" if stray.is_alias else "can only be"
        return f"{how} [green]{escape(shown(stray.means))}[/green]"
    if not stray.nearest:
        return "[dim]like no term[/dim]"
    return "perhaps " + ", ".join(f"[cyan]{escape(shown(each))}[/cyan]" for each in stray.nearest)


def _poison(console: Console, poison: Sequence[LeftOut]) -> None:
    for each in poison:
        console.print(f"[red]never pushed:[/red] {escape(repr(each.term))}: {escape(each.why)}", soft_wrap=True)


def show_fix(console: Console, fix: Fix, path: Path) -> None:
    """What the plan would change, what it leaves, and where it is."""
    for why, count in fix.left.items():
        console.print(f"[dim]left as {'it is' if count == 1 else 'they are'}:[/dim] {count:,} ({escape(why)})")
    if fix.plan.is_empty:
        console.print("There is nothing to correct for certain: no plan was made.")
        return
    name = escape(str(path))
    console.print(
        f"Saved a plan of {plural(len(fix.plan.changes), 'change')} to [bold]{name}[/bold]. "
        f"Apply it with [bold]syncd apply {name}[/bold].",
        soft_wrap=True,
    )


def show_pushed(console: Console, binding: str, pushed: Pushed, labels: int) -> None:
    """Whether FiftyOne offers something else now, and what was left out."""
    form = "as a tree" if pushed.kind == "taxonomy" else "as a list"
    offered = plural(labels - len(pushed.left_out), "class", "classes")
    done = "now offers" if pushed.changed else "offers already"
    console.print(f"[bold]{escape(binding)}[/bold]: FiftyOne {done} {offered}, {form}.")
    if pushed.deprecated:
        terms = ", ".join(map(shown, pushed.deprecated))
        console.print(f"No longer offered, and valid where in use: {escape(terms)}.", soft_wrap=True)
    _poison(console, pushed.left_out)
