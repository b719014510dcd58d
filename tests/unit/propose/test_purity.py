"""The judgement of a proposal is pure: facts in, proposal out."""

from __future__ import annotations

import ast
from pathlib import Path

import syncd.propose

READING = {"read", "triggers", "dataset", "run", "__init__"}
"""Modules that look into a database, or into FiftyOne."""

ALLOWED = {"re", "json", "textwrap", "pathlib", "dataclasses", "typing", "collections", "__future__"}
OURS = ("syncd.model", "syncd.config", "syncd.printable", "syncd.propose.")


def test_what_judges_reaches_nothing_outside() -> None:
    wrong = []
    for path in sorted(Path(syncd.propose.__file__).parent.glob("*.py")):
        if path.stem in READING:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            wrong += [
                f"{path.stem} imports {name}"
                for name in names
                if (name.partition(".")[0] not in ALLOWED and not name.startswith(OURS))
                or name in {f"syncd.propose.{each}" for each in READING}
            ]
    assert wrong == []
