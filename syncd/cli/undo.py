"""``syncd undo``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from syncd.api import actions, queries
from syncd.cli.common import (
    ConfigOption,
    JsonOption,
    chosen,
    configuration,
    handled,
    out,
    print_json,
    print_note,
    progress,
)
from syncd.cli.reconcile import worst
from syncd.cli.render.plan import show_plan
from syncd.cli.render.result import show_result
from syncd.cli.render.values import escape, plural, short_id
from syncd.cli.times import moment
from syncd.diff.net_changes import Left
from syncd.engine.undo import Undone
from syncd.errors import ConfigError


@handled
def undo_changes(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            help="A run (its id, or how it begins) or the number of a change, from `syncd log`; then, or with --since, "
            "bindings.",
            metavar="RUN|CHANGE [BINDING...]",
            show_default=False,
        ),
    ] = None,
    config: ConfigOption = None,
    since: Annotated[
        str | None, typer.Option("--since", help="All since then: 7d, 12h, 2026-11-01 …", metavar="WHEN")
    ] = None,
    actor: Annotated[str | None, typer.Option("--actor", help="Only what this person did.", metavar="NAME")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the inverse; change nothing.")] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Save the inverse for `syncd apply`; changes nothing.", metavar="PLAN"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Release the brakes, once.")] = False,
    note: Annotated[str | None, typer.Option("--note", help="Why, for the log.", metavar="TEXT")] = None,
    json: JsonOption = False,
) -> int:
    """Take back what was applied, on both sides. What has been changed again since is left alone and named."""
    settings = configuration(config)
    target, bindings = _target(what or [], since)
    names = chosen(settings, bindings)
    after = moment(since, datetime.now(timezone.utc))
    entries, hints = queries.undoable(settings, names, target=target, since=after, actor=actor)
    for hint in hints:
        print_note(hint)
    if not entries:
        raise ConfigError("No applied change matches; there is nothing to take back.", remedy=queries.UNDO_REMEDY)
    dry_run = dry_run or output is not None
    done: list[Undone] = []
    for name in dict.fromkeys(each["binding"] for each in entries):
        mine = [each for each in entries if each["binding"] == name]
        with progress(name, quiet=json) as phase:
            done.append(actions.undo(settings, name, mine, dry_run=dry_run, force=force, note=note, phase=phase))
    if output is not None:
        actions.save_undone(done, output, forced=force)
    if json:
        print_json({"dry_run": dry_run, "bindings": [each.as_json() for each in done]})
    else:
        for each in done:
            show_undone(out, each, saved=output)
    return worst([each.exit_code for each in done])


def _target(what: Sequence[str], since: str | None) -> tuple[str | None, list[str]]:
    """(run or change, bindings) that are meant."""
    if since is not None:
        return None, list(what)
    if not what:
        raise ConfigError(
            "What is to be taken back? Neither a run nor a change nor --since says.", remedy=queries.UNDO_REMEDY
        )
    return what[0], list(what[1:])


SHOWN = 20
"""Changes printed of those that were left alone; all of them are in ``--json``."""


def show_undone(console: Console, undone: Undone, *, saved: Path | None = None) -> None:
    """Prints the inverse of a dry run, or the outcome; then everything that was left alone, and why."""
    name = f"[bold]{escape(undone.plan.binding)}[/bold]"
    if undone.result is None:
        console.print(f"{name}: nothing was taken back.")
    elif undone.result.dry_run:
        show_plan(console, undone.plan)
        show_result(console, undone.result)
        if saved is not None:
            file = escape(str(saved))
            console.print(f"Saved to [bold]{file}[/bold]. Apply it with [bold]syncd apply {file}[/bold].")
    else:
        show_result(console, undone.result)
    _show_left(console, undone.left)


def _show_left(console: Console, left: Sequence[Left]) -> None:
    if left:
        console.print(f"  [yellow]{plural(len(left), 'change')} left alone:[/yellow]")
    for each in left[:SHOWN]:
        about = " ".join([short_id(each.annotation_id), *([escape(each.field)] if each.field else [])])
        console.print(f"    [dim]{each.seq}[/dim] {about}: {escape(each.why)}", soft_wrap=True)
    if len(left) > SHOWN:
        console.print(f"    [dim]… and {len(left) - SHOWN:,} more (all of them with --json)[/dim]")
