"""``syncd embed``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from syncd.cli.common import BindingArgument, ConfigOption, JsonOption, handled, opened, out, print_json
from syncd.cli.progress_bar import counting
from syncd.cli.progress_lines import duration
from syncd.cli.render.values import escape, plural

if TYPE_CHECKING:
    from syncd.embedding_results.update import Results
    from syncd.embedding_vectors.run import Vectors

LISTED = 20
"""Images that failed and are named; ``--json`` has them all."""


@handled
def embed_command(
    binding: BindingArgument,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            help="A model of the configuration, or a published one [dim](default: the binding's)[/dim].",
            show_default=False,
        ),
    ] = None,
    view: Annotated[
        str | None, typer.Option("--view", help="Only what this saved view shows.", show_default=False)
    ] = None,
    tag: Annotated[
        str | None, typer.Option("--tag", help="Only samples, or labels, with this tag.", show_default=False)
    ] = None,
    of: Annotated[
        str | None,
        typer.Option(
            "--of",
            help="Of what: samples or patches [dim](default: as configured, else samples)[/dim].",
            show_default=False,
        ),
    ] = None,
    only_new: Annotated[
        bool, typer.Option("--only-new", help="Leave vectors alone that are there, outdated or not.")
    ] = False,
    layout: Annotated[
        bool | None, typer.Option("--layout/--no-layout", help="A map of them in the App.", show_default=False)
    ] = None,
    similarity: Annotated[
        bool | None,
        typer.Option("--similarity/--no-similarity", help="Sorting by similarity in the App.", show_default=False),
    ] = None,
    suspects: Annotated[
        bool | None,
        typer.Option("--suspects/--no-suspects", help="Labels that their neighbours contradict.", show_default=False),
    ] = None,
    clusters: Annotated[bool, typer.Option("--clusters", help="Clusters, as a field.")] = False,
    refit: Annotated[bool, typer.Option("--refit", help="Make the layout anew: every point moves.")] = False,
    device: Annotated[
        str | None,
        typer.Option(
            "--device", help="auto, cpu, cuda or cuda:N [dim](default: as configured)[/dim].", show_default=False
        ),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            "--ray", help="Work on a Ray cluster: its address, or local.", metavar="ADDRESS", show_default=False
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say how many vectors there are to make, and how long it takes.")
    ] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> int:
    """Make vectors of what is new or changed, and bring layout, similarity and suspects in the App up to date.

    Repeat it as often as you like: what is up to date costs nothing, and a call that was killed goes on where it was.
    """
    with opened(binding, config) as b, counting(quiet=json) as bar:
        done = b.embed(
            model=model,
            of=_of(of),
            view=view,
            tag=tag,
            only_new=only_new,
            layout=layout,
            similarity=similarity,
            suspects=suspects,
            clusters=clusters,
            refit=refit,
            device=device,
            ray=ray,
            dry_run=dry_run,
            progress=bar,
        )
    if json:
        print_json(done.as_json())
    else:
        show_vectors(out, done.vectors)
        if done.results is not None:
            show_results(out, done.results)
    return done.exit_code


def _of(text: str | None) -> str | None:
    from syncd.errors import ConfigError

    if text not in (None, "samples", "patches"):
        raise ConfigError(f"--of {text!r} is nothing that has vectors.", remedy="Give samples or patches.")
    return text


def show_vectors(console: Console, made: Vectors) -> None:
    """Prints what became of the vectors: first how many, then by what, then what failed."""
    name = f"[bold]{escape(made.binding)}[/bold] · {escape(made.model)}"
    kind = "patch" if made.of == "patches" else "sample"
    reasons = [
        f"{count:,} {word}"
        for count, word in ((made.new, "new"), (made.changed, "with other bytes"), (made.moved, "with another box"))
        if count
    ]
    why = f" ({', '.join(reasons)})" if reasons else ""
    rest = f"{made.unchanged:,} up to date"
    if made.dry_run:
        takes = f", about {duration(made.seconds or 0)}" if made.to_do else ""
        console.print(f"{name}: {_count(made.to_do, kind)} to embed{why}{takes}; {rest}. Nothing was changed.")
    elif not made.to_do:
        console.print(f"{name}: nothing to embed, {rest} ({made.seconds or 0:.1f} s).")
    else:
        seconds = made.seconds or 0
        rate = f", {made.embedded / seconds:,.1f}/s" if seconds and made.embedded else ""
        console.print(f"{name}: {_count(made.embedded, kind)} embedded{why}; {rest} ({seconds:.1f} s{rate}).")
    if made.runtime is not None:
        exact = "" if made.deviation is None else f", 1 − cosine to float32 at most {made.deviation:.1g}"
        console.print(f"  by {escape(made.runtime)} on {escape(made.device or '')}{exact}")
    if made.gone:
        was = "would be dropped" if made.dry_run else "dropped"
        console.print(f"  {plural(made.gone, 'vector')} {was}: they are of what is no longer in the dataset")
    for note in made.notes:
        console.print(f"  [yellow]{escape(note)}[/yellow]", soft_wrap=True)
    if made.failed:
        console.print(f"  [red]{_count(len(made.failed), kind)} could not be embedded:[/red]")
        for each in made.failed[:LISTED]:
            console.print(f"    {escape(str(each))}", soft_wrap=True)
        if len(made.failed) > LISTED:
            console.print(f"    and {len(made.failed) - LISTED:,} more: --json lists them all")


def _count(number: int, kind: str) -> str:
    return f"{number:,} patches" if kind == "patch" and number != 1 else plural(number, kind)


def show_results(console: Console, made: Results) -> None:
    """Prints what FiftyOne has of the vectors now."""
    if made.layout is not None:
        layout = made.layout
        moved = "written" if layout.written else "unchanged"
        console.print(f"  layout [bold]{escape(layout.brain_key)}[/bold]: {plural(layout.points, 'point')}, {moved}")
    if made.similarity is not None:
        console.print(f"  similarity [bold]{escape(made.similarity)}[/bold]")
    if made.suspects is not None:
        found = made.suspects
        console.print(
            f"  [bold]{escape(found.field)}[/bold]: {found.suspects:,} of {plural(found.judged, 'label')} suspect"
            f" (saved view suspect-labels)"
        )
    if made.clusters is not None:
        console.print(f"  {plural(made.clusters, 'cluster')}")
    for note in made.notes:
        console.print(f"  [yellow]{escape(note)}[/yellow]", soft_wrap=True)
