"""Reading rows: all of them in pages, some by their ids, and what was stamped since."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timezone
from typing import Any

from syncd.adapters.rest.client import Client
from syncd.adapters.tator.frames import Raw
from syncd.adapters.tator.project import Place, make_sure
from syncd.errors import DatabaseUnavailable

PAGE = 10_000
"""Rows in one answer of a complete read."""

IDS = 1_000
"""Annotations asked for in one call."""

TRIES = 3
"""How often a complete read is begun before it fails: boxes may be drawn and deleted while it goes on."""


class Rows:
    """The rows of one place. Every question names version and type: without them other layers would answer."""

    def __init__(self, client: Client, place: Place) -> None:
        self._client, self._place = client, place
        self._list = f"Localizations/{place.project}"
        self._count = f"LocalizationCount/{place.project}"

    def count(self) -> int:
        """The number of annotations."""
        return int(self._client.get(self._count, self._place.query))

    def everything(self, fields: str) -> list[list[Raw]]:
        """Every annotation's current row, once, in pages.

        What is edited meanwhile comes again at the end: the later row is the one that stays. What is deleted meanwhile
        may still be in it, and what is drawn meanwhile may not. The number is compared with the server's own count, as
        far as changes of the moment allow.
        """
        for _ in range(TRIES):
            make_sure(self._client, self._place)
            since = self._client.now()
            before = self.count()
            pages = self._current(fields)
            found, after = sum(map(len, pages)), self.count()
            if min(before, after) <= found <= max(before, after):
                return pages
            # Every difference must be explained by an edit that was going on.
            if abs(found - after) <= self.count_since(since, abs(found - after)):
                return pages
        raise DatabaseUnavailable(
            f"Reading all of Tator's project {self._place.project} gave {found} boxes, and the server counts {after}.",
            remedy="Nothing was taken for deleted. Run it again when fewer people are at work.",
        )

    def _current(self, fields: str) -> list[list[Raw]]:
        pages = list(self._pages({**self._place.query, "fields": fields}))
        latest: dict[str, int] = {}
        rows = 0
        for row in (row for page in pages for row in page):
            rows += 1
            if row["elemental_id"] is not None:
                latest[row["elemental_id"]] = row["id"]
        if len(latest) == rows:
            return pages
        return [[each for each in page if latest.get(each["elemental_id"], each["id"]) == each["id"]] for page in pages]

    def _pages(self, query: dict[str, str | int], body: dict[str, Any] | None = None) -> Iterator[list[Raw]]:
        """By the last id: by position, rows edited between two pages would be lost."""
        last = 0
        while True:
            asked = {**query, "stop": PAGE, "after": last}
            page = self._client.get(self._list, asked) if body is None else self._client.put(self._list, asked, body)
            if page:
                yield page
            if len(page) < PAGE:
                return
            last = page[-1]["id"]

    def since(self, moment: datetime, fields: str) -> list[Raw]:
        """The current rows stamped at or after ``moment``, deleted ones among them."""
        query = {**self._place.query, "fields": fields, "show_deleted": 1}
        return [row for page in self._pages(query, {"object_search": _since(moment)}) for row in page]

    def count_since(self, moment: datetime, at_most: int) -> int:
        """Their number, deleted ones among them, up to ``at_most``."""
        query = {**self._place.query, "show_deleted": 1}
        found = int(self._client.put(self._count, query, {"object_search": _since(moment)}))
        return min(found, at_most)

    def with_ids(
        self, ids: Collection[str], *, fields: str | None = None, deleted: bool = False, every_mark: bool = False
    ) -> list[Raw]:
        """The rows of these annotations, by default the current ones of those that are there."""
        wanted = sorted({each for each in map(as_uuid, ids) if each is not None})
        query: dict[str, str | int] = dict(self._place.query)
        query |= {"fields": fields} if fields else {}
        query |= {"show_deleted": 1} if deleted else {}
        query |= {"show_all_marks": 1} if every_mark else {}
        found: list[Raw] = []
        for start in range(0, len(wanted), IDS):
            # Never an empty list of ids: that would be no filter.
            found += self._client.put(self._list, query, {"elemental_ids": wanted[start : start + IDS]})
        return found

    def histories(self, ids: Collection[str]) -> dict[str, list[Raw]]:
        """Every mark of these annotations, deleted ones among them, in the order of their marks."""
        found: dict[str, list[Raw]] = {}
        for row in self.with_ids(ids, deleted=True, every_mark=True):
            found.setdefault(row["elemental_id"], []).append(row)
        # By mark: ids of rows that were written at the same moment may be in another order.
        return {name: sorted(rows, key=lambda each: int(each["mark"])) for name, rows in found.items()}

    def without_id(self) -> int:
        """The number of rows that have no elemental id; they are told from the others by reading all."""
        pages = self._pages({**self._place.query, "fields": "id,elemental_id"})
        return sum(each["elemental_id"] is None for page in pages for each in page)


def as_uuid(text: str) -> str | None:
    """An id in the server's spelling; ``None`` of what is none, at which the server would fail."""
    try:
        return str(uuid.UUID(text)) if len(text) in (32, 36) else None
    except ValueError:
        return None


def latest(rows: Sequence[Raw]) -> dict[str, Raw]:
    """The newest row of each annotation."""
    return {each["elemental_id"]: each for each in sorted(rows, key=lambda each: int(each["mark"]))}


def _since(moment: datetime) -> dict[str, Any]:
    utc = moment.astimezone(timezone.utc)
    floored = utc.replace(microsecond=utc.microsecond // 1000 * 1000)
    text = floored.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"attribute": "$modified_datetime", "operation": "gte", "value": text}
