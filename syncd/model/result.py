"""A value that reads back differently than it was written, and what was tried to find out why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from syncd.model.plan import Change, Content, Edited
from syncd.model.text_enum import TextEnum


class Status(TextEnum):
    """What became of a change. Tables, documents and filters hold its value."""

    PENDING = "pending"
    """It is about to be written."""

    APPLIED = "applied"

    SUPERSEDED = "superseded"
    """Another value than the expected one stood there."""

    REFUSED = "refused"
    """The side would not take it, or its relations do not show it."""

    ABANDONED = "abandoned"
    """The run died before it was done."""


@dataclass(frozen=True)
class Displaced:
    """What somebody else had put in place of the expected value, and a write has overwritten all the same.

    ``content`` is the value of the field, or of an insert or a delete what the whole annotation held (by field);
    ``None`` is a value too. ``edited`` is who put it there and when. ``media`` is the image to which the annotation was
    tied, where the whole of it is meant.
    """

    content: Content
    edited: Edited
    media: str | None = None


@dataclass(frozen=True)
class Result:
    """What became of one change on the side that it was for.

    ``after`` is what is there now, as read back: the value of the field, or the whole annotation after an insert;
    ``None`` too if the annotation is not there. ``matched`` says whether the compare-and-set found the value that it
    expected (``None``: the side cannot tell, and ``after`` decides). ``refused`` says why the side refused the value:
    nothing of the change is there then; ``in_the_way`` says that it refused only because of what other annotations hold
    as yet. ``answered`` are the fields whose values the side changed for good. ``annotation_id`` is the id under which
    a row was inserted, which the change may not know. ``displaced`` says that the write took effect, but not on the
    value that it expected: the store could not prevent it and shows it afterwards. Nobody has been told yet: apply puts
    that value back by another logged change and opens a conflict.
    """

    change: Change
    present: bool
    after: Content = None
    matched: bool | None = None
    label_id: str | None = None
    refused: str | None = None
    in_the_way: bool = False
    answered: frozenset[str] = frozenset()
    annotation_id: str | None = None
    displaced: Displaced | None = None


@dataclass(frozen=True)
class Written:
    """Which of some ids the written table has, whatever the relation that is read shows.

    Without ``certain`` it may have others of them too, since row-level security hides rows from this role.
    """

    ids: frozenset[str]
    certain: bool = True


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
