"""``syncd log``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from syncd.api import queries
from syncd.api.queries import LogFilter
from syncd.api.rows import ChangeLog, ChangeRow
from syncd.cli.common import (
    FAILED,
    BindingsArgument,
    ConfigOption,
    JsonOption,
    chosen,
    configuration,
    err,
    handled,
    out,
    print_json,
    print_json_lines,
    print_note,
    progress,
)
from syncd.cli.render.values import arrow, escape, marked, short_id, when, words
from syncd.cli.times import end, moment
from syncd.config import Config
from syncd.errors import ConfigError
from syncd.files import private_file
from syncd.model.result import Status
from syncd.store.chain import Soundness
from syncd.store.export import Exported

FEW, MANY = 50, 1_000
"""Changes that are shown where nobody says how many: at once, and where pages are turned."""


@handled
def log(
    bindings: BindingsArgument = None,
    config: ConfigOption = None,
    run: Annotated[
        str | None, typer.Option("--run", help="Only this run, by its id or its beginning.", metavar="RUN")
    ] = None,
    annotation: Annotated[
        str | None, typer.Option("--annotation", help="Only this annotation id.", metavar="ID")
    ] = None,
    field: Annotated[str | None, typer.Option("--field", help="Only this field.")] = None,
    direction: Annotated[
        str | None, typer.Option("--direction", help="to_database or to_fiftyone.", metavar="WAY")
    ] = None,
    status: Annotated[
        str | None,
        typer.Option("--status", help=", ".join(Status), metavar="STATUS"),
    ] = None,
    actor: Annotated[str | None, typer.Option("--actor", help="Only what this person did.", metavar="NAME")] = None,
    since: Annotated[str | None, typer.Option("--since", help="7d, 12h, 2026-11-01 …", metavar="WHEN")] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="As --since; a day counts whole.", metavar="WHEN")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            "-n",
            min=1,
            help=f"How many, the newest [dim](default: {FEW}; {MANY:,} where they are paged)[/dim].",
            show_default=False,
        ),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-F", help="Go on with what comes, until Ctrl-C.")] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Check the hash chain instead of listing.")] = False,
    export_to: Annotated[
        Path | None,
        typer.Option(
            "--export",
            help="Write the whole log for a third party to verify [dim](docs/audit.md; - for standard output)[/dim].",
            metavar="FILE",
        ),
    ] = None,
    json: JsonOption = False,
) -> int:
    """Show the change log: what changed, from, to, why, and by whom."""
    settings = configuration(config)
    names = chosen(settings, bindings)
    if verify or export_to is not None:
        filtered = run or annotation or field or direction or status or actor or since or until
        if filtered or follow or (verify and export_to):
            raise ConfigError(
                "--verify and --export take the whole log, and each other's place.",
                remedy="Give one of them, and no filter but BINDING.",
            )
        whole = names if bindings else sorted({*names, *queries.logged_bindings(settings)})
        if export_to is not None:
            return _export(settings, whole, export_to, json=json)
        return _verify(settings, whole, json=json)
    now = datetime.now(timezone.utc)
    asked = LogFilter(
        run=run,
        annotation_id=annotation,
        field=field,
        direction=direction,
        status=status,
        actor=actor,
        since=moment(since, now),
        until=end(until, now),
        limit=limit or (MANY if pages(out) and not (json or follow) else FEW),
    )
    if follow:
        return _follow(queries.follow(settings, names, asked), json=json)
    found = queries.log(settings, names, asked)
    for each in found.hints:
        print_note(each)
    if json:
        print_json(found.as_json())
    else:
        with paged(out):
            show_log(out, found, found.notes)
        if len(found) == asked.limit:
            err.print(f"[dim]The newest {len(found):,}; more with --limit.[/dim]")
    return 0


def _follow(coming: Iterable[ChangeLog], *, json: bool) -> int:
    """What is there, then what comes. As JSON, each change is a document of its own, on a line."""
    for found in coming:
        if json:
            print_json_lines(found.documents())
        else:
            show_log(out, found, found.notes)
    return 0


def _verify(settings: Config, names: Sequence[str], *, json: bool) -> int:
    """Recomputes every hash of the bindings' chains."""
    found: dict[str, Soundness] = {}
    for name in names:
        with progress(name, quiet=json) as phase:
            phase("recomputing the hashes of its log")
            found |= queries.verify_log(settings, [name])
    return _told(found, json=json)


def _export(settings: Config, names: Sequence[str], path: Path, *, json: bool) -> int:
    """Writes the log; a broken one is written as it stands, and ends with 1."""
    if str(path) == "-":
        if json:
            raise ConfigError("--export - and --json both write to standard output.", remedy="Name a file.")
        done = queries.export_log(settings, names, sys.stdout)
        return FAILED if not all(each.chain.is_sound for each in done) else 0
    try:
        with private_file(path) as file, progress("log", quiet=json) as phase:
            phase("writing it and recomputing its hashes")
            done = queries.export_log(settings, names, file)
    except OSError as error:
        raise ConfigError(
            f"The log cannot be written to {path}: {error.strerror}.",
            remedy="Name a file that can be written, or - for standard output.",
        ) from error
    return _told({each.binding: each.chain for each in done}, json=json, exported=done)


def _told(found: dict[str, Soundness], *, json: bool, exported: Sequence[Exported] = ()) -> int:
    sound = all(each.is_sound for each in found.values())
    if json:
        written = {each.binding: {"exported": each.entries, "pending": each.pending} for each in exported}
        chains = [
            {"binding": name, "entries": each.entries, "head": each.head, "broken_at": each.broken_at, "cut": each.cut}
            | written.get(name, {})
            for name, each in found.items()
        ]
        print_json({"verified": sound, "bindings": chains})
    else:
        for name, each in found.items():
            show_chain(out, name, each)
    return 0 if sound else FAILED


def pages(console: Console) -> bool:
    """Whether there is somebody who could turn pages."""
    return console.is_terminal and sys.stdin.isatty() and sys.stdout.isatty()


@contextmanager
def paged(console: Console) -> Iterator[None]:
    """What the block prints goes through ``$PAGER``; straight to where it goes, where nobody turns pages."""
    if not pages(console):
        yield
        return
    # As git has it: end at once where one page holds it all, keep colours, leave the text on the screen.
    os.environ.setdefault("LESS", "FRX")
    with console.pager(styles=True):
        yield


WAYS = {
    "to_database": "[cyan]→ database[/cyan]",
    "to_fiftyone": "[magenta]→ FiftyOne[/magenta]",
    None: "[dim]both[/dim]",
}


def show_log(console: Console, entries: Sequence[ChangeRow], notes: Mapping[str, str] = MappingProxyType({})) -> None:
    """Prints log entries, those of one run together; ``notes`` are what people wrote about runs, by run."""
    if not entries:
        console.print("No change matches.")
        return
    for (run_id, binding), group in groupby(entries, key=lambda each: (each.run_id, each.binding)):
        rows = list(group)
        console.print(f"[bold]{escape(binding)}[/bold] [dim]run[/dim] {run_id} [dim]{when(rows[-1].applied_at)}[/dim]")
        if run_id in notes:
            console.print(f"  [italic]{escape(notes[run_id])}[/italic]", soft_wrap=True)
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1))
        for position in range(6):
            table.add_column(justify="right" if position == 0 else "left", no_wrap=position in (0, 1, 2))
        for entry in rows:
            table.add_row(
                f"  {entry.seq}",
                WAYS[entry.direction],
                short_id(entry.annotation_id),
                escape(entry.field or entry.action),
                _what(entry),
                _why(entry),
            )
        console.print(table)


def show_chain(console: Console, binding: str, found: Soundness) -> None:
    """Prints what a check of a binding's chain found; the head is what a person keeps elsewhere."""
    if found.broken_at is not None:
        verdict = f"[bold red]broken at change {found.broken_at}[/bold red]"
    elif found.cut is not None:
        verdict = f"[bold red]cut off[/bold red]: the newest changes of run {escape(found.cut)} are not there"
    else:
        verdict = f"[bold green]unbroken[/bold green] over {found.entries} changes"
    console.print(f"[bold]{escape(binding)}[/bold]: the chain is {verdict}.")
    if found.is_sound and found.head is not None:
        console.print(f"  [dim]head[/dim] {found.head}")


def _what(entry: ChangeRow) -> str:
    if entry.action == "insert":
        return "[green]+[/green] " + marked(entry.new, "green")
    if entry.action == "delete":
        return "[red]-[/red] " + marked(entry.old, "red")
    return arrow(entry.old, entry.new)


def _why(entry: ChangeRow) -> str:
    actor = f" by {escape(entry.actor)}" if entry.actor else ""
    status = "" if entry.status == "applied" else f" [yellow]{entry.status}[/yellow]"
    undone = f", takes back {entry.undo_of}" if entry.undo_of is not None else ""
    return f"[dim]{words(entry.reason)}{undone}{actor}[/dim]{status}"
