"""syncd loads nothing that can run, and starts nothing through a shell: rules about its source, kept by reading it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SOURCES = sorted(
    path
    for folder in ("syncd", "embedding", "migrations", "tools")
    for path in (ROOT / folder).rglob("*.py")
    if "__pycache__" not in path.parts
)
LOADERS = {
    "pickle",
    "cPickle",
    "_pickle",
    "cloudpickle",
    "dill",
    "joblib",
    "marshal",
    "shelve",
    "jsonpickle",
    "pty",
    "code",
}
CALLS = {"eval", "exec", "compile", "__import__"}
OS_CALLS = {"system", "popen", "spawnl", "spawnv", "spawnlp", "spawnvp"}
YAML_LOADERS = {"Loader", "FullLoader", "UnsafeLoader", "CLoader", "CFullLoader", "CUnsafeLoader"}


def forbidden(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, what) of everything that runs what it reads, or that a shell would read."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, each.name) for each in node.names if each.name.split(".")[0] in LOADERS)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in LOADERS:
            yield node.lineno, str(node.module)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            name = f"{node.value.id}.{node.attr}"
            unsafe_yaml = node.value.id == "yaml" and (
                node.attr in YAML_LOADERS
                or node.attr.startswith(("unsafe_", "full_"))
                or node.attr in ("load", "load_all")
            )
            if unsafe_yaml or (node.value.id == "os" and node.attr in OS_CALLS):
                yield node.lineno, name
        elif isinstance(node, ast.Call):
            yield from _in_call(node)


def _in_call(node: ast.Call) -> Iterator[tuple[int, str]]:
    if isinstance(node.func, ast.Name) and node.func.id in CALLS:
        yield node.lineno, node.func.id
    for keyword in node.keywords:
        value = keyword.value
        false = isinstance(value, ast.Constant) and value.value is False
        if keyword.arg in ("shell", "allow_pickle") and not false:
            yield node.lineno, f"{keyword.arg}="
        if keyword.arg in ("verify", "check_hostname") and false:
            yield node.lineno, f"{keyword.arg}=False"
        if keyword.arg == "weights_only" and false:
            yield node.lineno, "weights_only=False"
    function = node.func
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        safe = any(each.arg == "weights_only" for each in node.keywords)
        if (function.value.id, function.attr) == ("torch", "load") and not safe:
            yield node.lineno, "torch.load without weights_only"


EMBEDDING = "embedding/syncd_embedding/"
TRUSTED = [
    (EMBEDDING + "pools.py", ["pickle"]),  # what it exchanges with processes that it has started
    (EMBEDDING + "worker.py", ["pickle"]),  # the other end of that
    (EMBEDDING + "weights.py", ["pickle"]),  # names the error by which torch refuses a file of weights
]


def test_there_is_something_to_look_at() -> None:
    assert len(SOURCES) > 250


def test_no_module_runs_what_it_reads_nor_asks_a_shell() -> None:
    found = {
        str(path.relative_to(ROOT)): what
        for path in SOURCES
        if (what := list(forbidden(ast.parse(path.read_text(encoding="utf-8")))))
    }
    assert {name: what for name, what in found.items() if (name, [each for _, each in what]) not in TRUSTED} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from marshal import loads",
        "yaml.load(text, Loader=yaml.Loader)",
        "yaml.load(text)",
        "yaml.unsafe_load(text)",
        "eval(text)",
        "exec(text)",
        "subprocess.run(text, shell=True)",
        "subprocess.run(text, shell=given)",
        "os.system(text)",
        "numpy.load(path, allow_pickle=True)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "httpx.get(url, verify=False)",
    ],
)
def test_what_is_forbidden_is_seen(source: str) -> None:
    assert list(forbidden(ast.parse(source)))
