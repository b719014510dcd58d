"""``syncd why``."""

from __future__ import annotations

from typing import Annotated

import typer

from syncd.api import why as api
from syncd.cli.common import ConfigOption, JsonOption, chosen, configuration, handled, out, print_json, progress
from syncd.cli.render.why import show_why


@handled
def why(
    annotation_id: Annotated[
        str, typer.Argument(help="An annotation id, as the database has it.", metavar="ID", show_default=False)
    ],
    config: ConfigOption = None,
    binding: Annotated[
        str | None, typer.Option("--binding", help="Where it is known in several bindings.", metavar="BINDING")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show everything about one annotation: both sides, what was agreed, the rule that decides now, and its history.

    And why it is not synced, where it is not. Changes nothing.
    """
    settings = configuration(config)
    names = chosen(settings, None if binding is None else [binding])
    with progress("why", quiet=json) as phase:
        phase("looking at both sides")
        name = names[0] if len(names) == 1 else api.binding_of(settings, names, annotation_id)
        found = api.why(settings, name, annotation_id)
    if json:
        print_json(found.as_json())
    else:
        show_why(out, found)
