"""Writes that displaced somebody's value: how it is put back, and the conflict that a person then decides. Pure.

A store without a real compare-and-set shows only afterwards that somebody was there first. Nothing is lost by that:
what they had put there goes back, by a change of its own in the log, and all three values stand in a conflict.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from syncd.diff.outcomes import Recorded, base_of, shown
from syncd.model import Action, Change, Conflict, Mapping
from syncd.model.conflict_kinds import ConflictKind
from syncd.model.plan import Content
from syncd.model.reasons import Reason
from syncd.model.result import Displaced, Status
from syncd.model.values import same_content


@dataclass(frozen=True)
class Overtaken:
    """``changes`` put back what was displaced; each ``conflict`` holds what was agreed, what was written, and that."""

    changes: tuple[Change, ...]
    conflicts: tuple[Conflict, ...]


def overtaken(mapping: Mapping, known: pl.DataFrame, recorded: Iterable[Recorded]) -> Overtaken:
    """What follows from the writes that displaced something; ``known`` is the baseline before them."""
    found = [(each.change, displaced) for each in recorded if (displaced := _displaced(each)) is not None]
    if not found:
        return Overtaken((), ())
    ids = [change.annotation_id for change, _ in found]
    agreed = {row["annotation_id"]: row for row in known.filter(pl.col("annotation_id").is_in(ids)).rows(named=True)}
    whole = mapping.in_database
    changes = [each for change, displaced in found for each in _put_back(whole, change, displaced)]
    conflicts = [
        each
        for change, displaced in found
        for each in _conflicts(mapping, agreed.get(change.annotation_id), change, displaced)
    ]
    return Overtaken(tuple(changes), tuple(conflicts))


def _displaced(recorded: Recorded) -> Displaced | None:
    if recorded.status != Status.APPLIED or recorded.result is None:
        return None
    return recorded.result.displaced


def _put_back(mapping: Mapping, change: Change, displaced: Displaced) -> Iterator[Change]:
    """The changes after which the store holds what it held before ``change``."""
    back = replace(change, reason=Reason.OVERTAKEN, actor=None, edited_at=None, undo_of=None, media=None)
    if change.action is Action.UPDATE:
        yield replace(back, old=change.new, new=displaced.content)
    elif change.action is Action.DELETE:
        media = displaced.media
        yield replace(back, action=Action.INSERT, label_id=None, old=None, new=displaced.content, media=media)
    else:
        for name, written, there in _differing(mapping, change, displaced):
            yield replace(back, action=Action.UPDATE, field=name, old=written, new=there)


def _conflicts(
    mapping: Mapping, agreed: dict[str, Any] | None, change: Change, displaced: Displaced
) -> Iterator[Conflict]:
    """A person decides between what syncd wrote, which FiftyOne holds, and what was there."""
    mine = change.old if change.reason == Reason.OVERTAKEN else change.new
    if change.action is Action.UPDATE and change.field in mapping.names:
        yield _conflict(
            mapping, ConflictKind.EDIT_EDIT, agreed, change, change.field, mine, displaced.content, displaced
        )
    elif change.action is Action.DELETE:
        kind = ConflictKind.DELETED_IN_FIFTYONE
        yield _conflict(mapping, kind, agreed, change, None, None, displaced.content, displaced)
    elif change.action is Action.INSERT:
        for name, written, there in _differing(mapping, change, displaced):
            yield _conflict(mapping, ConflictKind.NO_BASELINE, agreed, change, name, written, there, displaced)


def _conflict(
    mapping: Mapping,
    kind: ConflictKind,
    agreed: dict[str, Any] | None,
    change: Change,
    field: str | None,
    mine: Content,
    theirs: Content,
    displaced: Displaced,
) -> Conflict:
    return Conflict(
        kind=kind,
        annotation_id=change.annotation_id,
        sample_id=change.sample_id,
        label_id=change.label_id,
        field=field,
        base=base_of(mapping, agreed, field),
        fiftyone=shown(mine),
        database=shown(theirs),
        in_database=displaced.edited,
    )


def _differing(mapping: Mapping, change: Change, displaced: Displaced) -> Iterator[tuple[str, Content, Content]]:
    """(field, what the insert wrote, what was there) where the two differ."""
    written, there = change.new, displaced.content
    assert isinstance(written, dict) and isinstance(there, dict), "an insert is of a whole annotation"
    for name in mapping.names:
        if name in written and not same_content(mapping, name, written[name], there.get(name)):
            yield name, written[name], there.get(name)
