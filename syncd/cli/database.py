"""``syncd database``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer
from sqlalchemy import Connection

from syncd.adapters.connect import open_database
from syncd.adapters.sql.mapping import table_mapping
from syncd.cli.common import (
    BindingArgument,
    BindingsArgument,
    ConfigOption,
    JsonOption,
    chosen,
    configuration,
    handled,
    out,
    print_json,
    print_note,
    print_text,
)
from syncd.cli.render.values import escape
from syncd.config import Config
from syncd.doctor.grants import as_text, grants
from syncd.engine.session import require_table
from syncd.errors import ConfigError
from syncd.store.capture_install import Script, carry_out, plan_install, plan_remove
from syncd.store.capture_target import Target, find_target
from syncd.store.migrate import require_current
from syncd.store.tables import Tables, tables_for

app = typer.Typer(help="What syncd may have and do in the database.", no_args_is_help=True, rich_markup_mode="rich")

DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Print the SQL and run none of it.")]


@app.command("install-capture", epilog="Example: syncd database install-capture planktivore --dry-run")
@handled
def install_capture(
    binding: BindingArgument, config: ConfigOption = None, dry_run: DryRunOption = False, json: JsonOption = False
) -> None:
    """Have triggers on the table record what changes and wake syncd; this takes the place of updated_at."""
    settings = configuration(config)
    script = _run(settings, binding, plan_install, dry_run=dry_run)
    if json:
        print_json({"binding": binding, "dry_run": dry_run, **script.as_json()})
    elif dry_run:
        _show(script, "Change capture is installed already.")
    elif not script.statements:
        out.print(f"Change capture of {escape(script.target.identity)} is installed already.")
    else:
        out.print(f"Changes of {escape(script.target.identity)} are captured from now on.", soft_wrap=True)
    for note in _notes(settings, binding, script.target):
        print_note(note)


@app.command("remove-capture", epilog="Example: syncd database remove-capture planktivore")
@handled
def remove_capture(
    binding: BindingArgument, config: ConfigOption = None, dry_run: DryRunOption = False, json: JsonOption = False
) -> None:
    """Take the triggers away again; syncd goes by updated_at then, or reads everything."""
    settings = configuration(config)
    script = _run(settings, binding, lambda connection, _, target: plan_remove(connection, target), dry_run=dry_run)
    if json:
        print_json({"binding": binding, "dry_run": dry_run, **script.as_json()})
    elif dry_run:
        _show(script, "There is nothing to remove.")
    elif not script.statements:
        out.print(f"There is no change capture on {escape(script.target.identity)}.")
    else:
        out.print(f"Changes of {escape(script.target.identity)} are not captured any more.", soft_wrap=True)
        table = settings.binding(binding).table
        others = [each.name for each in settings.bindings if each.table == table and each.name != binding]
        if others:
            print_note(f"this goes for {', '.join(others)} too.")


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
    found = grants(settings, chosen(settings, bindings), role)
    if json:
        print_json([each.as_json() for each in found])
    else:
        print_text(as_text(found))


def _run(settings: Config, name: str, plan: Callable[[Connection, Tables, Target], Script], *, dry_run: bool) -> Script:
    binding = settings.binding(name)
    require_table(binding, "Change capture")
    if settings.state.url is not None:
        raise ConfigError(
            "Change capture needs syncd's own tables in the database of the annotations; `state.url` names another.",
            remedy="Leave it: syncd polls by `columns.updated_at`.",
        )
    schema = settings.state.schema_name
    with open_database(settings.database.url.get_secret_value()) as connection:
        try:
            target = find_target(connection, binding.table, binding.columns.id.name, schema, table_mapping(binding))
            require_current(connection, schema)
            script = plan(connection, tables_for(connection, schema), target)
            if not dry_run:
                carry_out(connection, script)
        finally:
            connection.engine.dispose()
    return script


def _notes(settings: Config, name: str, target: Target) -> list[str]:
    binding = settings.binding(name)
    notes = []
    if binding.read_from != binding.table:
        notes.append(
            f"Only changes of {target.identity} are captured; what else `read` shows is seen by the complete sweep "
            "(`daemon.full_scan_interval`)."
        )
    if target.partitioned:
        notes.append("Rows written to a partition by its own name are seen by the complete sweep only.")
    return notes


def _show(script: Script, nothing: str) -> None:
    print_text(f"{script.text or f'-- {nothing}'}\n")
