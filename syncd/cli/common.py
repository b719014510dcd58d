"""What all commands share: options, output, and how errors end."""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, ParamSpec, TextIO

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from syncd.cli.progress_lines import pulse
from syncd.cli.render.values import INDENT, escape
from syncd.errors import SyncdError, UnknownFilter
from syncd.printable import printable_json, printable_lines

if TYPE_CHECKING:
    from syncd.api.binding import Binding
    from syncd.api.progress import Counting
    from syncd.config import Config
    from syncd.model.kinds import Json

P = ParamSpec("P")

DONE, FAILED, USAGE, CONFLICTS, HELD = 0, 1, 2, 3, 4
INTERRUPTED = 130

PIPED_COLUMNS = 1000
"""Where no terminal reads along, a row stays on its line, for grep and for who pastes it; COLUMNS says otherwise."""


def _width(stream: TextIO) -> int | None:
    return None if stream.isatty() or "COLUMNS" in os.environ else PIPED_COLUMNS


class Terminal(Console):
    """A console that passes on no character that steers a terminal, wherever it comes from.

    What others wrote is escaped where it is put into a line (``escape`` of :mod:`syncd.cli.render.values`), which
    takes its line breaks too; this is the wall behind that, for whatever was not.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """The segments of what is printed; those that Rich itself steers the terminal with are left."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else printable_lines(text), style, control)


out = Terminal(highlight=False, emoji=False, width=_width(sys.stdout))
err = Terminal(stderr=True, highlight=False, emoji=False, width=_width(sys.stderr))

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        help="The configuration file [dim](default: $SYNCD_CONFIG, else ./syncd.yaml)[/dim].",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
BindingsArgument = Annotated[
    list[str] | None,
    typer.Argument(help="Names of bindings [dim](default: all)[/dim].", metavar="BINDING", show_default=False),
]
BindingArgument = Annotated[str, typer.Argument(help="Name of the binding.", metavar="BINDING")]

_given: dict[str, Path | None] = {"config": None}


def set_config(path: Path | None) -> None:
    """Takes ``syncd --config FILE COMMAND``; a command's own ``--config`` comes first."""
    _given["config"] = path


def configuration(path: Path | None) -> Config:
    """The configuration that this call means; ``ConfigError`` with every fault."""
    from syncd.config import load_config

    return load_config(config_path(path))


def config_path(path: Path | None) -> Path:
    """The configuration file that this call means."""
    from syncd.config import find_config

    return find_config(path or _given["config"])


def chosen(config: Config, names: list[str] | None) -> list[str]:
    """The bindings named, each once, or all of them; ``ConfigError`` for a name that is none."""
    wanted = names or [each.name for each in config.bindings]
    return list(dict.fromkeys(config.binding(name).name for name in wanted))


def _in_json(value: object) -> str:
    """What JSON has no form for: times in the one form that every document has them in; ids as text."""
    from syncd.model.kinds import iso

    return iso(value) if isinstance(value, datetime) else str(value)


def print_json(document: Json | Any) -> None:
    """One JSON document on standard output, and nothing else there."""
    sys.stdout.write(printable_json(json.dumps(document, indent=2, ensure_ascii=False, default=_in_json)) + "\n")


def print_json_lines(documents: Iterable[Json | Any]) -> None:
    """JSON documents that come one by one, each on a line, at once."""
    for each in documents:
        sys.stdout.write(printable_json(json.dumps(each, ensure_ascii=False, default=_in_json)) + "\n")
    sys.stdout.flush()


@contextmanager
def standard_output(*, is_json: bool = False) -> Iterator[BinaryIO]:
    """Standard output for a document that another program reads: exact, except on a terminal, where a person looks."""
    sys.stdout.flush()
    if not sys.stdout.isatty():
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    document = BytesIO()
    yield document
    text = document.getvalue().decode("utf-8", "replace")
    sys.stdout.write(printable_json(text) if is_json else printable_lines(text))


def print_text(text: str) -> None:
    """Text for another program on standard output; see :func:`standard_output`."""
    with standard_output() as file:
        file.write(text.encode())


def print_note(text: str) -> None:
    """Something that a person should know, on standard error."""
    err.print(f"[yellow]note:[/yellow] {escape(text)}", soft_wrap=True)


def handled(command: Callable[P, int | None]) -> Callable[P, None]:
    """Turns a command's return into an exit code, and its errors into sentences without a traceback."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            code = command(*args, **kwargs) or DONE
        except KeyboardInterrupt:
            err.print("[yellow]Interrupted.[/yellow] Whatever was under way is settled by the next run.")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            # The reader of our output has gone (`syncd log | head`): there is nobody left to tell.
            sys.stderr.close()
            raise typer.Exit(DONE) from None
        except Exception as error:
            from syncd.api.faults import told

            expected = told(error)
            if expected is None:
                raise
            raise typer.Exit(show_error(expected)) from error
        raise typer.Exit(code)

    return run


def show_error(error: SyncdError) -> int:
    """Prints an error for a person and returns the exit code."""
    err.print("[bold red]error:[/bold red]", end=" ")
    # A filter is an option here.
    message = f"--{error.message}" if isinstance(error, UnknownFilter) else error.message
    err.print(printable_lines(message, INDENT), markup=False, soft_wrap=True)
    if error.remedy:
        err.print("[cyan]→[/cyan]", end=" ")
        err.print(printable_lines(error.remedy, INDENT), markup=False, soft_wrap=True)
    return error.exit_code


@contextmanager
def opened(name: str, config: Path | None) -> Iterator[Binding]:
    """The binding of the configuration that this call means, with what the commands do as its methods."""
    from syncd.api.binding import open_binding

    with open_binding(name, configuration(config)) as binding:
        yield binding


@contextmanager
def phases(name: str, *, quiet: bool) -> Iterator[Counting]:
    """:func:`progress`, for a method of a binding."""
    from syncd.api.progress import Counting

    with progress(name, quiet=quiet) as phase:
        yield Counting(lambda begun, _done, _total: phase(begun))


@contextmanager
def progress(name: str, *, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Shows what a run is doing: a spinner on a terminal, lines on standard error elsewhere.

    ``quiet`` is for programs: only what takes long is told, and none of it on a terminal.
    """
    if quiet and err.is_terminal:
        yield lambda _: None
    elif err.is_terminal:
        with err.status(f"{escape(name)}: starting") as status:
            yield lambda phase: status.update(escape(f"{name}: {phase}"))
    else:
        with pulse(lambda line: err.print(escape(line), soft_wrap=True), late=quiet) as told:
            yield lambda phase: told(f"{name}: {phase}", "")
