"""One annotation that is to be written: what was seen, what is to be set, and what its history shows afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from syncd.adapters.tator.frames import Framer, Raw
from syncd.adapters.tator.values import GEOMETRY, canonical, raw_of, sent
from syncd.model import Change, Content, Field, Kind, Value
from syncd.model.values import same_value

Guard = tuple[str, str, Any]
"""A condition of a search: attribute, operation and value."""


@dataclass
class Edit:
    """Fields of one annotation that are set together. ``seen`` is the current row, as read just before.

    ``changes`` are the positions of the changes, by field. ``made`` is the row that the write made, where its answer
    told it.
    """

    seen: Raw
    changes: dict[str, int]
    new: dict[str, Value]
    made: Raw | None = None

    @property
    def id(self) -> str:
        """The annotation's id."""
        return str(self.seen["elemental_id"])

    def nothing_left(self) -> None:
        """Nothing of it is to be written any more."""
        self.changes, self.new = {}, {}


@dataclass(frozen=True)
class Body:
    """What a PATCH sets, in Tator's words."""

    attributes: Mapping[str, Any] = field(default_factory=dict)
    nulls: tuple[str, ...] = ()
    columns: Mapping[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The body of the call: a null within ``attributes`` is refused by the server."""
        found: dict[str, Any] = {**self.columns}
        if self.attributes:
            found["attributes"] = dict(self.attributes)
        if self.nulls:
            found["null_attributes"] = list(self.nulls)
        return found

    @property
    def is_empty(self) -> bool:
        """Whether it sets nothing."""
        return not (self.attributes or self.nulls or self.columns)


def body_of(framer: Framer, new: Mapping[str, Value], person: str | None = None) -> Body:
    """The body that sets these fields."""
    attributes: dict[str, Any] = {}
    nulls: list[str] = []
    columns: dict[str, float] = {}
    for name, value in new.items():
        each = framer.fields.field(name)
        if each.kind is Kind.BOX:
            assert isinstance(value, list), "a box is written as four numbers"
            columns = dict(zip(GEOMETRY, value, strict=True))
        elif value is None:
            nulls.append(framer.names.of(each))
        else:
            attributes[framer.names.of(each)] = sent(value)
    if person is not None and framer.names.person is not None:
        attributes[framer.names.person] = person
    return Body(attributes, tuple(nulls), columns)


def guards_of(framer: Framer, edit: Edit) -> tuple[Guard, ...] | None:
    """Conditions under which the server may write; ``None`` where no search can express them."""
    found: list[Guard] = []
    for name in sorted(edit.changes):
        each = framer.fields.field(name)
        if each.kind is Kind.BOX:
            return None
        attribute = framer.names.of(each)
        held = edit.seen["attributes"]
        if attribute not in held:
            found.append((attribute, "isnull", True))
        elif held[attribute] is None:
            return None  # a stored null meets no condition
        elif isinstance(held[attribute], str):
            # Not `eq`, which misses quotes, backslashes and line breaks.
            found.append((attribute, "in", (held[attribute],)))
        else:
            found.append((attribute, "eq", held[attribute]))
    return tuple(found)


def search_of(guards: Sequence[Guard]) -> dict[str, Any]:
    """The conditions as the body's ``object_search``: an attribute that the type does not have matches nothing.

    (The query's ``attribute=`` would drop it without a word, and write unguarded.)
    """
    parts = [
        {"attribute": name, "operation": operation, "value": list(value) if operation == "in" else value}
        for name, operation, value in guards
    ]
    return {"method": "and", "operations": parts}


def value_of(framer: Framer, row: Raw, each: Field) -> Value:
    """A field's canonical value in a row."""
    return canonical(each.kind, raw_of(each, row, framer.names.of(each)))[0]


def holds(framer: Framer, row: Raw, name: str, wanted: Content) -> bool:
    """Whether a row holds a value in a field; what has no canonical form is no value that can be expected."""
    each = framer.fields.field(name)
    value, problem = canonical(each.kind, raw_of(each, row, framer.names.of(each)))
    return problem is None and same_value(each, value, wanted)


def content_of(framer: Framer, row: Raw) -> dict[str, Value]:
    """All mapped values of a row."""
    return {each.name: value_of(framer, row, each) for each in framer.fields.fields}


def holds_all(framer: Framer, row: Raw, wanted: Content) -> bool:
    """Whether a row holds all these values."""
    assert isinstance(wanted, dict), "a whole annotation is expected by its fields"
    return all(holds(framer, row, each.name, wanted.get(each.name)) for each in framer.fields.fields)


def predecessor(history: Sequence[Raw], ours: Raw) -> Raw | None:
    """The row upon which ours came."""
    before = [each for each in history if each["mark"] < ours["mark"]]
    return before[-1] if before else None


def is_overwritten(framer: Framer, history: Sequence[Raw], ours: Raw, before: Raw, name: str) -> bool:
    """Whether the next row took our value back without meaning to: a copy of what its writer had loaded before ours.

    That shows where it changed something else, and holds in this field what stood there before us. Who means to put the
    old value back changes just that.
    """
    after = [each for each in history if each["mark"] > ours["mark"]]
    if not after or after[0].get("modified_by") == ours.get("modified_by"):
        return False
    then, each = after[0], framer.fields.field(name)
    attribute = framer.names.of(each)
    if raw_of(each, then, attribute) != raw_of(each, before, attribute):
        return False
    others = [other for other in {*then["attributes"], *before["attributes"]} if other != attribute]
    changed = any(then["attributes"].get(other) != ours["attributes"].get(other) for other in others)
    boxes = () if each.kind is Kind.BOX else GEOMETRY
    return changed or any(then[other] != ours[other] for other in boxes) or then["media"] != ours["media"]


def written_by_us(
    framer: Framer, history: Sequence[Raw], after_mark: int, me: int, changes: Mapping[str, Change]
) -> Raw | None:
    """The row that a write of ours made after that mark: the first of our account that holds all new values.

    Else the first of our account: the server may have made something else of a value. Else the first that holds them
    upon one that does not: somebody has edited ours in place since, and it bears their name.
    """
    later = [each for each in history if each["mark"] > after_mark]
    ours = [each for each in later if each.get("modified_by") == me]

    def is_it(row: Raw | None) -> bool:
        return row is not None and all(holds(framer, row, name, made.new) for name, made in changes.items())

    exact = [each for each in ours if is_it(each)]
    changed = [each for each in later if is_it(each) and not is_it(predecessor(history, each))]
    found = exact or ours or changed
    return found[0] if found else None
