"""Pipelining: works on one batch while the next one is being produced."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def ahead(batches: Iterable[T], work: Callable[[T], object]) -> None:
    """Does ``work`` on each batch in turn in another thread, while this one makes the next: it mostly waits there.

    Batches are worked on one at a time and in order, so that a connection may serve them. What ``work`` raises comes
    out here, and no batch after it is begun; what making a batch raises comes out when what is under way is done.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead") as worker:
        under_way: Future[object] | None = None
        for batch in batches:
            if under_way is not None:
                under_way.result()
            under_way = worker.submit(work, batch)
        if under_way is not None:
            under_way.result()


def batches(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """The values in lists of ``size``, each made when it is asked for; the last may be shorter."""
    rest = iter(values)
    while batch := list(islice(rest, size)):
        yield batch
