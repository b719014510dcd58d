"""``syncd suspects`` and ``syncd similar``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from syncd.cli.common import (
    BindingArgument,
    ConfigOption,
    JsonOption,
    configuration,
    err,
    handled,
    out,
    print_json,
    progress,
)
from syncd.cli.render.values import escape, plural, short_id
from syncd.errors import ConfigError

if TYPE_CHECKING:
    from syncd.api.embedding_results import AlikeList, Pair, SuspectList
    from syncd.config import Config

PAIRS = 10
"""Pairs of nearly equal pictures that are printed; the page and ``--json`` have more."""

TopOption = Annotated[int, typer.Option("--top", help="How many.", min=1, max=10_000)]
ModelOption = Annotated[
    str | None,
    typer.Option("--model", "-m", help="Whose vectors [dim](default: the binding's model)[/dim].", show_default=False),
]
OfOption = Annotated[
    str | None,
    typer.Option("--of", help="Vectors of samples or patches [dim](default: the binding's)[/dim].", show_default=False),
]
PageOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="Write the list with pictures, as HTML.", metavar="FILE", show_default=False),
]


@handled
def suspects_command(
    binding: BindingArgument,
    top: TopOption = 20,
    model: ModelOption = None,
    of: OfOption = None,
    output: PageOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List the labels that disagree most with what looks alike, the most suspect first.

    They are judged as they are now: after corrections only what these touch is judged again, and fields and the saved
    view suspect-labels in FiftyOne follow. No label is changed.
    """
    from syncd.api.embedding_results import suspects

    settings = configuration(config)
    with progress(binding, quiet=json) as phase:
        found = suspects(settings, binding, model=model, of=checked(of), top=top, phase=phase)
    _write(settings, found, output, quiet=json)
    if json:
        print_json(found.as_json())
    else:
        show_suspects(out, found)


@handled
def similar_command(
    binding: BindingArgument,
    asked: Annotated[
        str, typer.Argument(help="An image file, or an annotation's, sample's or label's id.", metavar="IMAGE|ID")
    ],
    top: TopOption = 20,
    model: ModelOption = None,
    of: OfOption = None,
    output: PageOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List what looks most like a picture. Changes nothing."""
    from syncd.api.embedding_results import similar

    settings = configuration(config)
    with progress(binding, quiet=json) as phase:
        found = similar(settings, binding, asked, model=model, of=checked(of), top=top, phase=phase)
    _write(settings, found, output, quiet=json)
    if json:
        print_json(found.as_json())
    else:
        show_alike(out, found)


def checked(of: str | None) -> str | None:
    """What ``--of`` says; ``ConfigError`` for what bears no vectors."""
    if of not in (None, "samples", "patches"):
        raise ConfigError(f"--of {of!r} is nothing that has vectors.", remedy="Give samples or patches.")
    return of


def _write(config: Config, found: SuspectList | AlikeList, output: Path | None, *, quiet: bool) -> None:
    from syncd.api.embedding_results import write_list

    if output is None:
        return
    try:
        write_list(config, found, output)
    except OSError as error:
        raise ConfigError(
            f"{output} cannot be written: {error.strerror or error}.", remedy="Give another file by --output."
        ) from error
    if not quiet:
        err.print(f"Wrote {escape(str(output))}.", soft_wrap=True)


def show_suspects(console: Console, found: SuspectList) -> None:
    """Prints how many there are, then the list, then pairs of pictures that are nearly the same."""
    left_out = f"; {found.not_judged:,} could not be judged" if found.not_judged else ""
    console.print(
        f"[bold]{escape(found.binding)}[/bold] · {escape(found.model)}: {found.suspects:,} of {found.judged:,} labels "
        f"disagree clearly with what looks alike{left_out}.",
        soft_wrap=True,
    )
    if len(found):
        table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 1))
        for heading, justify in (
            ("", "right"),
            ("suspect", "right"),
            ("annotation", "left"),
            ("label", "left"),
            ("neighbours say", "left"),
        ):
            table.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
        for number, each in enumerate(found, start=1):
            same = each.suggestion == each.label
            said = "[dim]the same[/dim]" if same else escape(each.suggestion or "–")
            identity = each.annotation_id or each.label_id or each.sample_id
            table.add_row(
                f"[dim]{number}[/dim]", f"{each.score:.2f}", escape(identity), escape(each.label or "–"), said
            )
        console.print(table)
    if found.duplicates:
        _show_pairs(console, found.duplicates)
    console.print(
        f"[dim]In the App: the saved view suspect-labels, or color by {escape(found.field)}.[/dim]", soft_wrap=True
    )


def _show_pairs(console: Console, pairs: tuple[Pair, ...]) -> None:
    console.print(f"\n[yellow]{plural(len(pairs), 'pair')} of nearly the same picture with different labels:[/yellow]")
    for each in pairs[:PAIRS]:
        one, two = (
            f"{short_id(side.annotation_id or side.label_id or side.sample_id)} {escape(side.label or '–')}"
            for side in (each.first, each.second)
        )
        console.print(f"  {one}  =  {two}  [dim]{each.similarity:.3f}[/dim]", soft_wrap=True)
    if len(pairs) > PAIRS:
        console.print(f"  [dim]and {len(pairs) - PAIRS:,} more: --output FILE or --json has them[/dim]")


def show_alike(console: Console, found: AlikeList) -> None:
    """Prints the list."""
    console.print(
        f"[bold]{escape(found.binding)}[/bold] · {escape(found.model)}: most like {escape(found.asked)}", soft_wrap=True
    )
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 1))
    for heading, justify in (
        ("", "right"),
        ("similarity", "right"),
        ("annotation", "left"),
        ("label", "left"),
        ("sample", "left"),
    ):
        table.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for number, each in enumerate(found, start=1):
        identity = escape(each.annotation_id or each.label_id or "–")
        table.add_row(
            f"[dim]{number}[/dim]",
            f"{each.similarity:.3f}",
            identity,
            escape(each.label or "–"),
            escape(each.sample_id),
        )
    console.print(table)
