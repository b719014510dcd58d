"""What Tator says of a binding: the facts of which its mapping is made."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from syncd.adapters.tator.config import TatorConfig
from syncd.adapters.tator.frames import Names
from syncd.adapters.tator.project import Place
from syncd.adapters.tator.values import KINDS, facts
from syncd.config import BindingConfig
from syncd.model import BOX, FLAG, LABEL, Holds, Kind
from syncd.model.store import Fault, FieldFacts, StoreDescription


def names_of(binding: BindingConfig, config: TatorConfig, *, crops: bool) -> Names:
    """How the binding's fields are called in Tator."""
    attributes = {LABEL: binding.columns.label.name}
    attributes |= {name: each.column for name, each in binding.attributes.items()}
    if binding.review.error_column is not None:
        attributes[FLAG] = binding.review.error_column
    return Names(attributes, config.person, crops)


def describe(binding: BindingConfig, config: TatorConfig, place: Place, where: str, *, crops: bool) -> StoreDescription:
    """The store's part of the mapping; what is wrong with it is told in ``faults``."""
    names = names_of(binding, config, crops=crops)
    found: dict[str, FieldFacts] = {}
    faults = list(_person_faults(place, config))
    for field, attribute in names.attributes.items():
        known = place.attributes.get(attribute)
        fact = None if known is None else facts(known, f"the type {place.type_name!r}")
        if fact is not None:
            found[field] = fact
        else:
            faults.append(_fault(field, attribute, place))
    if not crops:
        box = FieldFacts(Kind.BOX, Holds(Kind.BOX, nullable=False), f"the box of {place.type_name!r}", "box")
        found = {LABEL: found[LABEL], BOX: box, **found} if LABEL in found else {BOX: box, **found}
    flag = found.pop(FLAG, None)
    if LABEL in found and found[LABEL].kind is not Kind.TEXT:
        what = f"columns.label: {found[LABEL].place} is {found[LABEL].type_name}, expected text"
        faults.append((f"{what}.", "Name an attribute of type string or enum."))
    return StoreDescription(
        id=FieldFacts(Kind.UUID, Holds(Kind.UUID, nullable=False), f"elemental_id of {place.type_name!r}", "uuid"),
        fields={name: each for name, each in found.items() if name != FLAG},
        media_key="elemental_id" if crops else f"media.{config.media}",
        source=_source(names, config, place, where),
        flag=flag,
        can_insert=not crops,
        can_write_media=True,
        faults=tuple(faults),
    )


def _source(names: Names, config: TatorConfig, place: Place, where: str) -> str:
    """Changes where something else is read than before."""
    read = (where, place.project, place.version, place.type_id, sorted(names.attributes.items()), config.media)
    return hashlib.blake2b(repr(read).encode(), digest_size=8).hexdigest()


def _fault(field: str, attribute: str, place: Place) -> Fault:
    known = place.attributes.get(attribute)
    key = "columns.label" if field == LABEL else "review.error_column" if field == FLAG else f"attributes.{field}"
    if known is None:
        near = [each for each in place.attributes if each.lower() == attribute.lower()]
        there = ", ".join(sorted(place.attributes)) or "none"
        hint = f"Names are case-sensitive: did you mean {near[0]!r}?" if near else f"There are: {there}."
        return f"{key}: the type {place.type_name!r} in Tator has no attribute {attribute!r}.", hint
    mapped = ", ".join(KINDS)
    what = f"{key}: the attribute {attribute!r} of {place.type_name!r} is {known.get('dtype')}"
    return f"{what}, which holds no single value.", f"Map an attribute of one of the types {mapped}."


def _person_faults(place: Place, config: TatorConfig) -> Iterator[Fault]:
    if config.person is None:
        return
    known = place.attributes.get(config.person)
    if known is None or known.get("dtype") != "string":
        what = f"store.person: the type {place.type_name!r} in Tator has no attribute {config.person!r} of type string."
        yield what, "Name a string attribute that no person fills in, or leave `store.person` out."
