"""``syncd review``."""

from __future__ import annotations

from datetime import datetime, timezone

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
from syncd.cli.render.review import show_waiting
from syncd.state import open_state
from syncd.store import waiting

app = typer.Typer(help="Review: what waits for a person in FiftyOne.", no_args_is_help=True, rich_markup_mode="rich")


@app.callback()
def review() -> None:
    """Review: what waits for a person in FiftyOne."""


@app.command("list", epilog="Example: syncd review list planktivore --json")
@handled
def list_waiting(bindings: BindingsArgument = None, config: ConfigOption = None, json: JsonOption = False) -> None:
    """List the edits that wait for an approving tag, and the annotations that bear an error tag."""
    settings = configuration(config)
    with open_state(settings) as state:
        found = waiting.query(state.connection, state.tables, bindings=chosen(settings, bindings))
    if json:
        print_json({"waiting": found})
    else:
        show_waiting(out, found, datetime.now(timezone.utc))
