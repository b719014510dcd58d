"""``syncd report``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime, timezone
from enum import Enum
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from syncd.api import actions
from syncd.cli.common import (
    BindingsArgument,
    ConfigOption,
    JsonOption,
    chosen,
    configuration,
    err,
    handled,
    print_note,
    progress,
    standard_output,
)
from syncd.cli.render.values import escape
from syncd.cli.times import end, moment
from syncd.errors import ConfigError
from syncd.files import whole_file
from syncd.model import Direction
from syncd.report.formats import THUMBNAILS, Format, format_of

STDOUT = "-"


class Way(str, Enum):
    """The sides that a change can be written to."""

    TO_DATABASE = Direction.TO_DATABASE.value
    TO_FIFTYONE = Direction.TO_FIFTYONE.value


@handled
def report_command(
    bindings: BindingsArgument = None,
    config: ConfigOption = None,
    since: Annotated[str | None, typer.Option("--since", help="7d, last week, 2026-11-01 …", metavar="WHEN")] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="As --since; a day counts whole.", metavar="WHEN")
    ] = None,
    run: Annotated[str | None, typer.Option("--run", help="Only this run: its id, or how it begins.")] = None,
    actor: Annotated[str | None, typer.Option("--actor", help="Only what this person did.", metavar="NAME")] = None,
    label: Annotated[
        str | None, typer.Option("--label", help="Only where this label came or went.", metavar="LABEL")
    ] = None,
    field: Annotated[str | None, typer.Option("--field", help="Only this field.")] = None,
    direction: Annotated[
        Way | None, typer.Option("--direction", help="Only changes to this side.", show_choices=True)
    ] = None,
    form: Annotated[
        Format | None,
        typer.Option(
            "--format", "-f", help="[dim](default: what FILE ends in, else markdown)[/dim]", show_default=False
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where to write it [dim](default: standard output)[/dim].", metavar="FILE"),
    ] = None,
    title: Annotated[str | None, typer.Option("--title", help="What it is called.")] = None,
    thumbnails: Annotated[
        int, typer.Option("--thumbnails", min=0, help="html: at most so many pictures of what changed.")
    ] = THUMBNAILS,
    app_url: Annotated[
        str | None,
        typer.Option("--app-url", help="Link to the App there [dim](default: fiftyone.app_url)[/dim].", metavar="URL"),
    ] = None,
    spreadsheets: Annotated[
        bool,
        typer.Option("--safe-for-spreadsheets", help="csv: nothing in it is a formula; not exact any more."),
    ] = False,
    json: JsonOption = False,
) -> int:
    """Report what changed: totals, transitions, people, conflicts, and every change, for people or for programs."""
    settings = configuration(config)
    names = chosen(settings, bindings)
    wanted = _format(form, output, json=json)
    if spreadsheets and wanted is not Format.CSV:
        raise ConfigError(
            f"--safe-for-spreadsheets is about csv, and {wanted.value} is asked for.",
            remedy="Add --format csv, or leave it out.",
        )
    link = _app_url(app_url)
    now = datetime.now(timezone.utc)
    after, before = moment(since, now), end(until, now)
    if after is not None and before is not None and after >= before:
        raise ConfigError(
            "--since is not before --until: there is nothing between them.", remedy="Swap them, or leave one out."
        )
    with progress("report", quiet=output is None) as phase:
        found = actions.report(
            settings,
            names,
            since=after,
            until=before,
            run=run,
            actor=actor,
            label=label,
            field=field,
            direction=None if direction is None else direction.value,
            title=title,
            phase=phase,
        )
        for each in found.hints:
            print_note(each)
        _write(
            output,
            lambda file: found.write_to(
                file,
                wanted,
                thumbnails=thumbnails,
                app_url=link,
                safe_for_spreadsheets=spreadsheets,
                phase=phase,
            ),
            is_json=wanted is Format.JSON,
        )
    if output is not None and str(output) != STDOUT:
        err.print(f"Wrote [bold]{escape(str(output))}[/bold]: {found.content.totals.changes:,} applied changes.")
    for note in found.content.notes:
        print_note(note)
    return 0


def _format(form: Format | None, output: Path | None, *, json: bool) -> Format:
    """What was asked for; ``ConfigError`` where that contradicts itself."""
    if json and form not in (None, Format.JSON):
        raise ConfigError("--json and --format name two formats.", remedy="Give one of them.")
    to_file = output is not None and str(output) != STDOUT
    if json or form is not None:
        wanted = Format.JSON if form is None else form
    elif to_file and output is not None:
        named = format_of(output)
        if named is None:
            raise ConfigError(
                f"The name {output.name!r} does not say which format is meant.",
                remedy=f"Give --format {'|'.join(each.value for each in Format)}.",
            )
        wanted = named
    else:
        wanted = Format.MARKDOWN
    if not to_file and sys.stdout.isatty() and wanted in (Format.HTML, Format.PARQUET):
        raise ConfigError(f"A terminal cannot show {wanted.value}.", remedy=f"Give a file: -o report{wanted.ending}")
    return wanted


def _app_url(text: str | None) -> str | None:
    if text is not None and not text.startswith(("http://", "https://")):
        raise ConfigError(f"--app-url {text!r} is no web address.", remedy="Expected e.g. http://localhost:5151")
    return text


def _write(output: Path | None, write_to: Callable[[BinaryIO], None], *, is_json: bool) -> None:
    if output is None or str(output) == STDOUT:
        with standard_output(is_json=is_json) as file:
            write_to(file)
        return
    try:
        with whole_file(output) as file:
            write_to(file)
    except OSError as error:
        raise ConfigError(
            f"The report cannot be written to {output}: {error.strerror}.",
            remedy="Name a file that can be written, or leave -o out.",
        ) from error
