"""The steps of loading a manifest, so that tests can end a process at each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum


class Step(Enum):
    """A step that has just been reached."""

    IMAGES_PLACED = "images placed"
    ROWS_INSERTED = "rows inserted"
    ROWS_WRITTEN = "rows written"
    CLAIMED = "claimed"
    INGESTED = "ingested"
    IMAGES_MOVED = "images moved"
    FINISHED = "finished"


_observers: list[Callable[[Step], None]] = []


@contextmanager
def observed(observer: Callable[[Step], None]) -> Iterator[None]:
    """Has the observer called at every step, for the length of a block."""
    _observers.append(observer)
    try:
        yield
    finally:
        _observers.remove(observer)


def reached(step: Step) -> None:
    """Tells the observers, of which there are none outside of tests."""
    for each in tuple(_observers):
        each(step)
