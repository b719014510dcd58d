"""``syncd media``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from syncd.cli.bars import counting
from syncd.cli.common import BindingArgument, ConfigOption, JsonOption, configuration, handled, out, print_json
from syncd.cli.places import s3_place
from syncd.cli.render.upload import show_upload
from syncd.media.upload import UploadOptions, upload_media

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
    settings = configuration(config)
    place = s3_place(to, "--to")
    with counting(quiet=json) as report:
        options = UploadOptions(place, dry_run=dry_run, rewrite=rewrite, root=root, progress=report)
        result = upload_media(settings, binding, options)
    if json:
        print_json(result.as_json())
    else:
        show_upload(out, result)
    return result.exit_code
