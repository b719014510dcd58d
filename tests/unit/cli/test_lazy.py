from __future__ import annotations

import inspect
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from syncd.cli.main import COMMANDS, Command, Commands

LOADED = """
import sys, syncd.cli.main as m
m.app(sys.argv[1:], standalone_mode=False)
print(*sorted(sys.modules))
"""


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


HEAVY = {
    "adbc_driver_manager",
    "alembic",
    "boto3",
    "cryptography",
    "fiftyone",
    "httpx",
    "mako",
    "numpy",
    "pandas",
    "polars",
    "pyarrow",
    "pymongo",
    "pymongoarrow",
    "rapidfuzz",
}
"""What is imported by a command that works with it, and by no other."""


def loaded(*arguments: str) -> set[str]:
    """The modules that a process has imported once it has carried out a command."""
    called = [sys.executable, "-c", LOADED, *arguments]
    return set(subprocess.run(called, capture_output=True, text=True, check=True).stdout.splitlines()[-1].split())


def test_the_help_imports_no_command_and_no_library_but_those_that_print_it() -> None:
    modules = loaded("--help")

    assert not modules & (HEAVY | {"pydantic", "sqlalchemy", "structlog", "yaml", "asyncio"})
    assert not modules & {each.module for each in COMMANDS}
    assert {each for each in modules if each.startswith("syncd.")} == {
        "syncd.api",
        "syncd.api.html",
        "syncd.cli",
        "syncd.cli.common",
        "syncd.cli.main",
        "syncd.cli.progress_lines",
        "syncd.cli.render",
        "syncd.cli.render.values",
        "syncd.errors",
        "syncd.own_process",
        "syncd.printable",
    }


def test_status_imports_neither_what_reads_annotations_nor_what_judges_them(tmp_path: Path) -> None:
    config = tmp_path / "syncd.yaml"
    config.write_text(
        f"""
database: {{url: "sqlite:///{tmp_path / "lab.db"}"}}
bindings:
  - {{name: b, dataset: d, label_field: f, annotation_id: a, table: t, columns: {{id: a, label: l, media: m}}}}
"""
    )
    sqlite3.connect(tmp_path / "lab.db").close()
    migrate = [sys.executable, "-c", "from syncd.cli.main import main; main()", "-c", config, "migrate"]
    subprocess.run(migrate, check=True, capture_output=True)

    modules = loaded("-c", str(config), "status")

    assert {"syncd.cli.status", "syncd.store.waiting", "sqlite3"} <= modules, "it has found the tables"
    assert not modules & HEAVY
    rooms = ("diff", "engine.run", "engine.apply", "engine.resolve", "adapters.fiftyone", "ingest", "doctor")
    assert [each for each in modules if each.startswith(tuple(f"syncd.{room}" for room in rooms))] == []


@pytest.mark.parametrize("command", COMMANDS, ids=[each.name for each in COMMANDS])
def test_the_list_of_commands_says_what_each_says_of_itself(command: Command) -> None:
    help_text = inspect.cleandoc(Commands((command,))[command.name].help)

    assert command.summary == help_text.partition("\n\n")[0].replace("\n", " ")


def test_a_command_loads_neither_the_other_commands_nor_pandas() -> None:
    modules = loaded("status", "--help")

    assert "syncd.cli.status" in modules
    assert not modules & ({"syncd.cli.reconcile", "syncd.cli.ingest"} | HEAVY)
