"""``syncd vocabulary``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from syncd import planfile
from syncd.cli.common import (
    BindingArgument,
    ConfigOption,
    JsonOption,
    configuration,
    handled,
    out,
    print_json,
    print_note,
    progress,
)
from syncd.cli.render.vocabulary import show_checked, show_fix, show_pushed
from syncd.config import Config
from syncd.connect import open_database
from syncd.errors import ConfigError
from syncd.reconcile.made import MADE
from syncd.session import open_session
from syncd.vocabulary.check import Checked, check_vocabulary, required
from syncd.vocabulary.fix import Fix, fix_plan
from syncd.vocabulary.load import load_with_notes
from syncd.vocabulary.push import push_vocabulary

app = typer.Typer(help="The terms that a label may be.", no_args_is_help=True, rich_markup_mode="rich")


@app.command(epilog="Example: syncd vocabulary check planktivore --fix -o fix.json")
@handled
def check(
    binding: BindingArgument,
    config: ConfigOption = None,
    fix: Annotated[
        bool,
        typer.Option(
            "--fix", help="Make a plan of the safe corrections: aliases, and what differs by case, spaces, separators."
        ),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Where --fix saves the plan [dim](default: BINDING-vocabulary.json)[/dim].",
            metavar="PLAN",
            show_default=False,
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Let the plan that --fix makes pass the brakes. Look at it first.")
    ] = False,
    json: JsonOption = False,
) -> int:
    """Which labels in use, on either side, are not in the vocabulary. Changes nothing."""
    if (output is not None or force) and not fix:
        raise ConfigError("-o and --force are about the plan that --fix makes.", remedy="Add --fix, or leave them out.")
    settings = configuration(config)
    with progress(binding, quiet=json) as phase:
        phase("counting labels")
        found = check_vocabulary(settings, binding)
        made = None
        if fix:
            phase("looking up what can be corrected")
            made = _fix(settings, found)
    path = output or Path(f"{found.binding}-vocabulary.json")
    saved = made is not None and not made.plan.is_empty
    if made is not None and saved:
        planfile.save(path, [made.plan], forced=force, kind=MADE)
    if json:
        document = found.as_json()
        if made is not None:
            changes = len(made.plan.changes)
            document["fix"] = {"plan": str(path) if saved else None, "changes": changes, "left": {**made.left}}
        print_json(document)
    else:
        show_checked(out, found)
        if made is not None:
            show_fix(out, made, path)
    return found.exit_code


@app.command(epilog="Example: syncd vocabulary push planktivore")
@handled
def push(binding: BindingArgument, config: ConfigOption = None, json: JsonOption = False) -> int:
    """Offer these terms, and no others, in FiftyOne's annotation."""
    settings = configuration(config)
    chosen = settings.binding(binding)
    with progress(binding, quiet=json) as phase:
        phase("reading the vocabulary")
        with open_database(settings.database.url.get_secret_value()) as connection:
            try:
                loaded = required(chosen, load_with_notes(chosen, connection))
            finally:
                connection.engine.dispose()
        phase("writing the label schema")
        pushed = push_vocabulary(settings, chosen, loaded.vocabulary)
    if json:
        print_json({"binding": chosen.name, **pushed.as_json(), "notes": list(loaded.notes)})
    else:
        show_pushed(out, chosen.name, pushed, len(loaded.vocabulary.names))
        for note in loaded.notes:
            print_note(note)
    return 0


def _fix(settings: Config, found: Checked) -> Fix:
    with open_session(settings, found.binding, migrated=False) as session:
        return fix_plan(session, found.meant)
