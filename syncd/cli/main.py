"""The command ``syncd``: parses and prints; everything else happens elsewhere."""

from __future__ import annotations

import resource
import signal
import sys
import traceback
from types import FrameType, TracebackType
from typing import Annotated

import typer

import syncd
from syncd import logs
from syncd.cli.common import ConfigOption, set_config
from syncd.cli.lazy import Command, group_of
from syncd.collector import own_the_process
from syncd.config.redact import redact_text
from syncd.printable import printable_lines

SETUP, WORK, LOOK = "Set up", "Reconcile", "Look"

COMMANDS = (
    Command("init", "syncd.cli.init", "init", SETUP, "Example: syncd init lab.yaml"),
    Command("migrate", "syncd.cli.migrate", "migrate", SETUP, "Example: syncd migrate -c lab.yaml"),
    Command("doctor", "syncd.cli.doctor", "doctor", SETUP, "Example: syncd doctor"),
    Command("demo", "syncd.cli.demo", "demo", SETUP, "Example: syncd demo --size 300 --app"),
    Command("credentials", "syncd.cli.credentials", None, SETUP),
    Command("database", "syncd.cli.database", None, SETUP),
    Command("ingest", "syncd.cli.ingest", "ingest_command", WORK, "Example: syncd ingest planktivore --limit 1000"),
    Command("inbox", "syncd.cli.inbox", "inbox_command", WORK, "Example: syncd inbox planktivore --watch"),
    Command(
        "reconcile",
        "syncd.cli.reconcile",
        "reconcile",
        WORK,
        "Example: syncd reconcile planktivore --dry-run -o plan.json",
    ),
    Command("apply", "syncd.cli.apply", "apply", WORK, "Example: syncd apply plan.json"),
    Command("run", "syncd.cli.run", "run_command", WORK, "Example: syncd run -c /etc/syncd/syncd.yaml"),
    Command("undo", "syncd.cli.undo", "undo_changes", WORK, "Example: syncd undo --since 4h --actor ada --dry-run"),
    Command(
        "recover",
        "syncd.cli.recover",
        "recover_command",
        WORK,
        "Example: syncd recover planktivore --side fiftyone --dry-run",
    ),
    Command("media", "syncd.cli.media", None, WORK),
    Command("vocabulary", "syncd.cli.vocabulary", None, WORK),
    Command("verify", "syncd.cli.verify", "verify", LOOK, "Example: syncd verify planktivore --json"),
    Command("status", "syncd.cli.status", "status", LOOK, "Example: syncd status"),
    Command("log", "syncd.cli.log", "log", LOOK, "Example: syncd log --field label --since 7d"),
    Command(
        "report", "syncd.cli.report", "report_command", LOOK, "Example: syncd report --since 'last week' -o week.html"
    ),
    Command("conflicts", "syncd.cli.conflicts", None, LOOK),
    Command("why", "syncd.cli.why", "why", LOOK, "Example: syncd why 5f0c1e9a --binding planktivore"),
    Command("review", "syncd.cli.review", None, LOOK),
)
"""In the order in which the help shows them."""

app = typer.Typer(
    name="syncd",
    cls=group_of(COMMANDS),
    help="Keeps FiftyOne datasets and an annotation database in agreement, in both directions.",
    epilog="Exit codes: 0 done; 1 failed; 2 wrong usage or configuration; 3 done, conflicts open; 4 held by a brake.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
)


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
    sys.excepthook = _show_crash
    own_the_process()
    app()


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _show_crash(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Prints an error that nobody expected, as Python would, but for secrets and what steers a terminal."""
    text = "".join(traceback.format_exception(kind, error, trace))
    sys.stderr.write(printable_lines(redact_text(text)))
