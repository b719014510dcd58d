"""What a store in memory remembers of each change: who made it, when, and what stood there before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from syncd.model import MEDIA_FIELD, Action, Change, Content, Value
from syncd.model.plan import Edited


@dataclass(frozen=True)
class Version:
    """What an annotation held: its values and its image."""

    values: dict[str, Value]
    media: str | None


@dataclass(frozen=True)
class Moment:
    """One change of an annotation: from one version to another; ``None`` where it was not there.

    ``by`` is who made it, ``ours`` whether that was syncd.
    """

    annotation_id: str
    at: datetime
    by: str | None
    before: Version | None
    after: Version | None
    ours: bool = False

    @property
    def edited(self) -> Edited:
        """Who and when."""
        return Edited(self.by, self.at)

    def is_of(self, change: Change) -> bool:
        """Whether it has what the change was to bring about: the new value of its field, or the coming or going."""
        if change.action is Action.DELETE:
            return self.after is None
        if self.after is None:
            return False
        if change.action is Action.INSERT:
            return self.before is None
        return held(self.after, change.field) == change.new != held(self.before, change.field)


def held(version: Version | None, name: str | None) -> Content:
    """What a version holds of a field, or of all."""
    if version is None:
        return None
    if name == MEDIA_FIELD:
        return version.media
    return dict(version.values) if name is None else version.values.get(str(name))


class Past:
    """Every change of a store, in order."""

    def __init__(self) -> None:
        self.moments: list[Moment] = []

    def add(self, moment: Moment) -> None:
        """Remembers one more."""
        self.moments.append(moment)

    def of(self, annotation_id: str) -> Iterator[Moment]:
        """Those of an annotation, the newest first."""
        return (each for each in reversed(self.moments) if each.annotation_id == annotation_id)

    def last(self, annotation_id: str) -> Moment | None:
        """The newest of an annotation."""
        return next(self.of(annotation_id), None)

    def deleted_since(self, since: datetime) -> dict[str, Edited]:
        """Annotations that were deleted since and are not there again, with who did it and when."""
        newest = {each.annotation_id: each for each in self.moments}
        return {name: each.edited for name, each in newest.items() if each.after is None and each.at >= since}
