"""Adapters are plugged in: who still imports one by name is listed here, and the list only gets shorter."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMED = ("syncd.adapters.fiftyone", "syncd.adapters.sql")
LISTED = Path(__file__).with_name("imports_of_adapters.txt")


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            found.update(f"{node.module}.{each.name}" for each in node.names)
        elif isinstance(node, ast.Import):
            found.update(each.name for each in node.names)
    return found


def naming() -> list[str]:
    """Modules outside of the adapters that name one."""
    files = [path for path in sorted((ROOT / "syncd").rglob("*.py")) if "adapters" not in path.relative_to(ROOT).parts]
    return [str(path.relative_to(ROOT)) for path in files if any(each.startswith(NAMED) for each in _imports(path))]


def test_no_module_begins_to_import_an_adapter_by_name() -> None:
    listed = LISTED.read_text(encoding="utf-8").split()
    assert sorted(set(naming()) - set(listed)) == [], "go through syncd.adapters.base and syncd.adapters.plugged"
    assert sorted(set(listed) - set(naming())) == [], f"well done: take them out of {LISTED.name}"
