"""``syncd apply``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from syncd import planfile
from syncd.cli.common import ConfigOption, JsonOption, configuration, handled, out, print_json, progress
from syncd.cli.reconcile import worst
from syncd.cli.render.result import show_result
from syncd.config import Config
from syncd.errors import ConfigError
from syncd.planfile import SavedPlan
from syncd.reconcile.binding import reconcile_binding
from syncd.reconcile.made import MadeOptions, apply_made, made_plan
from syncd.reconcile.options import Options
from syncd.reconcile.result import RunResult
from syncd.session import open_session
from syncd.state import State, open_state
from syncd.store import held


@handled
def apply(
    plan: Annotated[
        str,
        typer.Argument(
            help="A plan saved with `-o PLAN`; or a run that was held, or its binding (`syncd status`).", metavar="PLAN"
        ),
    ],
    config: ConfigOption = None,
    drop: Annotated[
        bool, typer.Option("--drop", help="Forget the held plan of this run or binding; nothing is applied.")
    ] = False,
    json: JsonOption = False,
) -> int:
    """Apply a saved plan, or one that a brake holds. Refused when either side has moved since it was made."""
    settings = configuration(config)
    if drop:
        return _drop(settings, plan, json=json)
    # A folder may well be called like the binding: the pictures of a dataset often lie in one.
    is_saved = Path(plan).exists() and not Path(plan).is_dir()
    saved = planfile.load(Path(plan)) if is_saved else [_held(settings, plan)]
    for each in saved:
        settings.binding(each.binding)
    results = []
    for each in saved:
        results.append(_apply(settings, each, quiet=json))
        if not json:
            show_result(out, results[-1])
    if json:
        print_json({"bindings": [each.as_json() for each in results]})
    return worst([each.exit_code for each in results])


def _apply(settings: Config, saved: SavedPlan, *, quiet: bool) -> RunResult:
    with progress(saved.binding, quiet=quiet) as phase:
        if saved.kind == planfile.RECONCILE:
            options = Options(full=True, force=saved.forced, expected=saved.digest, progress=phase)
            return reconcile_binding(settings, saved.binding, options)
        with open_session(settings, saved.binding) as session:
            plan = made_plan(session.mapping, planfile.changes_of(saved, session.mapping))
            planfile.check(saved, plan)
            made = MadeOptions(saved.kind, strict=True, force=saved.forced, progress=phase)
            return apply_made(session, plan, made)


def _held(settings: Config, text: str) -> SavedPlan:
    """The held plan that is meant by a run's id or a binding's name."""
    with open_state(settings) as state:
        found = held.load(state.connection, state.tables, _binding(settings, state, text))
    assert found is not None, "the binding was found by its held plan"
    return SavedPlan(found.binding, found.digest, forced=True)


def _binding(settings: Config, state: State, text: str) -> str:
    """The binding whose held plan is meant; ``ConfigError`` where there is no such plan, or more than one."""
    names = [each.name for each in settings.bindings]
    if text in names and held.load(state.connection, state.tables, text) is not None:
        return text
    found = held.bindings_of(state.connection, state.tables, text) if text not in names else []
    if len(found) != 1:
        what = f"{len(found)} held plans" if found else "no plan file and no held plan"
        raise ConfigError(
            f"{text!r} names {what}; a plan that was held is replaced by the next one, and gone when a run gets by.",
            remedy="`syncd status` shows what is held; `syncd reconcile --dry-run -o PLAN` saves a plan.",
        )
    return found[0]


def _drop(settings: Config, text: str, *, json: bool) -> int:
    with open_state(settings) as state:
        name = _binding(settings, state, text)
        held.drop(state.connection, state.tables, name)
        state.connection.commit()
    if json:
        print_json({"binding": name, "dropped": True})
    else:
        out.print(
            f"[bold]{name}[/bold]: the held plan is dropped. The edits that led to it are where they were: take them "
            "back on their side, or the next run is held again.",
            soft_wrap=True,
        )
    return 0
