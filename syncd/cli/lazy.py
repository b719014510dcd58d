"""Commands whose modules are imported when they are called: no command waits for the libraries of the others."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer


@dataclass(frozen=True)
class Command:
    """Where a command is: a function of ``module``, or its ``app`` where it has commands of its own.

    ``summary`` is what the list of commands says of it: the first paragraph of its own help.
    """

    name: str
    module: str
    function: str | None
    panel: str
    example: str | None = None
    summary: str = ""


class Commands(MutableMapping[str, Any]):
    """The commands by name, in their order, each built when it is first asked for."""

    def __init__(self, commands: tuple[Command, ...]) -> None:
        self._commands = {each.name: each for each in commands}
        self._built: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._built:
            self._built[name] = _build(self._commands[name])
        return self._built[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._built[name] = command

    def __delitem__(self, name: str) -> None:
        raise TypeError(f"the command {name!r} cannot be taken away")

    def __contains__(self, name: object) -> bool:
        return name in self._commands or name in self._built

    def __iter__(self) -> Iterator[str]:
        return iter(self._commands | self._built)

    def __len__(self) -> int:
        return len(self._commands | self._built)


def group_of(commands: tuple[Command, ...]) -> type[typer.core.TyperGroup]:
    """A class of groups that have these commands: for ``typer.Typer(cls=…)``."""
    found = Commands(commands)

    class LazyGroup(typer.core.TyperGroup):
        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings)
            self.commands = found

        def format_help(self, ctx: Any, formatter: Any) -> None:
            """Lists the commands by what the table says of them: none is imported for that."""
            self.commands = {each.name: _listed(each) for each in commands}
            try:
                super().format_help(ctx, formatter)
            finally:
                self.commands = found

    return LazyGroup


def _listed(command: Command) -> typer.core.TyperCommand:
    """Stands for the command in the list of commands, and cannot be called."""
    return typer.core.TyperCommand(command.name, help=command.summary, rich_help_panel=command.panel)


def _build(command: Command) -> Any:
    module = import_module(command.module)
    around = typer.Typer(rich_markup_mode="rich", pretty_exceptions_enable=False, add_completion=False)
    around.callback()(_nothing)
    if command.function is None:
        around.add_typer(module.app, name=command.name, rich_help_panel=command.panel)
    else:
        registered = around.command(command.name, rich_help_panel=command.panel, epilog=command.example)
        registered(getattr(module, command.function))
    group = typer.main.get_command(around)
    return group.commands[command.name]  # type: ignore[attr-defined]


def _nothing() -> None:
    """With a callback, Typer makes a group of a single command too."""
