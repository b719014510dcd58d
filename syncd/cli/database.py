"""``syncd database``."""

from __future__ import annotations

from typing import Annotated

import typer

from syncd.api.installation import grants
from syncd.api.upkeep import CaptureScript
from syncd.cli.common import (
    BindingArgument,
    BindingsArgument,
    ConfigOption,
    JsonOption,
    chosen,
    configuration,
    handled,
    opened,
    out,
    print_json,
    print_note,
    print_text,
)
from syncd.cli.render.values import escape

app = typer.Typer(help="What syncd may have and do in the database.", no_args_is_help=True, rich_markup_mode="rich")

DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Print the SQL and run none of it.")]


@app.command("install-capture", epilog="Example: syncd database install-capture planktivore --dry-run")
@handled
def install_capture(
    binding: BindingArgument, config: ConfigOption = None, dry_run: DryRunOption = False, json: JsonOption = False
) -> None:
    """Have triggers on the table record what changes and wake syncd; this takes the place of updated_at."""
    with opened(binding, config) as b:
        done = b.install_capture(dry_run=dry_run)
    if json:
        print_json(done.as_json())
    elif dry_run:
        _show(done, "Change capture is installed already.")
    elif not done.statements:
        out.print(f"Change capture of {escape(done.table)} is installed already.")
    else:
        out.print(f"Changes of {escape(done.table)} are captured from now on.", soft_wrap=True)
    for note in done.notes:
        print_note(note)


@app.command("remove-capture", epilog="Example: syncd database remove-capture planktivore")
@handled
def remove_capture(
    binding: BindingArgument, config: ConfigOption = None, dry_run: DryRunOption = False, json: JsonOption = False
) -> None:
    """Take the triggers away again; syncd goes by updated_at then, or reads everything."""
    with opened(binding, config) as b:
        done = b.remove_capture(dry_run=dry_run)
    if json:
        print_json(done.as_json())
    elif dry_run:
        _show(done, "There is nothing to remove.")
    elif not done.statements:
        out.print(f"There is no change capture on {escape(done.table)}.")
    else:
        out.print(f"Changes of {escape(done.table)} are not captured any more.", soft_wrap=True)
        if done.others:
            print_note(f"this goes for {', '.join(done.others)} too.")


@app.command("grants", epilog="Example: syncd database grants --role syncd | psql annotations")
@handled
def grants_command(
    bindings: BindingsArgument = None,
    config: ConfigOption = None,
    role: Annotated[
        str | None,
        typer.Option(
            "--role", help="Name of syncd's role [dim](default: the user of database.url)[/dim].", show_default=False
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Print the least rights that syncd needs, as SQL. Changes nothing."""
    settings = configuration(config)
    found = grants(settings, chosen(settings, bindings), role=role)
    if json:
        print_json(found.as_json())
    else:
        print_text(found.text)


def _show(done: CaptureScript, nothing: str) -> None:
    print_text(f"{done.script.text or f'-- {nothing}'}\n")
