"""``syncd apply``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from syncd import planfile
from syncd.cli.common import ConfigOption, JsonOption, configuration, handled, out, print_json, progress
from syncd.cli.reconcile import worst
from syncd.cli.render.result import show_result
from syncd.reconcile.binding import reconcile_binding
from syncd.reconcile.run import Options


@handled
def apply(
    plan: Annotated[Path, typer.Argument(help="A plan saved by `syncd reconcile -o PLAN`.", metavar="PLAN")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> int:
    """Apply a saved plan. Refused when either side has moved since it was made."""
    settings = configuration(config)
    saved = planfile.load(plan)
    for each in saved:
        settings.binding(each.binding)
    results = []
    for each in saved:
        with progress(each.binding, quiet=json) as phase:
            options = Options(full=True, force=each.forced, expected=each.digest, progress=phase)
            results.append(reconcile_binding(settings, each.binding, options))
        if not json:
            show_result(out, results[-1])
    if json:
        print_json({"bindings": [each.as_json() for each in results]})
    return worst([each.exit_code for each in results])
