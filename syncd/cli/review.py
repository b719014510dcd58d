"""``syncd review``."""

from __future__ import annotations

from datetime import datetime, timezone

import typer

from syncd.api import queries
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

app = typer.Typer(help="Review: what waits for a person in FiftyOne.", no_args_is_help=True, rich_markup_mode="rich")


@app.callback()
def review() -> None:
    """Review: what waits for a person in FiftyOne."""


@app.command("list", epilog="Example: syncd review list planktivore --json")
@handled
def list_waiting(bindings: BindingsArgument = None, config: ConfigOption = None, json: JsonOption = False) -> None:
    """List the edits that wait for an approving tag, and the annotations that bear an error tag."""
    settings = configuration(config)
    found = queries.waiting(settings, chosen(settings, bindings))
    if json:
        print_json(found.as_json())
    else:
        show_waiting(out, found, datetime.now(timezone.utc))
