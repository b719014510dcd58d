"""``syncd recover``."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

from syncd.cli.common import ConfigOption, JsonOption, configuration, err, handled, out, print_json, progress
from syncd.cli.render.plan import show_plan
from syncd.cli.render.result import show_result
from syncd.cli.render.values import plural
from syncd.model import Side
from syncd.model.kinds import Json
from syncd.reconcile.mode import Pace
from syncd.reconcile.options import Options
from syncd.reconcile.result import change_json
from syncd.recover import Recovered, recover
from syncd.session import open_session


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
    with progress(name, quiet=json) as phase, open_session(settings, name) as session:
        options = Options(dry_run=dry_run, pace=Pace(settings.daemon.overlap), progress=phase)
        done = recover(session, Side(side.value), options, accept=accept)
    if json:
        print_json(_document(done))
    else:
        _show(done)
    return done.result.exit_code


def _document(done: Recovered) -> dict[str, Json]:
    """The documented form: that of a reconcile, with the side and what it was given."""
    return done.result.as_json() | {
        "side": done.side.value,
        "accepted": done.accepted,
        "changes": [change_json(each) for each in done.plan.changes],
        "left": [change_json(each) for each in done.left],
    }


def _show(done: Recovered) -> None:
    if done.result.dry_run and done.plan.changes:
        show_plan(out, done.plan)
    show_result(out, done.result)
    if done.left:
        many = plural(len(done.left), "change")
        out.print(f"  [yellow]{many} left alone:[/yellow] their columns in the database cannot be written.")
    for note in done.result.notes:
        err.print(f"[yellow]note:[/yellow] {note}")
