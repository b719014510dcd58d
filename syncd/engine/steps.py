"""The named steps of apply, at which tests kill the process; in use they are only written to the debug log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum

from syncd.logs import Logger

log = Logger(__name__)


class Step(str, Enum):
    """Moments between two effects; each name says what has happened by then."""

    LOCKED = "locked"
    SETTLED = "settled"
    PLANNED = "planned"
    INTENTS_COMMITTED = "intents_committed"
    FIFTYONE_PARTLY_WRITTEN = "fiftyone_partly_written"
    FIFTYONE_WRITTEN = "fiftyone_written"
    DATABASE_WRITTEN = "database_written"
    IDS_NOTED = "ids_noted"
    DATABASE_COMMITTED = "database_committed"
    """These two are reached only where syncd's own tables are in another database."""
    SLICE_WRITTEN = "slice_written"
    SLICE_RECORDED = "slice_recorded"
    """Reached for each slice of a store without transactions, in place of the four around them."""
    PUT_BACK = "put_back"
    """What writes had displaced is back; reached only where they had."""
    OUTCOMES_RECORDED = "outcomes_recorded"
    COMMITTED = "committed"
    STAMPED = "stamped"
    """New ids are on their labels; reached only where labels were drawn."""
    ANSWERS_COMMITTED = "answers_committed"
    """Reached, as the next one, only where the database made something else of what was written."""
    ANSWERS_WRITTEN = "answers_written"


Observer = Callable[[Step], None]
_observers: list[Observer] = []


def reached(step: Step) -> None:
    """Tells the observers that a step has been reached."""
    log.debug("step", step=step.value)
    for observer in _observers:
        observer(step)


@contextmanager
def observed(observer: Observer) -> Iterator[None]:
    """Calls ``observer`` at every step within the context."""
    _observers.append(observer)
    try:
        yield
    finally:
        _observers.remove(observer)
