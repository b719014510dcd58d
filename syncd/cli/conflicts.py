"""``syncd conflicts``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Annotated, Any

import typer

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
    told,
)
from syncd.cli.filters import check_field, check_kind, check_label
from syncd.cli.render.conflicts import groups, show_conflict, show_conflicts
from syncd.cli.render.resolved import resolved_json, show_resolved
from syncd.cli.times import moment
from syncd.config import Config
from syncd.errors import ConfigError
from syncd.model import Side
from syncd.resolve.answer import Take
from syncd.resolve.run import Resolved, look_for_ways, resolve
from syncd.resolve.ways import Ways
from syncd.session import open_session
from syncd.state import open_state
from syncd.store import changes, conflicts

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
    with open_state(settings) as state:
        check_kind(state, kind)
        check_field(state, settings, names, field)
        found = conflicts.query(
            state.connection,
            state.tables,
            bindings=names,
            kind=kind,
            field=field,
            label=label,
            since=moment(since, now),
            status=None if everything else conflicts.OPEN,
        )
        if not found:
            check_label(state, settings, names, label)
    if json:
        print_json({"conflicts": found, "groups": groups(found)})
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
    with open_state(settings) as state:
        found = _by_id(conflicts.query(state.connection, state.tables, ids=ids, status=None), ids)
        histories = [
            changes.query(
                state.connection,
                state.tables,
                bindings=[each["binding"]],
                annotation_id=each["annotation_id"],
                field=each["field"],
                limit=3,
            )
            if each["annotation_id"] is not None
            else []
            for each in found
        ]
    ways = _ways(settings, [each for each in found if each["status"] == conflicts.OPEN], quiet=json)
    if json:
        documents = [
            each | {"history": log, "ways": None if (known := ways.get(each["id"])) is None else known.as_json()}
            for each, log in zip(found, histories, strict=True)
        ]
        print_json({"conflicts": documents})
        return
    for each, history in zip(found, histories, strict=True):
        show_conflict(out, each, history, ways.get(each["id"]))


def _ways(settings: Config, open_ones: Sequence[dict[str, Any]], *, quiet: bool) -> dict[int, Ways]:
    """By id, what can be answered to each; not where the sides of a binding cannot be looked at, which is said."""
    found: dict[int, Ways] = {}
    for name in dict.fromkeys(each["binding"] for each in open_ones):
        mine = [each for each in open_ones if each["binding"] == name]
        try:
            with progress(name, quiet=quiet) as phase, open_session(settings, settings.binding(name).name) as session:
                phase("looking at both sides")
                ways = look_for_ways(session, mine, vocabulary=session.vocabulary)
        except Exception as error:
            expected = told(error)
            if expected is None:
                raise
            print_note(f"what can be answered is not known, since both sides of {name} cannot be looked at:")
            show_error(expected)
            continue
        found.update(zip((each["id"] for each in mine), ways, strict=True))
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
    asked = _asked(settings, ids or [], kind, field, label, since, binding)
    done: list[tuple[str, Resolved]] = []
    for name in dict.fromkeys(each["binding"] for each in asked):
        with progress(name, quiet=json) as phase, open_session(settings, settings.binding(name).name) as session:
            mine = [each for each in asked if each["binding"] == name]
            done.append(
                (
                    name,
                    resolve(
                        session,
                        mine,
                        answer,
                        vocabulary=session.vocabulary,
                        note=note,
                        dry_run=dry_run,
                        progress=phase,
                    ),
                )
            )
    if json:
        print_json({"dry_run": dry_run, "bindings": [resolved_json(name, each) for name, each in done]})
    else:
        show_resolved(out, done)
    return CONFLICTS if any(each.left for _, each in done) else DONE


def _take(take: str | None, value: str | None) -> Take:
    """What is taken; ``ConfigError`` unless exactly one thing is."""
    if (take is None) == (value is None):
        raise ConfigError("Say what to take, once.", remedy="--take fiftyone, --take database, or --value TEXT.")
    sides = {side.value for side in Side}
    return Take(Side(take)) if take in sides else Take(text=take if value is None else value)


def _asked(
    settings: Config,
    ids: Sequence[int],
    kind: str | None,
    field: str | None,
    label: str | None,
    since: str | None,
    bindings: list[str] | None,
) -> list[dict[str, Any]]:
    """The open conflicts that are meant; ``ConfigError`` for an id that is none, or a filter that names nothing."""
    names = chosen(settings, bindings)
    with open_state(settings) as state:
        check_kind(state, kind)
        check_field(state, settings, names, field)
        if ids:
            known = _by_id(conflicts.query(state.connection, state.tables, ids=ids, status=None), ids)
            closed = [each for each in known if each["status"] != conflicts.OPEN]
            if closed:
                raise ConfigError(
                    f"Conflict {closed[0]['id']} is not open any more: {closed[0]['resolution']}.",
                    remedy="Leave it out; `syncd conflicts list` shows the open ones.",
                )
        found = conflicts.query(
            state.connection,
            state.tables,
            bindings=names,
            ids=ids,
            kind=kind,
            field=field,
            label=label,
            since=moment(since, datetime.now(timezone.utc)),
        )
        if not found:
            check_label(state, settings, names, label)
        return found


def _by_id(found: list[dict[str, Any]], ids: Sequence[int]) -> list[dict[str, Any]]:
    """What was found, if it is all that was asked for."""
    missing = sorted(set(ids) - {each["id"] for each in found})
    if missing:
        raise ConfigError(
            f"There is no conflict {', '.join(map(str, missing))}.", remedy="`syncd conflicts list` shows them."
        )
    return found
