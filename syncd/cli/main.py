"""The command ``syncd``: parses and prints; everything else happens elsewhere."""

from __future__ import annotations

import resource
import signal
from types import FrameType
from typing import Annotated

import typer

import syncd
from syncd import logs
from syncd.cli import (
    apply,
    conflicts,
    credentials,
    database,
    demo,
    doctor,
    inbox,
    ingest,
    init,
    log,
    media,
    migrate,
    reconcile,
    review,
    run,
    status,
    undo,
    verify,
    vocabulary,
)
from syncd.cli.common import ConfigOption, set_config

app = typer.Typer(
    name="syncd",
    help="Keeps FiftyOne datasets and an annotation database in agreement, in both directions.",
    epilog="Exit codes: 0 done; 1 failed; 2 wrong usage or configuration; 3 done, conflicts open; 4 held by a brake.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
)

SETUP, WORK, LOOK = "Set up", "Reconcile", "Look"

app.command(rich_help_panel=SETUP, epilog="Example: syncd init lab.yaml")(init.init)
app.command(rich_help_panel=SETUP, epilog="Example: syncd migrate -c lab.yaml")(migrate.migrate)
app.command(rich_help_panel=SETUP, epilog="Example: syncd doctor")(doctor.doctor)
app.command(rich_help_panel=SETUP, epilog="Example: syncd demo --size 300 --app")(demo.demo)
app.command("ingest", rich_help_panel=WORK, epilog="Example: syncd ingest planktivore --limit 1000")(
    ingest.ingest_command
)
app.command("inbox", rich_help_panel=WORK, epilog="Example: syncd inbox planktivore --watch")(inbox.inbox_command)
app.command(rich_help_panel=WORK, epilog="Example: syncd reconcile planktivore --dry-run -o plan.json")(
    reconcile.reconcile
)
app.command(rich_help_panel=WORK, epilog="Example: syncd apply plan.json")(apply.apply)
app.command("run", rich_help_panel=WORK, epilog="Example: syncd run -c /etc/syncd/syncd.yaml")(run.run_command)
app.command("undo", rich_help_panel=WORK, epilog="Example: syncd undo --since 4h --actor ada --dry-run")(
    undo.undo_changes
)
app.command(rich_help_panel=LOOK, epilog="Example: syncd verify planktivore --json")(verify.verify)
app.command(rich_help_panel=LOOK, epilog="Example: syncd status")(status.status)
app.command(rich_help_panel=LOOK, epilog="Example: syncd log --field label --since 7d")(log.log)
app.add_typer(credentials.app, name="credentials", rich_help_panel=SETUP)
app.add_typer(database.app, name="database", rich_help_panel=SETUP)
app.add_typer(media.app, name="media", rich_help_panel=WORK)
app.add_typer(conflicts.app, name="conflicts", rich_help_panel=LOOK)
app.add_typer(review.app, name="review", rich_help_panel=LOOK)
app.add_typer(vocabulary.app, name="vocabulary", rich_help_panel=WORK)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"syncd {syncd.__version__}")
        raise typer.Exit


@app.callback()
def every_command(
    config: ConfigOption = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log every step to standard error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Keeps FiftyOne datasets and an annotation database in agreement, in both directions."""
    del version  # its callback has printed it
    set_config(config)
    logs.configure(verbose=verbose)


def main() -> None:
    """Entry point of the console script. SIGTERM ends a command as Ctrl-C does: in order.

    No core is dumped where the process crashes, because passwords and keys are in its memory.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    signal.signal(signal.SIGTERM, _stop)
    app()


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
