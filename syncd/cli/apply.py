"""``syncd apply``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from syncd.api import actions, queries
from syncd.cli.common import ConfigOption, JsonOption, configuration, handled, out, print_json, progress
from syncd.cli.reconcile import worst
from syncd.cli.render.result import show_result
from syncd.config import Config


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
    saved = actions.load_plans(Path(plan)) if is_saved else [actions.held_plan(queries.held_by_text(settings, plan))]
    for each in saved:
        settings.binding(each.binding)
    results = []
    for each in saved:
        with progress(each.binding, quiet=json) as phase:
            results.append(actions.apply(settings, each, phase=phase))
        if not json:
            show_result(out, results[-1])
    if json:
        print_json({"bindings": [each.as_json() for each in results]})
    return worst([each.exit_code for each in results])


def _drop(settings: Config, text: str, *, json: bool) -> int:
    name = queries.drop_held(settings, text)
    if json:
        print_json({"binding": name, "dropped": True})
    else:
        out.print(
            f"[bold]{name}[/bold]: the held plan is dropped. The edits that led to it are where they were: take them "
            "back on their side, or the next run is held again.",
            soft_wrap=True,
        )
    return 0
