"""The same work for many items in threads: order, and what ends it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from syncd.ingest.media.parallel import in_parallel


def unheard(_: int) -> None:
    pass


def test_outcomes_come_in_the_order_of_the_items() -> None:
    assert in_parallel(lambda item, _: item * 2, range(100), workers=4, progress=unheard) == [2 * n for n in range(100)]


def test_the_first_error_in_time_ends_the_others_though_earlier_items_are_still_under_way() -> None:
    stopped = threading.Event()

    def work(item: int, is_stopped: Callable[[], bool]) -> int:
        if item == 1:
            raise ValueError("the second item")
        while not is_stopped():
            pass
        stopped.set()
        raise RuntimeError("the first item, because it was stopped")

    with pytest.raises(ValueError, match="the second item"):
        in_parallel(work, [0, 1], workers=2, progress=unheard)
    assert stopped.is_set()


def test_what_has_not_begun_when_an_error_comes_up_learns_that_it_is_not_wanted() -> None:
    begun: list[int] = []

    def work(item: int, is_stopped: Callable[[], bool]) -> int:
        if item == 0:
            raise ValueError("the first item")
        if not is_stopped():
            begun.append(item)
        return item

    with pytest.raises(ValueError, match="the first item"):
        in_parallel(work, range(1000), workers=1, progress=unheard)
    assert not begun
