"""docs/architecture.md is the rule for what imports what; what documents and docstrings name is there."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ARCHITECTURE = ROOT / "docs" / "architecture.md"
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FOLDERS = ("syncd", "tests", "docs", "tools", "benchmarks", "migrations", "embedding", "deploy")
BESIDE = "syncd_embedding"
"""The package beside syncd that a room may import, where its row says so."""

OUTSIDE = {"tests", "tools", "benchmarks", "migrations", "embedding", "syncd_embedding"}

# `deploy/syncd` is what kubectl calls the Deployment.
PATH = re.compile(rf"(?<![\w/.@~-])(?!deploy/syncd(?![\w.]))(?:{'|'.join(FOLDERS)})/[\w/.-]*\w/?(?:::\w+)?")
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
QUOTED = re.compile(r'"([^"]+)" (?:in|of) (docs/[\w-]+\.md)')
ROLE = re.compile(r":(?:mod|class|func|meth|attr|data|exc|const|obj):`~?(syncd(?:\.\w+)+)`")


def sources(folder: str) -> list[Path]:
    """The Python files below a folder."""
    return [path for path in sorted((ROOT / folder).rglob("*.py")) if "__pycache__" not in path.parts]


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def statements(tree: ast.AST, *, when_loaded: bool = False) -> Iterator[ast.AST]:
    """Every statement at whatever depth, without the expressions in it, which are most of a tree.

    ``when_loaded``: only those that run while the module itself is imported: not in functions, nor for types alone.
    """
    for name in ("body", "handlers", "orelse", "finalbody", "cases"):
        if name == "body" and when_loaded and isinstance(tree, ast.If) and "TYPE_CHECKING" in ast.unparse(tree.test):
            continue
        for node in getattr(tree, name, ()):
            yield node
            if not (when_loaded and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
                yield from statements(node, when_loaded=when_loaded)


def module_name(path: Path) -> str:
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sources("syncd")}


def section(page: str, title: str) -> str:
    """One section of a Markdown page, as far as the next heading of its level."""
    _, _, rest = page.partition(f"\n## {title}\n")
    assert rest, f"there is a section {title!r}"
    return rest.split("\n## ")[0]


def rooms() -> dict[str, set[str]]:
    """The table of rooms: what each may import, in the order of the table."""
    allowed: dict[str, set[str]] = {}
    for line in section(ARCHITECTURE.read_text(encoding="utf-8"), "Rooms").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        name = re.fullmatch(r"`(\w+)`", cells[0])
        if name is None or len(cells) != 3:
            continue
        last = cells[2].rstrip(" |")
        names = set(allowed) if last == "everything above" else set(re.findall(r"`([\w.]+)`", last))
        assert names or last == "nothing", f"{name[1]}: what it may import is a list of rooms, or nothing"
        allowed[name[1]] = names
    return allowed


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def imported(path: Path, *, when_loaded: bool = False) -> Iterator[str]:
    """What a file imports, each as the module it is, or as a module and a name in it."""
    for node in statements(parsed(path), when_loaded=when_loaded):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports say where they come from"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def as_module(name: str) -> str:
    """The module of ours that a name stands in."""
    while name not in MODULES:
        name = name.rpartition(".")[0]
    return name


def is_ours(name: str) -> bool:
    return name.partition(".")[0] == "syncd"


def test_every_room_has_its_row_and_every_row_its_room() -> None:
    assert set(rooms()) == {room_of(name) for name in MODULES} - {"", "__main__"}


def test_a_room_may_import_only_rooms_above_it() -> None:
    above: set[str] = set()
    for name, allowed in rooms().items():
        assert {each.split(".")[0] for each in allowed} - {BESIDE} <= above, f"`{name}` may import what stands above it"
        above.add(name)


def test_a_room_imports_only_what_the_table_allows() -> None:
    table, wrong = rooms(), []
    for module, path in MODULES.items():
        room = room_of(module)
        if room in ("", "__main__"):
            continue
        for name in imported(path):
            if not is_ours(name) or name in ("syncd", "syncd.__version__"):
                continue
            target = as_module(name)
            allowed = (room, *table.get(room, ()))
            if not any(target == f"syncd.{each}" or target.startswith(f"syncd.{each}.") for each in allowed):
                wrong.append(f"{module} imports {target}")
    assert sorted(set(wrong)) == []


CALLED = ("adapters", "store", "vocabulary", "engine", "ingest", "credentials", "doctor")
"""Rooms that commands work with by way of `api`."""

OWN_DOORS = {"syncd.cli.app", "syncd.cli.demo"}
"""Commands that open what is no part of the API: the App's server, the servers of the demo."""


def test_a_command_calls_the_api_and_takes_only_types_and_constants_of_the_rooms_below() -> None:
    wrong = [
        f"{module} imports {name}"
        for module, path in MODULES.items()
        if room_of(module) == "cli" and module not in OWN_DOORS
        for name in imported(path)
        if is_ours(name) and room_of(as_module(name)) in CALLED and not name.rpartition(".")[2][0].isupper()
    ]
    assert wrong == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    needs = {
        module: {as_module(name) for name in imported(path, when_loaded=True) if is_ours(name)} - {module, "syncd"}
        for module, path in MODULES.items()
    }
    # Whoever imports nothing that is left can be loaded; what remains at the end waits for itself.
    while ready := {module for module, others in needs.items() if not others & needs.keys()}:
        needs = {module: others for module, others in needs.items() if module not in ready}
    assert {module: sorted(others & needs.keys()) for module, others in needs.items()} == {}


def test_nothing_in_the_package_imports_what_is_beside_it() -> None:
    table = rooms()
    wrong = [
        f"{module} imports {name}"
        for module, path in MODULES.items()
        for loaded in (True, False)
        for name in imported(path, when_loaded=loaded)
        if name.split(".")[0] in OUTSIDE
        if loaded or not (name.split(".")[0] == BESIDE and BESIDE in table.get(room_of(module), ()))
    ]
    assert wrong == []


def test_migrations_know_the_tables_alone_and_embeddings_nothing_of_syncd() -> None:
    found = {
        folder: {as_module(name) for path in sources(folder) for name in imported(path) if is_ours(name)}
        for folder in ("migrations", "embedding")
    }
    assert found["migrations"] <= {"syncd.store.tables"}
    assert found["embedding"] == set()


def docstrings(path: Path) -> Iterator[str]:
    """The docstrings of a file, those of constants and attributes included."""
    for node in statements(parsed(path)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value


@cache
def texts() -> tuple[tuple[str, str], ...]:
    """(where, text) of every document and docstring."""
    pages = [(str(page.relative_to(ROOT)), page.read_text(encoding="utf-8")) for page in DOCUMENTS]
    files = [path for folder in FOLDERS for path in sources(folder)]
    return (*pages, *((str(path.relative_to(ROOT)), text) for path in files for text in docstrings(path)))


def is_there(named: str) -> bool:
    """Whether a path is there, and the test that it names."""
    path, _, name = named.partition("::")
    file = ROOT / path
    if not name:
        return file.exists()
    return file.is_file() and any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name
        for node in statements(parsed(file))
    )


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as they are made on the web."""
    titles = HEADING.findall(page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def defined(module: str) -> set[str]:
    """The names at the top of a module."""
    names: set[str] = set()
    for node in parsed(MODULES[module]).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                names |= {each.id for each in ast.walk(target) if isinstance(each, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
    return names


def test_every_path_that_is_named_is_there() -> None:
    missing: dict[str, set[str]] = defaultdict(set)
    for where, text in texts():
        for named in PATH.findall(text):
            if not is_there(named):
                missing[where].add(named)
    assert dict(missing) == {}


def test_every_link_between_documents_leads_somewhere() -> None:
    broken = []
    for page in DOCUMENTS:
        for target, anchor in LINK.findall(page.read_text(encoding="utf-8")):
            if re.match(r"[a-z]+:", target):
                continue
            file = page.parent / target if target else page
            if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
                broken.append(f"{page.name}: {target}#{anchor}")
    assert broken == []


def test_every_heading_that_is_quoted_is_there() -> None:
    wrong = []
    for where, text in texts():
        for title, page in QUOTED.findall(re.sub(r"\s+", " ", text)):
            titles = HEADING.findall((ROOT / page).read_text(encoding="utf-8")) if (ROOT / page).exists() else []
            if title not in titles:
                wrong.append(f"{where}: {title!r} in {page}")
    assert wrong == []


def test_every_name_that_a_docstring_refers_to_is_defined() -> None:
    wrong = []
    for where, text in texts():
        for name in ROLE.findall(text):
            module = as_module(name)
            rest = name[len(module) + 1 :]
            if module == "syncd" or (rest and rest.split(".")[0] not in defined(module)):
                wrong.append(f"{where}: {name}")
    assert wrong == []


def test_no_module_is_named_by_a_word_that_the_glossary_gave_up() -> None:
    page = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    rows = [line.split(" | ")[0].strip("| ") for line in section(page, "Words not to use").splitlines() if "|" in line]
    words = {word.strip() for row in rows[2:] for word in re.split(r"[,;]", row) if "(" not in word}
    assert {"laid", "wishes", "poison"} <= words
    assert sorted(name for name in MODULES if name.rpartition(".")[2] in words) == []


def test_no_text_refers_to_a_document_outside_of_the_repository() -> None:
    """Sections are named by their headings; numbers of sections belong to documents that are not here."""
    wrong = [where for where, text in texts() if "\N{SECTION SIGN}" in text or re.search(r"\b[A-Z]+_FACTS\b", text)]
    assert wrong == []
