"""Whether the sides still hold what a conflict shows: nothing is taken or overwritten that nobody has seen."""

from __future__ import annotations

from syncd.adapters.values import same_value
from syncd.diff.content import shown
from syncd.model import Field, Json, Mapping, dumps
from syncd.model.kinds import from_json
from syncd.model.present import Row
from syncd.store.changes import storable


def is_seen(field: Field, was: Json, row: Row) -> bool:
    """Whether the field of a row is what a conflict showed."""
    now = storable(shown(row, field.name))
    if dumps(now) == dumps(was):
        return True
    try:
        return same_value(field, from_json(field.kind, was), from_json(field.kind, now))
    except (TypeError, ValueError):
        return False


def is_seen_whole(mapping: Mapping, was: Json, row: Row) -> bool:
    """Whether a whole annotation is what a conflict showed of it; ids that it shows besides do not matter."""
    if not isinstance(was, dict):
        return False
    return all(is_seen(each, was[each.name], row) for each in mapping.fields if each.name in was)
