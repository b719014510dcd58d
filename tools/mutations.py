"""Small faults in the source of the diff, one at a time: what :mod:`tools.mutants` tries the tests on."""

from __future__ import annotations

import ast
import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DIFF = ROOT / "syncd" / "diff"
MODULE = "<module>"
"""Where a mutant stands that is in no function and no class."""

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
}
JOINS = {"left": "inner", "inner": "left", "anti": "semi", "semi": "anti", "full": "left"}
SIDES = {"F": "D", "D": "F", "B": "D"}
FLAGS = {"in_f": "in_d", "in_d": "in_f", "in_b": "in_f"}
ATTRIBUTES = {
    "FIFTYONE": "DATABASE",
    "DATABASE": "FIFTYONE",
    "TO_FIFTYONE": "TO_DATABASE",
    "TO_DATABASE": "TO_FIFTYONE",
    "INSERT": "DELETE",
    "DELETE": "INSERT",
    "min": "max",
    "max": "min",
    "is_null": "is_not_null",
    "is_not_null": "is_null",
    "first": "last",
    "last": "first",
}
NAMES = {"annotation", "returns", "decorator_list", "type_params", "bases"}
"""What of a node is not mutated."""

Change = Callable[[Any], Any]
"""Takes a copy of a node and returns what stands in its place."""


@dataclass(frozen=True)
class Mutant:
    """One small fault: the ``number``-th of a file, by the order of the syntax tree."""

    path: str
    number: int
    line: int
    last_line: int
    where: str
    before: str
    after: str

    @property
    def name(self) -> str:
        """What identifies it while lines above it come and go."""
        return f"{self.path}::{self.where}: {self.before} -> {self.after}"


def mutants(path: Path) -> list[Mutant]:
    """Every mutant of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    name = path.relative_to(ROOT).as_posix()
    found: list[Mutant] = []
    for place in _places(tree):
        for change in _changes(place.node):
            before, after = _shown(place.node, change(deepcopy(place.node)))
            found.append(Mutant(name, len(found), *place.lines, place.where, before, after))
    return found


def mutated(path: Path, number: int) -> ast.Module:
    """The tree of a file with its ``number``-th fault in it; ``IndexError`` where it has fewer."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    passed = 0
    for place in _places(tree):
        changes = list(_changes(place.node))
        if number < passed + len(changes):
            place.put(changes[number - passed](deepcopy(place.node)))
            return ast.fix_missing_locations(tree)
        passed += len(changes)
    raise IndexError(f"{path} has no mutant {number}")


def sample(number: int, seed: int) -> list[Mutant]:
    """So many mutants of all files of the diff, the same for the same seed and code."""
    found = [each for path in sorted(DIFF.rglob("*.py")) for each in mutants(path)]
    return random.Random(seed).sample(found, min(number, len(found)))  # noqa: S311


# Where


@dataclass(frozen=True)
class _Place:
    """A node, what holds it (``at`` where that is a list), the function or class that it is in, and its statement."""

    node: Any
    parent: ast.AST
    name: str
    at: int | None
    where: str
    statement: Any

    def put(self, node: ast.AST) -> None:
        """Puts another node in its place."""
        if self.at is None:
            setattr(self.parent, self.name, node)
        else:
            getattr(self.parent, self.name)[self.at] = node

    @property
    def lines(self) -> tuple[int, int]:
        """Its first line, and the last one of its statement; of a statement with a body, only its own."""
        node: Any = self.node.test if isinstance(self.node, ast.If) else self.node
        whole = node if hasattr(self.statement, "body") else self.statement
        return self.node.lineno, max(node.end_lineno, whole.end_lineno)


def _places(tree: ast.Module) -> Iterator[_Place]:
    """Everything that may be mutated; not what says no more than a type or a message does."""

    def within(node: ast.AST, where: str, statement: ast.AST) -> Iterator[_Place]:
        for name, value in ast.iter_fields(node):
            if name in NAMES:
                continue
            for at, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if not isinstance(child, ast.AST) or isinstance(child, ast.Assert | ast.JoinedStr | ast.Raise):
                    continue
                held = child if isinstance(child, ast.stmt) else statement
                if hasattr(child, "lineno"):
                    yield _Place(child, node, name, at, where, held)
                named = isinstance(child, ast.FunctionDef | ast.ClassDef)
                yield from within(child, child.name if named else where, held)  # type: ignore[attr-defined]

    yield from within(tree, MODULE, tree)


def _shown(node: Any, changed: Any) -> tuple[str, str]:
    """The node before and after, as source on one line; of a statement with a body no more than its condition."""
    if isinstance(node, ast.If):
        node, changed = node.test, changed.test
    before, after = (" ".join(ast.unparse(each).split()) for each in (node, changed))
    return before, after


# What


def _changes(node: Any) -> Iterator[Change]:
    """What may be changed in a node."""
    for kind, changes in _KINDS.items():
        if isinstance(node, kind):
            yield from changes(node)


def _comparison(node: Any) -> Iterator[Change]:
    for at, operator in enumerate(node.ops):
        yield partial(_compared, at=at, other=COMPARISONS[type(operator)]())


def _compared(node: Any, at: int, other: ast.cmpop) -> Any:
    return _set(node, ops=[*node.ops[:at], other, *node.ops[at + 1 :]])


def _all_or_any(node: Any) -> Iterator[Change]:
    other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    yield lambda copy: _set(copy, op=other)
    for at in range(len(node.values)):
        yield partial(_without, at=at)


def _without(node: Any, at: int) -> Any:
    others = [*node.values[:at], *node.values[at + 1 :]]
    return others[0] if len(others) == 1 else _set(node, values=others)


def _not(node: Any) -> Iterator[Change]:
    if isinstance(node.op, ast.Not | ast.Invert):
        yield lambda copy: copy.operand


def _operator(node: Any) -> Iterator[Change]:
    # Text cannot be subtracted: such a fault would not outlive its first line.
    if type(node.op) not in OPERATORS or (isinstance(node.op, ast.Add) and _is_text(node)):
        return
    other = OPERATORS[type(node.op)]()
    yield lambda copy: _set(copy, op=other)
    if isinstance(node.op, ast.BitAnd | ast.BitOr):
        yield lambda copy: copy.left
        yield lambda copy: copy.right


def _is_text(node: Any) -> bool:
    parts = [each for each in ast.walk(node) if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    return bool(parts or names & {*SIDES, "PREFIX", "prefix", "side", "place", "column"})


def _constant(node: Any) -> Iterator[Change]:
    if isinstance(node.value, bool):
        yield lambda copy: _set(copy, value=not copy.value)
    elif isinstance(node.value, int | float):
        yield lambda copy: _set(copy, value=copy.value + 1)
    elif isinstance(node.value, str) and node.value in FLAGS:
        yield lambda copy: _set(copy, value=FLAGS[copy.value])


def _name(node: Any) -> Iterator[Change]:
    if node.id in SIDES and isinstance(node.ctx, ast.Load):
        yield lambda copy: _set(copy, id=SIDES[copy.id])


def _attribute(node: Any) -> Iterator[Change]:
    if node.attr in ATTRIBUTES and isinstance(node.ctx, ast.Load):
        yield lambda copy: _set(copy, attr=ATTRIBUTES[copy.attr])


def _join(node: Any) -> Iterator[Change]:
    if node.arg == "how" and isinstance(node.value, ast.Constant) and node.value.value in JOINS:
        yield lambda copy: _set(copy, value=ast.Constant(JOINS[copy.value.value]))


def _return(node: Any) -> Iterator[Change]:
    if node.value is not None and not isinstance(node.value, ast.Constant):
        yield lambda copy: _set(copy, value=ast.Constant(None))


def _statement(node: Any) -> Iterator[Change]:
    if isinstance(node, ast.AugAssign) or isinstance(node.value, ast.Call):
        yield lambda copy: ast.copy_location(ast.Pass(), copy)


def _condition(_: Any) -> Iterator[Change]:
    yield lambda copy: _set(copy, test=ast.UnaryOp(ast.Not(), copy.test))


def _set(node: Any, **values: Any) -> Any:
    for name, value in values.items():
        setattr(node, name, value)
    return node


_KINDS: dict[Any, Callable[[Any], Iterator[Change]]] = {
    ast.Compare: _comparison,
    ast.BoolOp: _all_or_any,
    ast.UnaryOp: _not,
    ast.BinOp: _operator,
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.keyword: _join,
    ast.Return: _return,
    ast.AugAssign: _statement,
    ast.Expr: _statement,
    ast.If: _condition,
    ast.IfExp: _condition,
}
