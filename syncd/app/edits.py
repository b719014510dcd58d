"""What an edit made by hand in the App changed, and whether a person meant it; pure.

The App sends one request per edit, with positions in the list of labels. Where the sample has changed meanwhile it is
refused (412), and the App sends again: its user's edit, and beside it whatever else its window shows otherwise than the
server's sample. The latter nobody meant.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from syncd.model.kinds import iso

REFUSED_S, SAVED_S = 10.0, 3.0
"""Seconds within which the App sends again after a refusal, and after a save whose answer differed from its window."""

ADDED, REMOVED = "added", "removed"

LISTS = ("detections", "classifications")


@dataclass(frozen=True)
class Leaf:
    """One field of one label and its new value, as JSON; without ``field`` the label itself, added or removed."""

    label_id: str
    annotation_id: str | None
    field: str | None
    value: str

    @property
    def what(self) -> tuple[str | None, str]:
        """What was changed to what, whichever label it is of."""
        return self.field, self.value


@dataclass(frozen=True)
class Labels:
    """How a binding's labels are kept in a sample: the field, the attribute with the id, syncd's names of others."""

    field: str
    id_attribute: str
    names: Mapping[str, str]


@dataclass(frozen=True)
class Exchange:
    """The last request of a window about a sample, and its answer; ``own`` is what its user meant."""

    etag: str | None
    at: datetime
    refused: bool
    own: frozenset[Leaf]


def leaves(labels: Labels, before: Any, after: Any) -> tuple[Leaf, ...]:
    """What differs between two contents of the field, label by label."""
    old, new = _by_id(before), _by_id(after)
    found = [Leaf(each, _id_of(labels, new[each]), None, as_json(ADDED)) for each in new if each not in old]
    found += [Leaf(each, _id_of(labels, old[each]), None, as_json(REMOVED)) for each in old if each not in new]
    for each in old.keys() & new.keys():
        was, now = old[each], new[each]
        for key, name in labels.names.items():
            if was.get(key) != now.get(key):
                found.append(Leaf(each, _id_of(labels, was), name, as_json(now.get(key))))
    return tuple(sorted(found, key=lambda leaf: (leaf.label_id, leaf.field or "")))


def asked_for(labels: Labels, before: dict[str, Any], operations: Any) -> tuple[Leaf, ...]:
    """What JSON-patch operations (or fields with their values) mean to change in a sample; () where that is unclear."""
    after = copy.deepcopy(before)
    if isinstance(operations, dict):
        after.update(operations)
    elif isinstance(operations, list):
        for each in operations:
            if not (isinstance(each, dict) and _apply(after, each)):
                return ()
    return leaves(labels, before.get(labels.field), after.get(labels.field))


def of_one_label(labels: Labels, label: dict[str, Any], operations: Any) -> tuple[Leaf, ...]:
    """What operations on one label mean to change."""
    holder = {labels.field: {LISTS[0]: [label]}}
    prefix = f"/{labels.field}/{LISTS[0]}/0"
    moved = [
        {**each, "path": prefix + (each["path"] if each["path"] != "/" else "")}
        for each in operations if isinstance(each, dict) and isinstance(each.get("path"), str)
    ]  # fmt: skip
    return asked_for(labels, holder, moved)


def meant(last: Exchange | None, if_match: str | None, at: datetime, found: Iterable[Leaf]) -> dict[Leaf, bool | None]:
    """Of each change whether the window sent it of its own accord (``True``), or its user meant it (``False``).

    ``None`` where that cannot be told: the same change of another label was meant; or it follows a save so closely that
    it may be the window or its user.
    """
    if last is None or not _goes_on(last, if_match, at):
        return dict.fromkeys(found, False)
    whats = {each.what for each in last.own}
    places = {(each.label_id, *each.what) for each in last.own}

    def resent(leaf: Leaf) -> bool | None:
        if (leaf.label_id, *leaf.what) in places:
            return False
        return True if last.refused and (leaf.field is None or leaf.what not in whats) else None

    return {each: resent(each) for each in found}


def _goes_on(last: Exchange, if_match: str | None, at: datetime) -> bool:
    """Whether a request is what the App sends by itself after the last one."""
    within = timedelta(seconds=REFUSED_S if last.refused else SAVED_S)
    return last.etag is not None and plain_etag(if_match) == plain_etag(last.etag) and at - last.at <= within


def plain_etag(etag: str | None) -> str | None:
    """An ETag without its quotes, and without the mark that a proxy puts before it when it compresses."""
    return None if etag is None else etag.strip().removeprefix("W/").strip('"')


def as_json(value: Any) -> str:
    """A value as syncd's tables have it, as text; what JSON has no form for as its own text."""
    if isinstance(value, datetime):
        return json.dumps(iso(value if value.tzinfo else value.replace(tzinfo=timezone.utc)))
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return json.dumps(str(value))


def _by_id(content: Any) -> dict[str, dict[str, Any]]:
    """The labels of a field by their own id."""
    if not isinstance(content, dict):
        return {}
    held = next((content[name] for name in LISTS if isinstance(content.get(name), list)), [content])
    return {str(each["_id"]): each for each in held if isinstance(each, dict) and "_id" in each}


def _id_of(labels: Labels, label: dict[str, Any]) -> str | None:
    found = label.get(labels.id_attribute)
    return None if found is None else str(found)


def _apply(document: Any, operation: dict[str, Any]) -> bool:
    """One operation of JSON patch, in place; whether it is one that the App sends, and its path is there."""
    path, kind = operation.get("path"), operation.get("op")
    if kind == "test":
        return True
    if not isinstance(path, str) or not path.startswith("/") or kind not in ("add", "replace", "remove"):
        return False
    *way, last = [each.replace("~1", "/").replace("~0", "~") for each in path.removeprefix("/").split("/")]
    try:
        for each in way:
            document = document[int(each)] if isinstance(document, list) else document[each]
        if isinstance(document, list):
            _in_list(document, last, kind, operation.get("value"))
        elif kind == "remove":
            del document[last]
        else:
            document[last] = operation.get("value")
    except (KeyError, IndexError, ValueError, TypeError):
        return False
    return True


def _in_list(items: list[Any], last: str, kind: str, value: Any) -> None:
    if kind == "add" and last == "-":
        items.append(value)
    elif kind == "add":
        items.insert(int(last), value)
    elif kind == "remove":
        del items[int(last)]
    else:
        items[int(last)] = value
