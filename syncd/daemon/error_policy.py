"""The error policy: whether a binding waits for a server, waits for a person, or reads everything anew; how long."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import Enum

from adbc_driver_manager import Error as ArrowError
from pymongo.errors import PyMongoError
from sqlalchemy.exc import SQLAlchemyError

from syncd.adapters.connect import first_line, open_database
from syncd.adapters.fiftyone.dataset import DatasetChanged
from syncd.config import Config
from syncd.errors import (
    ConfigError,
    DatabaseUnavailable,
    FiftyOneUnavailable,
    LockLost,
    MappingError,
    StateError,
    SyncdError,
)
from syncd.model import Side

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 300.0
"""Between two tries while a server fails."""

STOPPED_FIRST_S, STOPPED_LONGEST_S = 30.0, 300.0
"""The same while something waits for a person."""

STATE = "state"
"""The side that is neither: syncd's own tables, where they are in a database of their own."""


class Cure(Enum):
    """What helps."""

    SERVER = "server"
    PERSON = "person"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Trouble:
    """Why a binding cannot be worked on. ``side``: which server fails, where one does. ``remedy``: for the log."""

    cure: Cure
    why: str
    side: str | None = None
    remedy: str | None = None


def trouble_of(error: Exception, config: Config) -> Trouble:
    """Judges an error that ended a round or kept a session from opening."""
    remedy = error.remedy if isinstance(error, SyncdError) else None
    if isinstance(error, FiftyOneUnavailable | PyMongoError | DatasetChanged):
        return Trouble(Cure.SERVER, _sentence(error), Side.FIFTYONE.value, remedy)
    if isinstance(error, LockLost):
        return Trouble(Cure.SERVER, _sentence(error), _which_database(config), None)
    if isinstance(error, DatabaseUnavailable | SQLAlchemyError | ArrowError):
        return Trouble(Cure.SERVER, _sentence(error), _which_database(config), remedy)
    if isinstance(error, ConfigError | MappingError | StateError):
        return Trouble(Cure.PERSON, _sentence(error), None, remedy)
    if isinstance(error, SyncdError):
        return Trouble(Cure.UNKNOWN, _sentence(error), None, remedy)
    return Trouble(
        Cure.UNKNOWN,
        f"syncd itself failed ({type(error).__name__}); its log has the details",
        None,
        "Look at the log around this time, and report it.",
    )


def _which_database(config: Config) -> str:
    """The lab's or syncd's own, where these are two: whichever does not answer."""
    if config.state.url is None:
        return Side.DATABASE.value
    try:
        with open_database(config.state.url.get_secret_value()) as connection:
            connection.engine.dispose()
    except SyncdError:
        return STATE
    return Side.DATABASE.value


def _sentence(error: Exception) -> str:
    if isinstance(error, SyncdError):
        return " ".join(error.message.split())[:500]
    return first_line(getattr(error, "orig", None) or error)


def pause_after(
    last: float | None, rng: random.Random, *, first: float = FIRST_PAUSE_S, longest: float = LONGEST_PAUSE_S
) -> float:
    """How long to wait before the next try: grows from ``first`` to ``longest``, and two daemons never keep in step.

    Decorrelated jitter: drawn between the shortest pause and three times the last one.
    """
    return min(longest, first if last is None else rng.uniform(first, last * 3))
