"""``syncd undo``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any

import typer

from syncd import planfile
from syncd.cli.common import (
    FAILED,
    ConfigOption,
    JsonOption,
    chosen,
    configuration,
    handled,
    out,
    print_json,
    progress,
)
from syncd.cli.filters import note_unknown_actor, run_of
from syncd.cli.reconcile import worst
from syncd.cli.render.undone import show_undone, undone_json
from syncd.cli.times import moment
from syncd.errors import ConfigError
from syncd.reconcile.made import UNDO, MadeOptions
from syncd.session import open_session
from syncd.state import State, open_state
from syncd.store import changes
from syncd.store.changes import APPLIED
from syncd.undo.run import Undone, undo

REMEDY = "`syncd log` shows runs and changes; --since takes back all since a moment."


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
    with open_state(settings) as state:
        entries = _entries(state, target, names, actor, after)
        if not entries:
            note_unknown_actor(state, actor)
    if not entries:
        raise ConfigError("No applied change matches; there is nothing to take back.", remedy=REMEDY)
    dry_run = dry_run or output is not None
    done: list[Undone] = []
    for name in dict.fromkeys(each["binding"] for each in entries):
        with progress(name, quiet=json) as phase, open_session(settings, settings.binding(name).name) as session:
            options = MadeOptions(UNDO, dry_run=dry_run, force=force, note=note, progress=phase)
            done.append(undo(session, [each for each in entries if each["binding"] == name], options))
    if output is not None:
        planfile.save(output, [each.plan for each in done if each.plan.changes], forced=force, kind=UNDO)
    if json:
        print_json({"dry_run": dry_run, "bindings": [undone_json(each) for each in done]})
    else:
        for each in done:
            show_undone(out, each, saved=output)
    codes = [each.result.exit_code if each.result else FAILED for each in done]
    return worst(codes)


def _target(what: Sequence[str], since: str | None) -> tuple[str | None, list[str]]:
    """(run or change, bindings) that are meant."""
    if since is not None:
        return None, list(what)
    if not what:
        raise ConfigError("What is to be taken back? Neither a run nor a change nor --since says.", remedy=REMEDY)
    return what[0], list(what[1:])


def _entries(
    state: State, target: str | None, names: list[str], actor: str | None, since: datetime | None
) -> list[dict[str, Any]]:
    """The applied changes that are meant, in order; ``ConfigError`` for a run or change that there is not."""
    run_id, seq = None, None
    if target is not None and target.isdecimal() and _has_change(state, int(target)):
        seq = int(target)
    elif target is not None:
        run_id = run_of(state, target, what="run and no change", remedy=REMEDY)
    return changes.query(
        state.connection,
        state.tables,
        bindings=names,
        run_id=run_id,
        seq=seq,
        status=APPLIED,
        actor=actor,
        since=since,
    )


def _has_change(state: State, seq: int) -> bool:
    return seq < 2**63 and bool(changes.query(state.connection, state.tables, seq=seq))
