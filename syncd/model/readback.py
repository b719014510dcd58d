"""A value that reads back differently than it was written, and what was tried to find out why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from syncd.model.plan import Change, Content


@dataclass(frozen=True)
class Readback:
    """One field of a change that came back different, and what was tried to find out why.

    ``field`` is ``None`` where a row that was deleted is still there, and of a row that was inserted with other media.
    ``after`` is what is read now. ``stored``: the written table holds exactly what was written, so that only the
    relation that is read shows something else.
    ``steady``: the written table holds ``after``, and writing ``after`` once more changes nothing.
    """

    change: Change
    field: str | None
    after: Content
    stored: bool = False
    steady: bool = False


Judge: TypeAlias = Callable[[Readback], "str | None"]
"""Why what came back is no answer of the database, so that the write is undone; ``None`` where it is one."""
