"""The command ``syncd``: parses and prints; everything else happens elsewhere."""

from __future__ import annotations

import resource
import signal
import sys
import traceback
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from importlib import import_module
from types import FrameType, TracebackType
from typing import Annotated, Any

import typer

import syncd
from syncd import own_process
from syncd.cli.common import ConfigOption, set_config


@dataclass(frozen=True)
class Command:
    """Where a command is: a function of ``module``, or its ``app`` where it has commands of its own.

    ``summary`` is what the list of commands says of it: the first paragraph of its own help.
    """

    name: str
    module: str
    function: str | None
    panel: str
    example: str | None = None
    summary: str = ""


class Commands(MutableMapping[str, Any]):
    """The commands by name, in their order, each built when it is first asked for."""

    def __init__(self, commands: tuple[Command, ...]) -> None:
        self._commands = {each.name: each for each in commands}
        self._built: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._built:
            self._built[name] = _build(self._commands[name])
        return self._built[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._built[name] = command

    def __delitem__(self, name: str) -> None:
        raise TypeError(f"the command {name!r} cannot be taken away")

    def __contains__(self, name: object) -> bool:
        return name in self._commands or name in self._built

    def __iter__(self) -> Iterator[str]:
        return iter(self._commands | self._built)

    def __len__(self) -> int:
        return len(self._commands | self._built)


def group_of(commands: tuple[Command, ...]) -> type[typer.core.TyperGroup]:
    """A class of groups that have these commands: for ``typer.Typer(cls=…)``."""
    found = Commands(commands)

    class LazyGroup(typer.core.TyperGroup):
        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings)
            self.commands = found

        def format_help(self, ctx: Any, formatter: Any) -> None:
            """Lists the commands by what the table says of them: none is imported for that."""
            self.commands = {each.name: _listed(each) for each in commands}
            try:
                super().format_help(ctx, formatter)
            finally:
                self.commands = found

    return LazyGroup


def _listed(command: Command) -> typer.core.TyperCommand:
    """Stands for the command in the list of commands, and cannot be called."""
    return typer.core.TyperCommand(command.name, help=command.summary, rich_help_panel=command.panel)


def _build(command: Command) -> Any:
    module = import_module(command.module)
    around = typer.Typer(rich_markup_mode="rich", pretty_exceptions_enable=False, add_completion=False)
    around.callback()(_nothing)
    if command.function is None:
        around.add_typer(module.app, name=command.name, rich_help_panel=command.panel)
    else:
        registered = around.command(command.name, rich_help_panel=command.panel, epilog=command.example)
        registered(getattr(module, command.function))
    group = typer.main.get_command(around)
    return group.commands[command.name]  # type: ignore[attr-defined]


def _nothing() -> None:
    """With a callback, Typer makes a group of a single command too."""


SETUP, WORK, LOOK = "Set up", "Reconcile", "Look"

COMMANDS = (
    Command(
        "init",
        "syncd.cli.init",
        "init",
        SETUP,
        "Example: syncd init --table public.annotation --dataset highmag",
        summary="Write a commented configuration: a starter, or the binding of a table as its database describes it.",
    ),
    Command(
        "migrate",
        "syncd.cli.migrate",
        "migrate",
        SETUP,
        "Example: syncd migrate -c lab.yaml",
        summary="Create or upgrade syncd's own tables. Harmless when they are current.",
    ),
    Command(
        "doctor",
        "syncd.cli.doctor",
        "doctor",
        SETUP,
        "Example: syncd doctor",
        summary="Check each connection, permission and mapping in order, each with its remedy.",
    ),
    Command(
        "demo",
        "syncd.cli.demo",
        "demo",
        SETUP,
        "Example: syncd demo --size 300 --app",
        summary="Watch a dataset and a table, edited on both sides, come into agreement.",
    ),
    Command(
        "credentials",
        "syncd.cli.credentials",
        None,
        SETUP,
        summary="Access to S3: the least that is needed, and for a limited time.",
    ),
    Command(
        "database",
        "syncd.cli.database",
        None,
        SETUP,
        summary="What syncd may have and do in the database.",
    ),
    Command(
        "ingest",
        "syncd.cli.ingest",
        "ingest_command",
        WORK,
        "Example: syncd ingest planktivore --limit 1000",
        summary="Load media and labels into the dataset, with metadata and baseline. Repeat it to add what is new.",
    ),
    Command(
        "inbox",
        "syncd.cli.inbox",
        "inbox_command",
        WORK,
        "Example: syncd inbox planktivore --watch",
        summary="Load the manifests that were dropped into the inbox, with their images; bad ones are moved to "
        "rejected/.",
    ),
    Command(
        "reconcile",
        "syncd.cli.reconcile",
        "reconcile",
        WORK,
        "Example: syncd reconcile planktivore --dry-run -o plan.json",
        summary="Bring both sides of the bindings into agreement, once.",
    ),
    Command(
        "apply",
        "syncd.cli.apply",
        "apply",
        WORK,
        "Example: syncd apply plan.json",
        summary="Apply a saved plan, or one that a brake holds. Refused when either side has moved since it was made.",
    ),
    Command(
        "run",
        "syncd.cli.run",
        "run_command",
        WORK,
        "Example: syncd run -c /etc/syncd/syncd.yaml",
        summary="Keep bindings in agreement until told to end: the daemon.",
    ),
    Command(
        "app",
        "syncd.cli.app",
        "app_command",
        WORK,
        "Example: syncd app planktivore --as ada",
        summary="Serve FiftyOne's App with syncd's plugin, so that what people do in it is logged under their names.",
    ),
    Command(
        "plugin",
        "syncd.cli.plugin",
        None,
        SETUP,
        summary="syncd's plugin in FiftyOne's App.",
    ),
    Command(
        "undo",
        "syncd.cli.undo",
        "undo_changes",
        WORK,
        "Example: syncd undo --since 4h --actor ada --dry-run",
        summary="Take back what was applied, on both sides. What has been changed again since is left alone and named.",
    ),
    Command(
        "recover",
        "syncd.cli.recover",
        "recover_command",
        WORK,
        "Example: syncd recover planktivore --side fiftyone --dry-run",
        summary="Bring a side forward again that went back in time (a backup was restored), or take it as it is.",
    ),
    Command(
        "embed",
        "syncd.cli.embed",
        "embed_command",
        WORK,
        "Example: syncd embed planktivore --model dino_vits8 --dry-run",
        summary="Make vectors of what is new or changed, and bring layout, similarity and suspects in the App up to "
        "date.",
    ),
    Command(
        "media",
        "syncd.cli.media",
        None,
        WORK,
        summary="Media: where the samples' files are.",
    ),
    Command(
        "vocabulary",
        "syncd.cli.vocabulary",
        None,
        WORK,
        summary="The terms that a label may be.",
    ),
    Command(
        "verify",
        "syncd.cli.verify",
        "verify",
        LOOK,
        "Example: syncd verify planktivore --json",
        summary="Prove that both sides agree, whatever baseline and cursors say; list what does not.",
    ),
    Command(
        "status",
        "syncd.cli.status",
        "status",
        LOOK,
        "Example: syncd status",
        summary="Show how each binding stands: in agreement or not, lag, open conflicts, last run, and the daemon.",
    ),
    Command(
        "log",
        "syncd.cli.log",
        "log",
        LOOK,
        "Example: syncd log --field label --since 7d",
        summary="Show the change log: what changed, from, to, why, and by whom.",
    ),
    Command(
        "report",
        "syncd.cli.report",
        "report_command",
        LOOK,
        "Example: syncd report --since 'last week' -o week.html",
        summary="Report what changed: totals, transitions, people, conflicts, and every change, for people or for "
        "programs.",
    ),
    Command(
        "conflicts",
        "syncd.cli.conflicts",
        None,
        LOOK,
        summary="Conflicts: what a person must decide.",
    ),
    Command(
        "why",
        "syncd.cli.why",
        "why",
        LOOK,
        "Example: syncd why 5f0c1e9a --binding planktivore",
        summary="Show everything about one annotation: both sides, what was agreed, the rule that decides now, and its "
        "history.",
    ),
    Command(
        "suspects",
        "syncd.cli.suspects",
        "suspects_command",
        LOOK,
        "Example: syncd suspects planktivore --top 100 -o suspects.html",
        summary="List the labels that disagree most with what looks alike, the most suspect first.",
    ),
    Command(
        "similar",
        "syncd.cli.suspects",
        "similar_command",
        LOOK,
        "Example: syncd similar planktivore strange.png --top 30 -o similar.html",
        summary="List what looks most like a picture. Changes nothing.",
    ),
    Command(
        "review",
        "syncd.cli.review",
        None,
        LOOK,
        summary="Review: what waits for a person in FiftyOne.",
    ),
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
    from syncd import logs

    set_config(config)
    logs.configure(verbose=verbose)


def main() -> None:
    """Entry point of the console script, whose process is syncd's own. SIGTERM ends a command as Ctrl-C does: in order.

    No core is dumped where the process crashes, because passwords and keys are in its memory.
    """
    own_process.claim()
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    signal.signal(signal.SIGTERM, _stop)
    sys.excepthook = _show_crash
    app()


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _show_crash(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Prints an error that nobody expected, as Python would, but for secrets and what steers a terminal."""
    from syncd.config.redact import redact_text
    from syncd.printable import printable_lines

    text = "".join(traceback.format_exception(kind, error, trace))
    sys.stderr.write(printable_lines(redact_text(text)))
