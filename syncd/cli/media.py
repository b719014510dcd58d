"""``syncd media``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from syncd.cli.common import BindingArgument, ConfigOption, JsonOption, handled, opened, out, print_json
from syncd.cli.progress_bar import counting
from syncd.cli.render.values import escape, plural
from syncd.config.kinds import s3_place
from syncd.ingest.media.transfer import UploadResult

app = typer.Typer(help="Media: where the samples' files are.", no_args_is_help=True, rich_markup_mode="rich")


@app.command(epilog="Example: syncd media upload planktivore --to s3://plankton/highmag --dry-run")
@handled
def upload(
    binding: BindingArgument,
    to: Annotated[str, typer.Option("--to", help="Where they go.", metavar="s3://BUCKET/PREFIX")],
    config: ConfigOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")] = False,
    rewrite: Annotated[
        bool | None,
        typer.Option(
            "--rewrite/--no-rewrite",
            help="Have the samples point to S3 [dim](default: with FiftyOne Enterprise only, since the open-source "
            "version cannot show such images)[/dim].",
            show_default=False,
        ),
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(
            "--root",
            help="The folder that keys are relative to [dim](default: ingest.media if it is a folder, else the one "
            "that all files share)[/dim].",
            metavar="FOLDER",
            show_default=False,
        ),
    ] = None,
    json: JsonOption = False,
) -> int:
    """Upload the local files of a dataset to S3 and rewrite the samples' paths. Repeat it to go on where it stopped.

    Each object's size and checksum are compared with the file's before a path is changed. An object that is there
    with other content is never replaced.
    """
    with opened(binding, config) as b:
        place = s3_place(to, "--to")
        with counting(quiet=json) as bar:
            result = b.upload_media(place, dry_run=dry_run, rewrite=rewrite, root=root, progress=bar)
    if json:
        print_json(result.as_json())
    else:
        show_upload(out, result)
    return result.exit_code


LISTED = 20
"""Files that failed and are named; ``--json`` has them all."""


def show_upload(console: Console, result: UploadResult) -> None:
    """Prints the outcome of one upload."""
    name = f"[bold]{escape(result.binding)}[/bold]"
    if not (result.sent or result.present or result.failed):
        console.print(f"{name}: nothing to do, none of {plural(result.samples, 'sample')} points to a local file.")
        return
    would = "would be " if result.dry_run else ""
    size = f"{result.sent_bytes / 1e6:,.1f} MB"
    parts = [f"{plural(result.sent, 'file')} ({size}) {would}uploaded to {escape(result.to)}"]
    parts.append(f"{result.present:,} there already")
    if result.elsewhere:
        parts.append(f"{plural(result.elsewhere, 'sample')} without a local file")
    console.print(f"{name}: " + ", ".join(parts) + f" ({result.seconds:.1f} s).", soft_wrap=True)
    _show_rewrite(console, result)
    if result.failed:
        console.print(f"  [red]{plural(len(result.failed), 'file')} failed:[/red]")
        for each in result.failed[:LISTED]:
            console.print(f"    {escape(each.reason)}", soft_wrap=True)
        if len(result.failed) > LISTED:
            console.print(f"    and {len(result.failed) - LISTED:,} more: --json lists them all")


def _show_rewrite(console: Console, result: UploadResult) -> None:
    paths = plural(result.to_rewrite, "sample")
    if result.dry_run and result.rewrite:
        console.print(f"  The paths of {paths} would be rewritten. Nothing was changed.", soft_wrap=True)
    elif result.rewrite:
        console.print(f"  The paths of {plural(result.rewritten, 'sample')} were rewritten.", soft_wrap=True)
        if result.overtaken:
            console.print(
                f"  [yellow]{plural(result.overtaken, 'sample')} had got another path meanwhile; "
                "call it again.[/yellow]",
                soft_wrap=True,
            )
    elif result.to_rewrite:
        console.print(
            f"  No path was rewritten: the open-source FiftyOne cannot read S3. [bold]--rewrite[/bold] would rewrite "
            f"those of {paths}.",
            soft_wrap=True,
        )
        if result.refusal is not None:
            console.print(f"  [yellow]It would be refused:[/yellow] {escape(result.refusal)}", soft_wrap=True)
