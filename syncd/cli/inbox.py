"""``syncd inbox``."""

from __future__ import annotations

from threading import Event
from typing import Annotated

import typer

from syncd.cli.bars import counting
from syncd.cli.common import (
    DONE,
    BindingArgument,
    ConfigOption,
    JsonOption,
    configuration,
    err,
    handled,
    out,
    print_json,
    print_json_lines,
    show_error,
)
from syncd.cli.render.inbox import show_inbox, show_watching
from syncd.config import Config
from syncd.inbox.result import InboxResult
from syncd.inbox.run import InboxOptions, empty_inbox, inbox_of
from syncd.inbox.watch import InboxWatcher


@handled
def inbox_command(
    binding: BindingArgument,
    config: ConfigOption = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on watching until Ctrl-C.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen; change nothing.")] = False,
    json: JsonOption = False,
) -> int:
    """Load the manifests that were dropped into the inbox, with their images; bad ones are moved to rejected/."""
    settings = configuration(config)
    name = settings.binding(binding).name
    if watch:
        return _watch(settings, name, dry_run=dry_run, json=json)
    with counting(quiet=json) as report:
        result = empty_inbox(settings, name, InboxOptions(dry_run=dry_run, progress=report))
    if json:
        print_json(result.as_json())
    else:
        show_inbox(out, result)
    return result.exit_code


def _watch(config: Config, name: str, *, dry_run: bool, json: bool) -> int:
    """Until Ctrl-C, which is how it is meant to end; with ``--json`` one document per line."""
    if dry_run:
        raise typer.BadParameter("--dry-run does not go with --watch.")
    if not json:
        show_watching(err, inbox_of(config, name))

    def tell(result: InboxResult) -> None:
        if json:
            print_json_lines([result.as_json()])
        else:
            show_inbox(out, result)

    watcher = InboxWatcher(config, name, on_result=tell, on_error=show_error)
    try:
        watcher.run(Event())
    except KeyboardInterrupt:
        err.print("[yellow]Stopped.[/yellow] What was under way is gone on with by the next call.")
    return DONE
