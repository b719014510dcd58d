"""What syncd knows of FiftyOne beyond its documented SDK stands in one module, to be looked through at each version."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from syncd.adapters.fiftyone import compat

ROOT = Path(__file__).resolve().parents[3] / "syncd"
PLACE = ROOT / "adapters" / "fiftyone" / "compat.py"
SOURCES = [path for path in sorted(ROOT.rglob("*.py")) if path != PLACE]

DOCUMENTED = {"fiftyone", "fiftyone.brain", "fiftyone.operators", "fiftyone.operators.types", "fiftyone.plugins"}
"""Modules that FiftyOne's own documentation tells people to import."""

KEYS = {
    compat.CLASS,
    compat.COLLECTION,
    compat.DATASET_KEY,
    compat.EMBEDDED_CLASS,
    compat.FIELD_CLASS,
    compat.IMAGE_METADATA,
    compat.MEDIA_TYPE,
    compat.RANDOM,
    compat.SAMPLE_FIELDS,
    compat.STAMP,
    compat.STORED_AS,
}
"""Keys of storage that are no words of their own: wherever such a text stands, FiftyOne's key is meant."""

CONFIGURED, KNOWING = {compat.SAMPLE_FIELDS, compat.STAMP}, {"config", "propose"}
"""Keys of storage that a person writes into the configuration too, and the rooms in which that is meant by them."""

INSIDE = re.compile(r"(?<![\w/])fiftyone\.(core|server|internal|utils|constants)\b|\._cls\b")
NAMED_TUPLES_AND_ENUMS = {"_replace", "_value_"}


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def undocumented_imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
        names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
        yield from (each for each in names if each.split(".")[0] == "fiftyone" and each not in DOCUMENTED)


def docstrings(tree: ast.Module) -> set[int]:
    """Texts that are statements of their own."""
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def keys_of_storage(tree: ast.Module) -> Iterator[str]:
    words = docstrings(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in words:
            continue
        if node.value in KEYS or INSIDE.search(node.value):
            yield node.value


def private_names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or not node.attr.startswith("_") or node.attr.startswith("__"):
            continue
        own = ast.unparse(node.value) in ("self", "cls", "super()", "os")
        if not own and node.attr not in NAMED_TUPLES_AND_ENUMS:
            yield ast.unparse(node)


@pytest.mark.parametrize("kind", [undocumented_imports, keys_of_storage, private_names], ids=lambda each: each.__name__)
def test_nothing_of_fiftyones_own_stands_anywhere_else(kind: object) -> None:
    assert callable(kind)
    found = [
        f"{path.relative_to(ROOT)}: {each}"
        for path in SOURCES
        for each in kind(parsed(path))
        if each not in CONFIGURED or path.relative_to(ROOT).parts[0] not in KNOWING
    ]
    assert found == []


def test_every_private_module_that_is_named_is_there() -> None:
    """Looked up and not imported, which takes FiftyOne seconds; taxonomies came later than the oldest version."""
    package = importlib.util.find_spec("fiftyone")
    assert package is not None and package.submodule_search_locations is not None
    folder = Path(next(iter(package.submodule_search_locations)))
    places = {each: folder.joinpath(*each.value.split(".")[1:]) for each in compat.Private}
    missing = {each for each, place in places.items() if not (place.is_dir() or place.with_suffix(".py").is_file())}
    newer = {compat.Private.TAXONOMIES} if compat.numbers(compat.installed_version()) < (1, 20) else set()
    assert missing <= newer
