"""Does the same work for many items, in threads that end when it is interrupted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from multiprocessing import TimeoutError  # noqa: A004  # the one that the pool raises
from multiprocessing.pool import ThreadPool
from threading import Event, Lock
from typing import TypeVar

BEAT_S = 0.2

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


def in_parallel(
    work: Callable[[Item, Callable[[], bool]], Outcome],
    items: Sequence[Item],
    *,
    workers: int,
    progress: Callable[[int], None],
    weight: Callable[[Item], int] = lambda _: 1,
) -> list[Outcome]:
    """The outcome of every item, in their order.

    ``progress`` is called in this thread, with how much more is done (an item counts as its ``weight``) and, while
    that takes long, now and then with 0. The first error, in time, ends it all and is the one that is raised, as do
    Ctrl-C and an error that ``progress`` raises; then the function that ``work`` gets as its second argument says True,
    and nobody waits for what is under way: its threads never keep the process from ending.
    """
    if not items:
        return []
    stop = Event()
    guard = Lock()
    errors: list[Exception] = []
    outcomes: list[Outcome] = []

    def work_unless_failed(item: Item) -> Outcome:
        # The outcomes are taken in the items' order, an error perhaps long after it came up: the others stop before.
        try:
            return work(item, stop.is_set)
        except Exception as error:
            with guard:
                errors.append(error)
            stop.set()
            raise

    with ThreadPool(min(workers, len(items))) as pool:
        try:
            coming = pool.imap(work_unless_failed, items)
            while len(outcomes) < len(items):
                try:
                    outcomes.append(coming.next(timeout=BEAT_S))
                except TimeoutError:  # also what lets Ctrl-C through, which an endless wait may not see
                    progress(0)
                except Exception as error:
                    with guard:
                        first = errors[0]
                    if first is error:
                        raise
                    raise first from error
                else:
                    progress(weight(items[len(outcomes) - 1]))
        finally:
            stop.set()
    return outcomes
