"""The diff is pure: no I/O, no clock, no connection, no chance. Whoever opens ``syncd/diff`` finds judgement only."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import syncd.diff

FOLDER = Path(syncd.diff.__file__).parent
MODULES = sorted(FOLDER.rglob("*.py"))
STDLIB = {"__future__", "bisect", "collections", "collections.abc", "dataclasses", "datetime", "decimal", "enum", "functools", "itertools", "json", "math", "re", "types", "typing", "unicodedata", "uuid"}  # fmt: skip  # noqa: E501
OURS = ("syncd.model", "syncd.diff")
PURE = ("polars", "rapidfuzz", "rapidfuzz.distance")
IMPURE = {"open", "print", "input", "exec", "eval", "__import__", "now", "utcnow", "today", "scan_csv", "read_database"}
IMPURE |= {"uuid1", "uuid4"}


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports say where they come from"
            yield str(node.module)


def test_there_is_something_to_look_at() -> None:
    assert {"reconcile.py", "presence.py", "identity.py", "brakes.py"} <= {path.name for path in MODULES}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_a_module_imports_nothing_that_could_reach_outside(path: Path) -> None:
    names = set(imported(ast.parse(path.read_text(encoding="utf-8"))))
    foreign = {name for name in names if not (name in STDLIB or name in PURE or name.startswith(OURS))}
    assert foreign == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_a_module_calls_nothing_that_reads_writes_or_tells_the_time(path: Path) -> None:
    called = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            function = node.func
            called.add(function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", ""))
    assert called & IMPURE == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_a_module_keeps_no_state_between_calls(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Global | ast.Nonlocal)]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_what_a_module_remembers_is_an_expression_made_of_its_arguments(path: Path) -> None:
    """An expression holds no data: making it again would make the same one."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and any("cache" in ast.unparse(each) for each in node.decorator_list):
            assert node.returns is not None
            assert "pl.Expr" in ast.unparse(node.returns)


def test_importing_the_diff_brings_no_server_s_client_along() -> None:
    code = "import sys, syncd.diff; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    loaded = {name.split(".")[0] for name in ran.stdout.split()}
    assert "polars" in loaded
    assert not loaded & {"pymongo", "sqlalchemy", "fiftyone", "psycopg2", "boto3", "adbc_driver_postgresql", "requests"}
