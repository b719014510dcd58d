"""The order in which labels are shown: the taxonomy's where there is one, otherwise the most frequent first. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from syncd.model.vocabulary import Term
from syncd.report.labels import Net


def by_taxonomy(terms: Sequence[Term]) -> tuple[str, ...]:
    """The terms' names, each parent before its children, siblings as they came. A tree that bites its tail ends."""
    children: dict[str | None, list[str]] = {}
    names = {each.name for each in terms}
    for each in terms:
        children.setdefault(each.parent if each.parent in names else None, []).append(each.name)
    found: dict[str, None] = {}
    waiting = [*reversed(children.get(None, []))]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = None
            waiting += reversed(children.get(name, []))
    return tuple(found | dict.fromkeys(each.name for each in terms))


def ordered(classes: Iterable[Net], taxonomy: Sequence[str]) -> tuple[str, ...]:
    """The labels of ``classes``: those of the taxonomy in its order, then the others in theirs."""
    names = [each.label for each in classes]
    places = {name: place for place, name in enumerate(dict.fromkeys(taxonomy))}
    return tuple(sorted(names, key=lambda name: places.get(name, len(places))))
