"""Follows the change log: yields new entries as they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from syncd.model.result import Status

SLACK = 10_000
"""Bindings write side by side: an entry may become visible after others with greater numbers, by so much."""

Query = Callable[[int], list[dict[str, Any]]]


def follow(
    query: Query, after: int, known: Iterable[int] = (), *, every_s: float = 1.0
) -> Iterator[list[dict[str, Any]]]:
    """What came since: lists of entries, none twice, in order of ``seq``; for ever. May be empty.

    ``query`` returns the entries after a ``seq``. One that is pending is told of once it is settled. ``known`` are
    entries after ``after`` of which nothing need be told.
    """
    seen = set(known)
    floor = highest = after
    while True:
        found = query(floor)
        fresh = [each for each in found if each["seq"] not in seen and each["status"] != Status.PENDING]
        seen.update(each["seq"] for each in fresh)
        waiting = [each["seq"] for each in found if each["status"] == Status.PENDING]
        highest = max([highest, *(each["seq"] for each in found)])
        floor = max(after, min([highest - SLACK, *(seq - 1 for seq in waiting)]))
        seen = {seq for seq in seen if seq > floor}
        yield fresh
        time.sleep(every_s)
