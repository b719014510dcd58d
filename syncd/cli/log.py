"""``syncd log``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from syncd.audit.export import Exported, export
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
    progress,
)
from syncd.cli.filters import check_direction, check_field, check_status, note_unknown_actor, run_of
from syncd.cli.paging import paged, pages
from syncd.cli.render.log import show_chain, show_log
from syncd.cli.times import end, moment
from syncd.errors import ConfigError
from syncd.private_file import private_file
from syncd.state import State, open_state
from syncd.store import changes, following, runs
from syncd.store.chain import Soundness

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
        typer.Option("--status", help=", ".join(changes.STATUSES), metavar="STATUS"),
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
        with open_state(settings) as state:
            whole = names if bindings else sorted({*names, *changes.bindings_logged(state.connection, state.tables)})
            if export_to is not None:
                return _export(state, whole, export_to, json=json)
            return _verify(state, whole, json=json)
    now = datetime.now(timezone.utc)
    after, before = moment(since, now), end(until, now)
    check_direction(direction)
    check_status(status)
    with open_state(settings) as state:
        check_field(state, settings, names, field)
        query = partial(
            changes.query,
            state.connection,
            state.tables,
            bindings=names,
            run_id=run_of(state, run),
            annotation_id=annotation,
            field=field,
            direction=direction,
            status=status,
            since=after,
            until=before,
            actor=actor,
        )
        wanted = limit or (MANY if pages(out) and not (json or follow) else FEW)
        entries = query(limit=wanted)
        if follow:
            return _follow(state, query, entries, json=json)
        if not entries:
            note_unknown_actor(state, actor)
        notes = _notes(state, entries)
    if json:
        print_json({"changes": [each | {"note": notes.get(each["run_id"])} for each in entries]})
    else:
        with paged(out):
            show_log(out, entries, notes)
        if len(entries) == wanted:
            err.print(f"[dim]The newest {wanted:,}; more with --limit.[/dim]")
    return 0


def _follow(
    state: State, query: Callable[..., list[dict[str, Any]]], entries: list[dict[str, Any]], *, json: bool
) -> int:
    """What is there, then what comes. As JSON, each change is a document of its own, on a line."""

    def since(seq: int) -> list[dict[str, Any]]:
        found = query(after=seq)
        # A transaction that stays open would see the same for ever.
        state.connection.rollback()
        return found

    def show(found: list[dict[str, Any]]) -> None:
        notes = _notes(state, found)
        state.connection.rollback()
        if json:
            print_json_lines(each | {"note": notes.get(each["run_id"])} for each in found)
        else:
            show_log(out, found, notes)

    settled = [each for each in entries if each["status"] != changes.PENDING]
    if settled:
        show(settled)
    newest = changes.query(state.connection, state.tables, limit=1)
    waiting = [each["seq"] - 1 for each in entries if each["status"] == changes.PENDING]
    start = min([newest[-1]["seq"] if newest else 0, *waiting])
    for found in following.follow(since, start, [each["seq"] for each in settled]):
        if found:
            show(found)
    return 0


def _notes(state: State, entries: Sequence[dict[str, Any]]) -> dict[str, str]:
    return runs.notes(state.connection, state.tables, list({each["run_id"] for each in entries}))


def _verify(state: State, names: Sequence[str], *, json: bool) -> int:
    """Recomputes every hash of the bindings' chains."""
    found: dict[str, Soundness] = {}
    for name in names:
        with progress(name, quiet=json) as phase:
            phase("recomputing the hashes of its log")
            found[name] = changes.verify(state.connection, state.tables, name)
    return _told(found, json=json)


def _export(state: State, names: Sequence[str], path: Path, *, json: bool) -> int:
    """Writes the log; a broken one is written as it stands, and ends with 1."""
    if str(path) == "-":
        if json:
            raise ConfigError("--export - and --json both write to standard output.", remedy="Name a file.")
        done = export(state.connection, state.tables, names, sys.stdout)
        return FAILED if not all(each.chain.is_sound for each in done) else 0
    try:
        with private_file(path) as file, progress("log", quiet=json) as phase:
            phase("writing it and recomputing its hashes")
            done = export(state.connection, state.tables, names, file)
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
