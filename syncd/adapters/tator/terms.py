"""The vocabulary that a Tator project has: a tree of leaves, or the choices of the label's attribute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from syncd.adapters.rest.client import Client
from syncd.adapters.tator.config import TatorConfig
from syncd.adapters.tator.errors import wrong_store
from syncd.adapters.tator.project import Place
from syncd.model.vocabulary import Term


def terms_of(client: Client, config: TatorConfig, place: Place, label: str) -> tuple[Term, ...] | None:
    """The tree that `store.leaves` names, else the choices of the label, else the project's only tree.

    ``None`` where there is none of these.
    """
    if config.leaves is None:
        attribute = place.attributes.get(label, {})
        if attribute.get("dtype") == "enum":
            return tuple(Term(str(each)) for each in attribute["choices"])
    types = client.get(f"LeafTypes/{place.project}")
    if config.leaves is not None:
        types = [each for each in types if each["name"] == config.leaves]
        if not types:
            raise wrong_store(
                f"The project in Tator has no leaf type {config.leaves!r}.",
                "Mend `store.leaves`, or leave it out: then the choices of the label's attribute are the vocabulary.",
            )
    if len(types) != 1:
        return None
    leaves = client.get(f"Leaves/{place.project}", {"type": int(types[0]["id"])})
    return tuple(_tree(leaves)) or None


def _tree(leaves: Sequence[dict[str, Any]]) -> list[Term]:
    """Terms with the name of the one above; where a name is there twice, the first has it."""
    names = {int(each["id"]): str(each["name"]) for each in leaves}
    found: dict[str, Term] = {}
    for each in leaves:
        above = names.get(int(each["parent"])) if each.get("parent") is not None else None
        found.setdefault(str(each["name"]), Term(str(each["name"]), above))
    return list(found.values())
