"""Following the change log."""

from __future__ import annotations

from itertools import islice
from typing import Any

from syncd.store.following import follow


def told(states: list[list[tuple[int, str]]], after: int = 0, known: tuple[int, ...] = ()) -> list[list[int]]:
    """What is told as the log goes through these states: (seq, status) of each entry."""
    looks = iter(states)

    def query(seq: int) -> list[dict[str, Any]]:
        return [{"seq": number, "status": status} for number, status in next(looks) if number > seq]

    found = follow(query, after, known, every_s=0)
    return [[each["seq"] for each in look] for look in islice(found, len(states))]


def test_each_entry_is_told_once_as_it_comes() -> None:
    assert told([[(1, "applied")], [(1, "applied"), (2, "superseded")], [(1, "applied"), (2, "superseded")]]) == [
        [1],
        [2],
        [],
    ]


def test_a_pending_entry_is_told_when_it_is_settled_though_later_ones_were_told_before() -> None:
    pending = [(1, "pending"), (2, "applied")]
    assert told([pending, pending, [(1, "applied"), (2, "applied"), (3, "applied")]]) == [[2], [], [1, 3]]


def test_an_entry_that_becomes_visible_after_a_later_one_is_told() -> None:
    assert told([[(2, "applied")], [(1, "applied"), (2, "applied")]]) == [[2], [1]]


def test_what_was_there_before_is_not_told() -> None:
    assert told([[(1, "applied"), (2, "applied"), (3, "applied")]], after=1, known=(2,)) == [[3]]


def test_what_it_remembers_does_not_grow_for_ever() -> None:
    states = [[(number, "applied") for number in range(1, 25_001)]] * 2
    assert [len(each) for each in told(states)] == [25_000, 0]
