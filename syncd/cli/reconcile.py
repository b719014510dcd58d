"""``syncd reconcile``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from syncd.api import actions
from syncd.api.actions import Asked, PlannedRun
from syncd.cli.common import (
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
from syncd.cli.render.plan import show_plan
from syncd.cli.render.result import show_result
from syncd.cli.render.values import escape
from syncd.engine.result import RunResult
from syncd.errors import ConfigError, ConnectionFailed, SyncdError


@handled
def reconcile(
    bindings: BindingsArgument = None,
    config: ConfigOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan; change nothing.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Read everything, whatever the timestamps say.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Release the brakes, once. Look at the plan with --dry-run first.")
    ] = False,
    tag: Annotated[
        str | None,
        typer.Option("--tag", help="Take only edits from FiftyOne whose label or sample bears this tag.", metavar="T"),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Save the plan for `syncd apply`; changes nothing (implies --dry-run).",
            metavar="PLAN",
        ),
    ] = None,
    json: JsonOption = False,
) -> int:
    """Bring both sides of the bindings into agreement, once."""
    settings = configuration(config)
    if tag is not None and output is not None:
        raise ConfigError("A plan of a part of the edits cannot be saved.", remedy="Leave out one of --tag and -o.")
    dry_run = dry_run or output is not None
    planned: list[PlannedRun] = []
    results: list[RunResult] = []
    failed: list[tuple[str, SyncdError]] = []
    for name in chosen(settings, bindings):
        with progress(name, quiet=json) as phase:
            asked = Asked(full=full or output is not None, force=force, tag=tag, phase=phase)
            try:
                if dry_run:
                    planned.append(actions.plan(settings, name, **asked))
                    results.append(planned[-1].result)
                else:
                    results.append(actions.reconcile(settings, name, **asked))
            except ConfigError:
                raise
            except SyncdError as error:
                failed.append((name, error))
                if isinstance(error, ConnectionFailed):
                    break
                continue
        if not json:
            _show(results[-1])
    if output is not None and not failed:
        actions.save_plans(planned, output)
        if not json:
            file = escape(str(output))
            out.print(f"Saved to [bold]{file}[/bold]. Apply it with [bold]syncd apply {file}[/bold].")
    if json:
        documents = [each.as_json() for each in results]
        documents += [{"binding": name, "error": error.message} for name, error in failed]
        print_json({"bindings": documents})
    codes = [show_error(error) for _, error in failed] + [each.exit_code for each in results]
    return worst(codes)


def worst(codes: list[int]) -> int:
    """One exit code for several bindings: a failure before a held binding before open conflicts."""
    return next((code for code in (2, 1, 4, 3) if code in codes), 0)


def _show(result: RunResult) -> None:
    if result.dry_run and result.plan is not None:
        show_plan(out, result.plan)
    show_result(out, result)
    for note in result.notes:
        print_note(note)
