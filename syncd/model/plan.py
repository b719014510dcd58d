"""Plans: what the diff decided. Computing a plan changes nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

from syncd.model.conflict_kinds import ConflictKind
from syncd.model.kinds import Json, Value, dumps
from syncd.model.mapping import ID_FIELD, SAMPLE_FIELD, Direction, Side
from syncd.model.reasons import Reason

if TYPE_CHECKING:
    import polars as pl

Content: TypeAlias = "Value | dict[str, Value]"
"""The value of one field, or (insert, delete) of all fields of an annotation."""


class Verdict(str, Enum):
    """What the merge decides about a field of an annotation that both sides have, unless it is a conflict."""

    SAME = "same"
    """Nothing is to be done."""

    ADOPT = "adopt"
    """Both sides agree, and the baseline does not know it yet."""

    CONVERGED = "converged"
    """Both sides made the same change."""

    TO_DATABASE = "to_database"
    TO_FIFTYONE = "to_fiftyone"

    AWAITING = "awaiting_review"
    """The value goes to the database as soon as somebody approves of it."""


class Action(str, Enum):
    """What a change does to its target."""

    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True)
class Change:
    """One field of one annotation, old → new; an insert or a delete concerns the whole annotation.

    ``old`` is what the diff saw on the side to be written: the write is a compare-and-set on it. ``field`` is
    ``None`` for inserts and deletes, whose content is a dict by field. ``direction`` is ``None`` for entries that
    only move the baseline (``converged``, ``gone_from_both``). ``annotation_id`` is ``None`` for a label drawn in
    FiftyOne until apply gives it an id. ``undo_of`` is the ``seq`` of the logged change that this one takes back.
    ``media`` is the image of an insert, as the store names it: a store to which annotations are added needs it.
    ``seen_tags`` are the tags of a label that is to be removed, and of its sample, as the diff saw them: whoever has
    put on another one since has said something about the label, so that it must not be removed.
    """

    annotation_id: str | None
    label_id: str | None
    sample_id: str | None
    direction: Direction | None
    action: Action
    field: str | None
    old: Content
    new: Content
    reason: str
    actor: str | None = None
    edited_at: datetime | None = None
    media: str | None = None
    undo_of: int | None = None
    seen_tags: tuple[str, ...] | None = None

    @property
    def removes_label(self) -> bool:
        """Whether a label is removed from its sample."""
        return self.action is Action.DELETE and self.direction is Direction.TO_FIFTYONE

    @property
    def brings_label(self) -> bool:
        """Whether a label is put where it was not."""
        to_fiftyone = self.direction is Direction.TO_FIFTYONE
        return to_fiftyone and (self.action is Action.INSERT or self.field == SAMPLE_FIELD)

    @property
    def sort_key(self) -> tuple[str, ...]:
        """Orders a plan independently of the order in which rows were read.

        Drawn labels come last, and before them labels that are put somewhere: where a field holds one label, the one
        that has the place is removed first. An id is restored before its label is removed, which happens under its id;
        but what the label has lost besides comes first: as long as the id is missing the next run sees that it was
        lost too.
        """
        way = self.direction.value if self.direction else ""
        if self.field is None:
            rank = "2"
        elif self.field == ID_FIELD:
            rank = "1"
        else:
            rank = "0" if self.reason == Reason.RESTORED else "3"
        label = (self.label_id or "", self.sample_id or "")
        return (
            "~" if self.annotation_id is None else "+" if self.brings_label else "",
            self.annotation_id or "",
            rank,
            self.field or "",
            way,
            self.action.value,
            *label,
        )


@dataclass(frozen=True)
class Edited:
    """Who last edited something, and when, as far as that is known."""

    by: str | None = None
    at: datetime | None = None


@dataclass(frozen=True)
class Conflict:
    """Something a person must decide: base and both values, as JSON content.

    ``annotation_id`` is ``None`` where a label without id is meant; ``is_copy`` marks one of several labels that
    claim one id, each a conflict of its own. ``in_fiftyone`` and ``in_database`` say whose value a side's is, where
    it is not the one that was agreed.
    """

    kind: ConflictKind
    annotation_id: str | None
    sample_id: str | None
    label_id: str | None
    field: str | None
    base: Json
    fiftyone: Json
    database: Json
    suggestions: tuple[str, ...] = ()
    is_copy: bool = False
    in_fiftyone: Edited = Edited()
    in_database: Edited = Edited()

    @property
    def subject(self) -> str:
        """What the conflict is about; at most one conflict per subject is open in a binding.

        A label id alone names no label: a cloned sample has the same ones.
        """
        label = f"{self.label_id or ''}@{self.sample_id or ''}" if self.is_copy or self.annotation_id is None else ""
        return "/".join((self.annotation_id or "", self.field or "", label))


AWAITING, ERROR = "awaiting_review", "error"
"""Kinds of :class:`Waiting`."""


@dataclass(frozen=True)
class Waiting:
    """An edit made in FiftyOne that waits for an approving tag; ``field`` is ``None`` for a label that was drawn.

    With ``kind`` ``error`` an annotation that somebody flagged by an error tag, which is then ``new``.
    """

    kind: str
    annotation_id: str | None
    label_id: str | None
    sample_id: str | None
    field: str | None
    old: Json
    new: Json
    actor: str | None = None
    edited_at: datetime | None = None

    @property
    def about(self) -> str:
        """The annotation, or the label that is no annotation yet."""
        return self.annotation_id or f"{self.label_id or ''}@{self.sample_id or ''}"

    @property
    def subject(self) -> str:
        """What it is about; at most one of each kind."""
        return "/".join((self.kind, self.about, (self.field or "") if self.kind == AWAITING else str(self.new)))


@dataclass(frozen=True)
class TagEdit:
    """Tags to be removed from and set on a label, or (``label_id`` is ``None``) a sample.

    ``after_changes``: the edit answers somebody's tag, and is made only once every change of this plan to that label,
    or to a label of that sample, was carried out, because the tag asked for them. Otherwise it is about syncd's own
    marks.
    """

    sample_id: str
    label_id: str | None
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    after_changes: bool = False

    @property
    def sort_key(self) -> tuple[str, str, bool]:
        """Orders a plan's tag edits independently of the order in which rows were read."""
        return (self.sample_id, self.label_id or "", self.after_changes)


@dataclass(frozen=True)
class Counts:
    """What the plan leaves alone, as numbers of annotations (``converged``: fields)."""

    scanned_fiftyone: int = 0
    scanned_database: int = 0
    converged: int = 0
    first_met: int = 0
    awaiting_review: int = 0
    not_ingested: int = 0
    too_young: int = 0
    ignored: int = 0
    flagged: int = 0


@dataclass(frozen=True)
class Scope:
    """Which annotations the plan judged, so that conflicts outside of it are left as they are.

    ``everything`` is set after a complete read of both sides; ``left_alone`` are ids within it that were not
    judged (edited a moment ago), and ``samples_left`` the samples where that was so; ``fields_left`` are annotations
    of which only the whole was judged, because a side lacks them or their identity is in doubt: conflicts about one of
    their fields were not looked for.
    """

    everything: bool
    annotation_ids: frozenset[str] = frozenset()
    label_ids: frozenset[str] = frozenset()
    left_alone: frozenset[str] = frozenset()
    fields_left: frozenset[str] = frozenset()
    samples_left: frozenset[str] = frozenset()

    def judged(self, annotation_id: str | None, label_id: str | None, field: str | None = None) -> bool:
        """Whether a conflict of that annotation (or label without id), about that field, would have been found."""
        if field is not None and annotation_id in self.fields_left:
            return False
        if annotation_id is not None and annotation_id in self.left_alone:
            return False
        if label_id is not None and label_id in self.left_alone:
            return False
        if self.everything:
            return True
        if label_id is not None and label_id not in self.label_ids:
            return False
        if annotation_id is None:
            return label_id is not None
        return annotation_id in self.annotation_ids


@dataclass(frozen=True)
class Plan:
    """What one reconcile of one binding is to do.

    ``baseline`` holds the rows of the baseline that this plan moves, as they are if no change succeeds: apply adds
    what it read back. ``held`` names the brake that stops the plan. ``hints`` says why an incremental read does
    not suffice (something may have been deleted); a plan with hints is never applied. ``waiting`` is what was found
    to wait for a person without being a conflict; ``tags`` what becomes of the tags in FiftyOne, which no log mentions;
    ``answered`` the (annotation id, tag) that have had their effect, or need none, and stay where they are.
    ``recovery`` holds, for a side that went back in time, the changes that would bring it forward again; where syncd's
    own tables did, those by which FiftyOne would follow.
    """

    binding: str
    changes: tuple[Change, ...]
    conflicts: tuple[Conflict, ...]
    baseline: pl.DataFrame
    dropped: tuple[str, ...]
    counts: Counts
    scope: Scope
    held: str | None = None
    hints: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())
    waiting: tuple[Waiting, ...] = ()
    tags: tuple[TagEdit, ...] = ()
    answered: frozenset[tuple[str, str]] = frozenset()
    recovery: Mapping[Side, tuple[Change, ...]] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Identifies what the plan would do: equal digests mean equal changes and conflicts."""
        content: Json = {
            "binding": self.binding,
            "changes": [_change_key(each) for each in self.changes],
            "conflicts": [_conflict_key(each) for each in self.conflicts],
        }
        return hashlib.blake2b(dumps(content).encode(), digest_size=16).hexdigest()

    def count(self, direction: Direction | None) -> int:
        """Number of changes in that direction."""
        return sum(each.direction is direction for each in self.changes)

    @property
    def is_empty(self) -> bool:
        """Whether applying the plan would change neither side."""
        return all(each.direction is None for each in self.changes)


def _change_key(change: Change) -> Json:
    seen: list[Json] = [] if change.seen_tags is None else [list(change.seen_tags)]
    return [
        change.annotation_id,
        change.label_id,
        change.sample_id,
        change.direction.value if change.direction else None,
        change.action.value,
        change.field,
        dumps(change.old),
        dumps(change.new),
        change.media,
        str(change.undo_of),
        *seen,
    ]


def _conflict_key(conflict: Conflict) -> Json:
    return [
        conflict.kind,
        conflict.subject,
        dumps(conflict.base),
        dumps(conflict.fiftyone),
        dumps(conflict.database),
    ]
