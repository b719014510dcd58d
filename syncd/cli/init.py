"""``syncd init``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from syncd.cli.common import err, handled, out, print_note, progress
from syncd.cli.render.values import escape, plural
from syncd.config import load_config, load_config_text, require_free, starter_config, write_configuration
from syncd.errors import ConfigError, FiftyOneUnavailable, MappingError

if TYPE_CHECKING:
    from syncd.propose import Facts, Proposal, Question

URL_VARIABLE = "SYNCD_DATABASE_URL"
"""The environment variable that a configuration of ours takes the database's address from."""


@handled
def init(
    path: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("syncd.yaml"),
    table: Annotated[
        str | None,
        typer.Option("--table", "-t", metavar="TABLE", help="Look at this table, and propose its binding."),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="The FiftyOne dataset [dim](default: called like the table)[/dim].")
    ] = None,
    from_url: Annotated[
        str | None,
        typer.Option("--from-url", metavar="URL", help=f"The database [dim](default: ${URL_VARIABLE})[/dim]."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing; what is unsure is said in the file.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
) -> int:
    """Write a commented configuration: a starter, or the binding of a table as its database describes it."""
    if table is None:
        if dataset is not None or from_url is not None:
            raise ConfigError("--dataset and --from-url go with --table", remedy="Add --table TABLE.")
        write_configuration(path, starter_config(), force=force)
        out.print(
            f"Wrote [bold]{escape(str(path))}[/bold]. Fill it in, "
            "then run [bold]syncd doctor[/bold] and [bold]syncd migrate[/bold]."
        )
        return 0
    return _propose(path, table, dataset, from_url, asks=not yes and _is_asked(), force=force)


def _is_asked() -> bool:
    return sys.stdin.isatty() and out.is_terminal


def _propose(path: Path, table: str, dataset: str | None, from_url: str | None, *, asks: bool, force: bool) -> int:
    from syncd.cli.doctor import examine
    from syncd.propose import facts_at, render

    url = from_url or os.environ.get(URL_VARIABLE)
    if not url:
        raise ConfigError(
            "the database's address is not known",
            remedy=f"export {URL_VARIABLE}='postgresql+psycopg2://user:PASSWORD@host/database', or --from-url URL.",
        )
    require_free(path, force)
    with progress(table, quiet=False) as told:
        facts = facts_at(url, table, told)
        facts = _with_dataset(facts, dataset, path, url, told)
    proposal = _answered(facts, dataset, asks=asks)
    write_configuration(path, render(proposal, facts.dialect, path.parent), force=force)
    _told(path, proposal)
    config = load_config(path, {**os.environ, URL_VARIABLE: url})
    examine(config, [each.name for each in config.bindings])
    if from_url is not None and os.environ.get(URL_VARIABLE) != from_url:
        out.print(f"\nThe file takes the database's address from the environment: export {URL_VARIABLE}=…")
    out.print("\nNext: [bold]syncd migrate[/bold], then [bold]syncd ingest[/bold] with the binding's name.")
    return 0


def _with_dataset(facts: Facts, dataset: str | None, path: Path, url: str, told: Callable[[str], None]) -> Facts:
    """The facts, with those of the dataset where it is there already."""
    from syncd.propose import propose, render, with_dataset

    proposal = propose(facts, dataset)
    if proposal.missing:
        return facts
    # FiftyOne is found as the configuration that is being written will find it.
    config = load_config_text(render(proposal, facts.dialect, path.parent), {**os.environ, URL_VARIABLE: url})
    told("looking at FiftyOne")
    try:
        return with_dataset(facts, config)
    except FiftyOneUnavailable as error:
        # The table has told its part; doctor says what is to be done about this.
        print_note(f"the dataset was not looked at: {error.message}")
        return facts


def _answered(facts: Facts, dataset: str | None, *, asks: bool) -> Proposal:
    from syncd.propose import MOST_QUESTIONS, propose

    answers: dict[str, str] = {}
    proposal = propose(facts, dataset, answers)
    while asks and proposal.questions and len(answers) < MOST_QUESTIONS:
        question = proposal.questions[0]
        answers[question.name] = _asked(question)
        proposal = propose(facts, dataset, answers)
    if proposal.missing:
        raise MappingError(
            f"{facts.table.name} has no column that looks like the {' or the '.join(proposal.missing)}, nor does what "
            "it refers to.",
            remedy="Make a view that has it, and name that; or `syncd init` writes a configuration to fill in.",
        )
    return proposal


def _asked(question: Question) -> str:
    """What a person on the terminal answers: one of the options, or a text; nothing takes the default."""
    err.print(f"\n[bold]?[/bold] {escape(question.text)}")
    names = [each.answer for each in question.options]
    for number, each in enumerate(question.options, 1):
        err.print(f"  {number}  {escape(each.answer)}  [dim]{escape(each.why)}[/dim]")
    hint = f" [{question.default}]" if question.default is not None else " [leave open]"
    while True:
        text = str(typer.prompt(f"  {'number or name' if names else 'place'}{hint}", "", show_default=False, err=True))
        text = text.strip() or question.default or ""
        if text.isdecimal() and 1 <= int(text) <= len(names):
            return names[int(text) - 1]
        if not names or text in ("", *names):
            return text
        err.print(f"  {escape(text)} is none of these.")


def _told(path: Path, proposal: Proposal) -> None:
    out.print(f"Wrote [bold]{escape(str(path))}[/bold], with what was seen and what is unsure as comments.")
    doubts = [*proposal.notes, *(f"{'.'.join(each.path)}: {each.doubt}" for each in proposal.choices if each.doubt)]
    if doubts:
        out.print(f"{plural(len(doubts), 'thing')} to look at in it:")
        for each in doubts:
            out.print(f"  [yellow]![/yellow] {escape(each)}", soft_wrap=True)
