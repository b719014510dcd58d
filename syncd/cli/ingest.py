"""``syncd ingest``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from syncd.cli.bars import counting
from syncd.cli.common import BindingArgument, ConfigOption, JsonOption, configuration, handled, out, print_json
from syncd.cli.render.evaluation import show_evaluations
from syncd.cli.render.ingest import show_ingest
from syncd.config import BindingConfig
from syncd.errors import ConfigError
from syncd.ingest.evaluate import Evaluated, evaluate, evaluation_keys
from syncd.ingest.rejected import write_rejected
from syncd.ingest.run import IngestOptions, ingest


@handled
def ingest_command(
    binding: BindingArgument,
    config: ConfigOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be loaded; change nothing.")] = False,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Add at most so many new images.", metavar="N")
    ] = None,
    crops: Annotated[
        bool, typer.Option("--crops", help="One sample per annotation, cut from its box (or ingest.crops).")
    ] = False,
    anew: Annotated[
        bool,
        typer.Option("--anew", help="The dataset was dropped: make it again from the table, as if for the first time."),
    ] = False,
    rejected: Annotated[
        Path | None,
        typer.Option(
            "--rejected",
            help="Where to list rows that could not be loaded [dim](default: BINDING-rejected.csv)[/dim].",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    evaluated: Annotated[
        bool, typer.Option("--evaluate", help="Then compare the predictions with the labels, class by class.")
    ] = False,
    eval_key: Annotated[
        str | None,
        typer.Option(
            "--eval-key",
            help="The key of the evaluation in the dataset [dim](default: syncd_FIELD)[/dim].",
            metavar="KEY",
            show_default=False,
        ),
    ] = None,
    json: JsonOption = False,
) -> int:
    """Load media and labels into the dataset, with metadata and baseline. Repeat it to add what is new."""
    settings = configuration(config)
    name = settings.binding(binding).name
    _check_evaluation(settings.binding(binding), evaluated=evaluated, key=eval_key, dry_run=dry_run)
    with counting(quiet=json) as report:
        options = IngestOptions(dry_run=dry_run, limit=limit, crops=crops, anew=anew, progress=report)
        result = ingest(settings, name, options)
    safe = settings.binding(name).ingest.safe_for_spreadsheets
    result = write_rejected(result, rejected or Path(f"{name}-rejected.csv"), safe_for_spreadsheets=safe)
    if not json:
        show_ingest(out, result)
    evaluations = Evaluated()
    try:
        if evaluated:
            with counting(quiet=json) as report:
                evaluations = evaluate(settings, name, eval_key, report)
    finally:
        # What was ingested is said even where the evaluation fails.
        if json:
            print_json(result.as_json() | evaluations.as_json())
    if not json:
        show_evaluations(out, evaluations)
    return result.exit_code


def _check_evaluation(binding: BindingConfig, *, evaluated: bool, key: str | None, dry_run: bool) -> None:
    """Faults of the options, before anything is read."""
    if key is not None and not evaluated:
        raise ConfigError("--eval-key names the key of an evaluation.", remedy="Add --evaluate, or leave it out.")
    if evaluated and dry_run:
        raise ConfigError(
            "--evaluate stores its results in the dataset, and --dry-run changes nothing.",
            remedy="Leave out one of the two.",
        )
    if evaluated:
        evaluation_keys(binding, key)
