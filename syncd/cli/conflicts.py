"""``syncd conflicts``."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated

import typer

from syncd.cli.common import (
    BindingsArgument,
    ConfigOption,
    JsonOption,
    chosen,
    configuration,
    handled,
    out,
    print_json,
)
from syncd.cli.render.conflicts import show_conflict, show_conflicts
from syncd.cli.state import open_state
from syncd.errors import ConfigError
from syncd.store import conflicts

app = typer.Typer(help="Conflicts: what a person must decide.", no_args_is_help=True, rich_markup_mode="rich")


@app.command("list", epilog="Example: syncd conflicts list planktivore --kind edit_edit")
@handled
def list_conflicts(
    bindings: BindingsArgument = None,
    config: ConfigOption = None,
    kind: Annotated[str | None, typer.Option("--kind", help="Only of this kind.", metavar="KIND")] = None,
    field: Annotated[str | None, typer.Option("--field", help="Only of this field.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
    json: JsonOption = False,
) -> None:
    """List the open conflicts, the oldest first."""
    settings = configuration(config)
    with open_state(settings) as state:
        found = conflicts.query(
            state.connection,
            state.tables,
            bindings=chosen(settings, bindings),
            kind=kind,
            field=field,
            status=None if everything else conflicts.OPEN,
        )
    if json:
        print_json({"conflicts": found})
    else:
        show_conflicts(out, found, datetime.now(timezone.utc))


@app.command("show", epilog="Example: syncd conflicts show 12")
@handled
def show(
    ids: Annotated[list[int], typer.Argument(help="Ids from `syncd conflicts list`.", metavar="ID...")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show conflicts in full: base, both values, since when."""
    settings = configuration(config)
    with open_state(settings) as state:
        found = conflicts.query(state.connection, state.tables, ids=ids, status=None)
    missing = sorted(set(ids) - {each["id"] for each in found})
    if missing:
        raise ConfigError(
            f"There is no conflict {', '.join(map(str, missing))}.", remedy="`syncd conflicts list` shows them."
        )
    if json:
        print_json({"conflicts": found})
        return
    for each in found:
        show_conflict(out, each)
