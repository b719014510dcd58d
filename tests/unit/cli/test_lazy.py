from __future__ import annotations

import subprocess
import sys

import pytest

from syncd.cli.lazy import Command, Commands
from syncd.cli.main import COMMANDS

LOADED = "import sys, syncd.cli.main as m; m.app(sys.argv[1:], standalone_mode=False); print(*sorted(sys.modules))"


@pytest.mark.parametrize("command", COMMANDS, ids=[each.name for each in COMMANDS])
def test_every_command_is_where_the_table_says(command: Command) -> None:
    built = Commands((command,))[command.name]

    assert built.name == command.name
    assert built.rich_help_panel == command.panel


def test_commands_are_named_without_being_built() -> None:
    commands = Commands((Command("absent", "syncd.cli.there_is_no_such_module", "absent", "Look"),))

    assert list(commands) == ["absent"]
    assert "absent" in commands
    with pytest.raises(ModuleNotFoundError):
        commands["absent"]


def test_a_command_loads_neither_the_other_commands_nor_pandas() -> None:
    called = [sys.executable, "-c", LOADED, "status", "--help"]
    modules = subprocess.run(called, capture_output=True, text=True, check=True).stdout.splitlines()[-1].split()

    assert "syncd.cli.status" in modules
    assert not {"syncd.cli.reconcile", "syncd.cli.ingest", "pandas", "fiftyone", "boto3"} & set(modules)
