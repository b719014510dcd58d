"""``syncd conflicts``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Annotated

import typer

from syncd.api import actions, queries
from syncd.api.faults import told
from syncd.api.rows import ConflictRow
from syncd.cli.common import (
    CONFLICTS,
    DONE,
    BindingsArgument,
    ConfigOption,
    JsonOption,
    chosen,
    configuration,
    handled,
    out,
    print_json,
    print_note,
    progress,
    show_error,
)
from syncd.cli.render.conflicts import show_conflict, show_conflicts, show_resolved
from syncd.cli.times import moment
from syncd.config import Config
from syncd.diff.resolution.answer import Take
from syncd.diff.resolution.decide import Ways
from syncd.engine.resolve import Resolved
from syncd.errors import ConfigError
from syncd.model import Side

app = typer.Typer(help="Conflicts: what a person must decide.", no_args_is_help=True, rich_markup_mode="rich")

KindOption = Annotated[str | None, typer.Option("--kind", help="Only of this kind.", metavar="KIND")]
FieldOption = Annotated[str | None, typer.Option("--field", help="Only about this field.", metavar="FIELD")]
LabelOption = Annotated[
    str | None, typer.Option("--label", help="Only where this label stands on either side, or was.", metavar="LABEL")
]
SinceOption = Annotated[
    str | None, typer.Option("--since", help="Only those opened since: 7d, 12h, 2026-11-01 …", metavar="WHEN")
]
BindingOption = Annotated[list[str] | None, typer.Option("--binding", help="Only of this binding.", metavar="BINDING")]


@app.command("list", epilog="Example: syncd conflicts list planktivore --kind edit_edit --label Copepoda")
@handled
def list_conflicts(
    bindings: BindingsArgument = None,
    config: ConfigOption = None,
    kind: KindOption = None,
    field: FieldOption = None,
    label: LabelOption = None,
    since: SinceOption = None,
    binding: BindingOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
    json: JsonOption = False,
) -> None:
    """List the open conflicts, the oldest first; of many, what they have in common comes first."""
    settings = configuration(config)
    names = chosen(settings, [*(bindings or []), *(binding or [])])
    now = datetime.now(timezone.utc)
    found = queries.conflicts(
        settings,
        names,
        kind=kind,
        field=field,
        label=label,
        since=moment(since, now),
        everything=everything,
    )
    if json:
        print_json(found.as_json())
    else:
        show_conflicts(out, found, now)


@app.command("show", epilog="Example: syncd conflicts show 12")
@handled
def show(
    ids: Annotated[list[int], typer.Argument(help="Ids from `syncd conflicts list`.", metavar="ID...")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show conflicts in full: base, both values, who and when, and the commands that resolve them as things are now."""
    settings = configuration(config)
    found = queries.conflicts_in_full(settings, ids)
    ways = _ways(settings, [each for each, _ in found if each.is_open], quiet=json)
    if json:
        documents = [
            each.as_json()
            | {
                "history": [entry.as_json() for entry in log],
                "ways": None if (known := ways.get(each.id)) is None else known.as_json(),
            }
            for each, log in found
        ]
        print_json({"conflicts": documents})
        return
    for each, history in found:
        show_conflict(out, each, history, ways.get(each.id))


def _ways(settings: Config, open_ones: Sequence[ConflictRow], *, quiet: bool) -> dict[int, Ways]:
    """By id, what can be answered to each; not where the sides of a binding cannot be looked at, which is said."""
    found: dict[int, Ways] = {}
    for name in dict.fromkeys(each.binding for each in open_ones):
        mine = [each for each in open_ones if each.binding == name]
        try:
            with progress(name, quiet=quiet) as phase:
                ways = actions.ways(settings, settings.binding(name).name, mine, phase=phase)
        except Exception as error:
            expected = told(error)
            if expected is None:
                raise
            print_note(f"what can be answered is not known, since both sides of {name} cannot be looked at:")
            show_error(expected)
            continue
        found.update(zip((each.id for each in mine), ways, strict=True))
    return found


@app.command("resolve", epilog="Example: syncd conflicts resolve 12 13 --take database --note 'asked Ada'")
@handled
def resolve_conflicts(
    ids: Annotated[
        list[int] | None,
        typer.Argument(
            help="Ids from `syncd conflicts list`; or choose by the options.", metavar="ID...", show_default=False
        ),
    ] = None,
    config: ConfigOption = None,
    take: Annotated[
        str | None,
        typer.Option(
            "--take", help="`fiftyone` or `database`: that side is right. Else a value.", metavar="SIDE|VALUE"
        ),
    ] = None,
    value: Annotated[
        str | None,
        typer.Option("--value", help="A value, even if it reads `fiftyone` or `database`.", metavar="TEXT"),
    ] = None,
    kind: KindOption = None,
    field: FieldOption = None,
    label: LabelOption = None,
    since: SinceOption = None,
    binding: BindingOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done; change nothing.")] = False,
    note: Annotated[str | None, typer.Option("--note", help="Why, for the log.", metavar="TEXT")] = None,
    json: JsonOption = False,
) -> int:
    """Resolve one conflict, many, or all that match.

    What is taken is what `syncd conflicts show` shows; a conflict that has moved on since is named and stays open.
    """
    answer = _take(take, value)
    settings = configuration(config)
    if not ids and not any((kind, field, label, since, binding)):
        raise ConfigError(
            "Which conflicts? Neither ids nor options choose any.",
            remedy="Name ids (`syncd conflicts list`), or choose by --kind, --field, --label, --binding or --since.",
        )
    asked = queries.conflicts(
        settings,
        chosen(settings, binding),
        ids=ids or [],
        kind=kind,
        field=field,
        label=label,
        since=moment(since, datetime.now(timezone.utc)),
    )
    done: list[Resolved] = []
    for name in dict.fromkeys(each.binding for each in asked):
        mine = [each for each in asked if each.binding == name]
        with progress(name, quiet=json) as phase:
            done.append(
                actions.resolve(
                    settings, settings.binding(name).name, mine, answer, note=note, dry_run=dry_run, phase=phase
                )
            )
    if json:
        print_json({"dry_run": dry_run, "bindings": [each.as_json() for each in done]})
    else:
        show_resolved(out, done)
    return CONFLICTS if any(each.left for each in done) else DONE


def _take(take: str | None, value: str | None) -> Take:
    """What is taken; ``ConfigError`` unless exactly one thing is."""
    if (take is None) == (value is None):
        raise ConfigError("Say what to take, once.", remedy="--take fiftyone, --take database, or --value TEXT.")
    sides = {side.value for side in Side}
    return Take(Side(take)) if take in sides else Take(text=take if value is None else value)
