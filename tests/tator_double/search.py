"""Which rows a request means: the filters of its query and of its body."""

from __future__ import annotations

import base64
import json
import re
import uuid
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from typing import Any

from tator_double.errors import ErrorPage, Refused
from tator_double.rows import Row, Table

Query = dict[str, str]
Body = dict[str, Any]

BUILT_IN: dict[str, Callable[[Row], Any]] = {
    "$x": lambda row: row.x,
    "$y": lambda row: row.y,
    "$width": lambda row: row.width,
    "$height": lambda row: row.height,
    "$version": lambda row: row.version,
    "$id": lambda row: row.id,
    "$user": lambda row: row.user,
    "$modified_by": lambda row: row.modified_by,
    "$created_by": lambda row: row.created_by,
    "$modified_datetime": lambda row: row.modified,
    "$created_datetime": lambda row: row.created,
}
NOTHING = ("$mark", "$latest_mark", "$variant_deleted")
ABSENT = object()


def found(table: Table, query: Query, body: Body, known: Iterable[str], *, writing: bool = False) -> list[Row]:
    """The rows that a request means, by id. An empty list of ids is no filter at all."""
    ids, elemental_ids = body.get("ids") or [], body.get("elemental_ids") or []
    if "elemental_id" in query:
        elemental_ids = [*elemental_ids, query["elemental_id"]]
    every_mark = flag(query, "show_all_marks") or (writing and bool(ids))
    with_deleted = flag(query, "show_deleted")
    versions, types, media = numbers(query, "version"), numbers(query, "type"), numbers(query, "media_id")
    media |= set(body.get("media_ids") or [])
    searches = conditions(query, body, set(known))
    after = int(query.get("after", 0))
    if elemental_ids:
        wanted = {as_uuid(each) for each in elemental_ids}
        rows: Iterable[Row] = [each for each in table.with_elemental_ids(wanted) if each.id > after]
        if ids:
            rows = [each for each in rows if each.id in set(ids)]
    elif ids:
        rows = [table.by_id[each] for each in sorted(set(ids)) if each in table.by_id and each > after]
    else:
        rows = table.after(after)

    def meant(row: Row) -> bool:
        if row.deleted or (row.variant_deleted and not with_deleted):
            return False
        if not every_mark and row.mark != row.latest_mark:
            return False
        if (versions and row.version not in versions) or (types and row.type not in types):
            return False
        if media and row.media not in media:
            return False
        return all(each(row) for each in searches)

    stop = int(query["stop"]) - int(query.get("start", 0)) if "stop" in query else None
    skip = int(query.get("start", 0))
    out: list[Row] = []
    for row in rows:
        if not meant(row):
            continue
        if skip:
            skip -= 1
            continue
        if stop is not None and len(out) >= stop:
            break
        out.append(row)
    return out


def flag(query: Query, name: str) -> bool:
    """Whether a switch of the query is on."""
    return query.get(name, "0") in ("1", "true", "True")


def numbers(query: Query, name: str) -> set[int]:
    """A list with commas."""
    return {int(each) for each in query.get(name, "").split(",") if each}


def as_uuid(text: str) -> str:
    """An elemental id; the database raises at anything else, and nobody catches it."""
    try:
        return str(uuid.UUID(text))
    except (ValueError, AttributeError, TypeError):
        raise ErrorPage(500, "Server Error (500)") from None


def conditions(query: Query, body: Body, known: set[str]) -> list[Callable[[Row], bool]]:
    """The conditions on attributes, of every way to give them."""
    found_: list[Callable[[Row], bool]] = []
    if body.get("object_search"):
        found_.append(_search(body["object_search"], known))
    if "encoded_search" in query:
        found_.append(_search(json.loads(base64.b64decode(query["encoded_search"])), known))
    for name, operation in (
        ("attribute", "eq"),
        ("attribute_gte", "gte"),
        ("attribute_gt", "gt"),
        ("attribute_lte", "lte"),
        ("attribute_null", "isnull"),
    ):
        for part in query.get(name, "").split(",") if name in query else ():
            attribute, sign, value = part.partition("::")
            if not sign:
                raise Refused(f"Invalid attribute query: {part}")
            # A name that the type does not have is dropped without a word.
            if attribute in known or attribute in BUILT_IN:
                found_.append(_operation({"attribute": attribute, "operation": operation, "value": value}, known))
    return found_


def _search(search: dict[str, Any], known: set[str]) -> Callable[[Row], bool]:
    if "attribute" in search:
        return _operation(search, known)
    parts = [_search(each, known) for each in search.get("operations", [])]
    if search.get("method", "and") == "or":
        return lambda row: any(each(row) for each in parts)
    return lambda row: all(each(row) for each in parts)


def _operation(operation: dict[str, Any], known: set[str]) -> Callable[[Row], bool]:
    name, kind, value = operation["attribute"], operation["operation"], operation.get("value")
    if name == "$elemental_id":
        raise ErrorPage(500, "Server Error (500)")
    if name in NOTHING:
        return lambda _: False
    if name in BUILT_IN:
        read = BUILT_IN[name]
    elif name in known:

        def read(row: Row, name: str = name) -> Any:
            return row.attributes.get(name, ABSENT)
    else:
        return lambda _: False  # an unknown attribute matches nothing
    if kind == "isnull":
        wanted = value in (True, "true", "True")
        return lambda row: read(row) is not None and (read(row) is ABSENT) == wanted
    if kind == "in":
        return lambda row: any(_equal(read(row), each) for each in value)
    if kind == "eq":
        if isinstance(value, str) and re.search(r'["\\\n]', value):
            return lambda _: False
        return lambda row: _equal(read(row), value)
    compare = {
        "gte": lambda one, two: one >= two,
        "gt": lambda one, two: one > two,
        "lte": lambda one, two: one <= two,
        "lt": lambda one, two: one < two,
    }.get(kind)
    if compare is None:
        raise Refused(f"Invalid operation {kind}")

    def ordered(row: Row) -> bool:
        held = read(row)
        if held is None or held is ABSENT:
            return False
        return bool(compare(held, _moment(value) if isinstance(held, datetime) else type(held)(value)))

    return ordered


def _equal(held: Any, wanted: Any) -> bool:
    if held is None or held is ABSENT or wanted is None:
        return False
    if isinstance(held, datetime):
        return held == _moment(wanted)
    if isinstance(held, bool):
        return wanted is held or (isinstance(wanted, str) and wanted.lower() == str(held).lower())
    if isinstance(held, int | float):
        if isinstance(wanted, bool):
            return False
        try:
            return held == type(held)(wanted)
        except (TypeError, ValueError):
            return False
    return bool(held == wanted)


def _moment(text: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        raise ErrorPage(500, "Server Error (500)") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
