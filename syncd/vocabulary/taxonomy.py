"""A vocabulary as the tree of a FiftyOne taxonomy: plain dictionaries, as FiftyOne stores them.

A node that cannot be selected is a header; a deprecated node is not offered, and stays valid on labels that have it.
Names are unique in the whole tree.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import Any, TypeAlias

from syncd.errors import MappingError
from syncd.model.vocabulary import Term, Vocabulary
from syncd.vocabulary.schema import why_poison

Node: TypeAlias = "dict[str, Any]"

TOP = "all classes"

DEEPEST = 40
"""Levels; MongoDB takes 100 levels of nesting in a document, and a node makes two."""


def taxonomy_root(vocabulary: Vocabulary, deprecated: Collection[str] = ()) -> Node:
    """The tree: terms below their parents in the order given, then extra labels, then what is no term any more.

    Raises MappingError for a tree deeper than `DEEPEST`.
    """
    terms = {each.name: each for each in vocabulary.terms}
    below: defaultdict[str | None, list[str]] = defaultdict(list)
    headers = dict.fromkeys(each.parent for each in vocabulary.terms if each.parent and each.parent not in terms)
    top = [name for name in headers if name]
    for each in vocabulary.terms:
        if each.parent is None:
            top.append(each.name)
        else:
            below[each.parent].append(each.name)
    top += [name for name in vocabulary.extra_labels if name not in terms and name not in headers]
    nodes = [_node(name, terms, vocabulary, below, 1) for name in top]
    gone = sorted(name for name in deprecated if name not in vocabulary.names and name not in headers)
    nodes += [{"name": name, "deprecated": True} for name in gone if why_poison(name) is None]
    kept = [each for each in nodes if each is not None]
    taken = {name for each in kept for name, _ in walk(each)}
    title = TOP
    while title in taken:
        title += " "
    return {"name": title, "can_select": False, "values": kept}


def _node(
    name: str, terms: dict[str, Term], vocabulary: Vocabulary, below: dict[str | None, list[str]], level: int
) -> Node | None:
    """A term with all that is below it; ``None`` for one that must not be pushed and has nothing below it."""
    if level > DEEPEST:
        raise MappingError(
            f"The vocabulary has more than {DEEPEST} levels, which FiftyOne cannot store: {name!r} is on the next.",
            remedy="Leave out levels, or the parents.",
        )
    made = [_node(child, terms, vocabulary, below, level + 1) for child in below.get(name, ())]
    children = [each for each in made if each is not None]
    is_class = name in vocabulary.names and why_poison(name) is None
    if not is_class and not children:
        return None
    node: Node = {"name": name}
    term = terms.get(name)
    described = ", ".join(filter(None, (term.rank, term.code))) if term else ""
    if described:
        node["description"] = described
    if not is_class:
        node["can_select"] = False
    if children:
        node["values"] = children
    return node


def walk(node: Node) -> Iterator[tuple[str, Node]]:
    """Every node of a tree with its name, parents first."""
    waiting = [node]
    while waiting:
        each = waiting.pop()
        yield each["name"], each
        waiting.extend(reversed(each.get("values") or []))


def selectable(root: Node) -> frozenset[str]:
    """The names that are, or were, valid labels of a tree."""
    return frozenset(name for name, node in walk(root) if node.get("can_select", True))
