"""``syncd log``."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated

import typer

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
)
from syncd.cli.render.log import show_log
from syncd.cli.state import State, open_state
from syncd.cli.times import moment
from syncd.model.kinds import Json
from syncd.store import changes, runs
from syncd.store.chain import first_break


@handled
def log(
    bindings: BindingsArgument = None,
    config: ConfigOption = None,
    run: Annotated[str | None, typer.Option("--run", help="Only this run.", metavar="RUN")] = None,
    annotation: Annotated[
        str | None, typer.Option("--annotation", help="Only this annotation id.", metavar="ID")
    ] = None,
    field: Annotated[str | None, typer.Option("--field", help="Only this field.")] = None,
    direction: Annotated[
        str | None, typer.Option("--direction", help="to_database or to_fiftyone.", metavar="WAY")
    ] = None,
    status: Annotated[
        str | None, typer.Option("--status", help="pending, applied, superseded or abandoned.", metavar="STATUS")
    ] = None,
    actor: Annotated[str | None, typer.Option("--actor", help="Only what this person did.", metavar="NAME")] = None,
    since: Annotated[str | None, typer.Option("--since", help="7d, 12h, 2026-11-01 …", metavar="WHEN")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many, the newest.")] = 50,
    verify: Annotated[bool, typer.Option("--verify", help="Check the hash chain instead of listing.")] = False,
    json: JsonOption = False,
) -> int:
    """Show the change log: what changed, from, to, why, and by whom."""
    settings = configuration(config)
    names = chosen(settings, bindings)
    after = moment(since, datetime.now(timezone.utc))
    with open_state(settings) as state:
        if verify:
            return _verify(state, names, json=json)
        entries = changes.query(
            state.connection,
            state.tables,
            bindings=names,
            run_id=run,
            annotation_id=annotation,
            field=field,
            direction=direction,
            status=status,
            since=after,
            actor=actor,
            limit=limit,
        )
        notes = runs.notes(state.connection, state.tables, list({each["run_id"] for each in entries}))
    if json:
        print_json({"changes": [each | {"note": notes.get(each["run_id"])} for each in entries]})
    else:
        show_log(out, entries, notes)
        if len(entries) == limit:
            err.print(f"[dim]The newest {limit}; more with --limit.[/dim]")
    return 0


def _verify(state: State, names: list[str], *, json: bool) -> int:
    """Recomputes every hash of the bindings' chains."""
    breaks: dict[str, Json] = {}
    for name in names:
        breaks[name] = first_break(changes.entries(state.connection, state.tables, name))
    broken = {name: seq for name, seq in breaks.items() if seq is not None}
    if json:
        print_json({"verified": not broken, "bindings": [{"binding": n, "broken_at": s} for n, s in breaks.items()]})
    else:
        for name, seq in breaks.items():
            verdict = f"[bold red]broken at change {seq}[/bold red]" if seq else "[bold green]unbroken[/bold green]"
            out.print(f"[bold]{name}[/bold]: the chain is {verdict}.")
    return FAILED if broken else 0
