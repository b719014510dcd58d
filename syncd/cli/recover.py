"""``syncd recover``."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

from syncd.api import actions
from syncd.cli.common import ConfigOption, JsonOption, configuration, err, handled, out, print_json, progress
from syncd.cli.render.plan import show_plan
from syncd.cli.render.result import show_result
from syncd.cli.render.values import plural
from syncd.engine.recover import Recovered
from syncd.model import Side


class _Side(str, Enum):
    """How the sides are named on the command line."""

    FIFTYONE = Side.FIFTYONE.value
    DATABASE = Side.DATABASE.value


@handled
def recover_command(
    binding: Annotated[str, typer.Argument(help="The binding that is held.", metavar="BINDING", show_default=False)],
    side: Annotated[_Side, typer.Option("--side", help="The side that went back in time.", show_default=False)],
    config: ConfigOption = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Take the side as it is: the other one follows it, by the policies.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan; change nothing.")] = False,
    json: JsonOption = False,
) -> int:
    """Bring a side forward again that went back in time (a backup was restored), or take it as it is."""
    settings = configuration(config)
    name = settings.binding(binding).name
    with progress(name, quiet=json) as phase:
        done = actions.recover(settings, name, Side(side.value), accept=accept, dry_run=dry_run, phase=phase)
    if json:
        print_json(done.as_json())
    else:
        _show(done)
    return done.result.exit_code


def _show(done: Recovered) -> None:
    if done.result.dry_run and done.plan.changes:
        show_plan(out, done.plan)
    show_result(out, done.result)
    if done.left:
        many = plural(len(done.left), "change")
        out.print(f"  [yellow]{many} left alone:[/yellow] their columns in the database cannot be written.")
    for note in done.result.notes:
        err.print(f"[yellow]note:[/yellow] {note}")
