from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from syncd.pipelining import ahead, batches


def test_batches_hold_every_value_once_and_in_order() -> None:
    assert list(batches(iter(range(7)), 3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(batches([], 3)) == []


def test_a_batch_is_made_when_it_is_asked_for() -> None:
    values = iter(range(4))
    first = next(batches(values, 2))
    assert first == [0, 1]
    assert next(values) == 2


def test_each_batch_is_worked_on_once_in_order_and_one_at_a_time() -> None:
    done: list[int] = []
    at_work = threading.Lock()

    def work(batch: int) -> None:
        assert at_work.acquire(blocking=False)
        done.append(batch)
        at_work.release()

    ahead(range(50), work)
    assert done == list(range(50))


def test_the_next_batch_is_made_while_one_is_worked_on() -> None:
    made = threading.Event()

    def made_one_by_one() -> list[int]:
        made.set()
        return [2]

    def work(batch: list[int]) -> None:
        assert batch == [2] or made.wait(timeout=10)

    ahead((make() for make in (lambda: [1], made_one_by_one)), work)


def test_what_work_raises_comes_out_and_nothing_after_it_is_begun() -> None:
    done: list[int] = []

    def work(batch: int) -> None:
        if batch == 2:
            raise OSError("the disk is full")
        done.append(batch)

    with pytest.raises(OSError, match="the disk is full"):
        ahead(range(10), work)
    assert done == [0, 1]


def test_what_making_a_batch_raises_comes_out_when_the_one_under_way_is_done() -> None:
    done: list[int] = []
    begun = threading.Event()

    def made() -> Iterator[int]:
        yield 1
        assert begun.wait(timeout=10)
        raise KeyboardInterrupt

    def work(batch: int) -> None:
        begun.set()
        done.append(batch)

    with pytest.raises(KeyboardInterrupt):
        ahead(made(), work)
    assert done == [1]
