"""The preconditions of a direct plan: whether its changes still find what they were made for. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from syncd.diff.findings import problems_of, seen_tags
from syncd.diff.outcomes import subject
from syncd.model import ID_FIELD, MEDIA_FIELD, SAMPLE_FIELD, Action, Change, Content, Direction, Mapping
from syncd.model.current import Present, Row, content
from syncd.model.reasons import Reason
from syncd.model.snapshot import baseline_schema, column, known_column
from syncd.model.values import same_content


def holding(mapping: Mapping, changes: Sequence[Change], present: Present) -> tuple[bool, ...]:
    """For each change, whether its own side holds ``old`` and the other side what the change supposes.

    The other side must hold ``new`` already, unless the plan changes it as well; then both changes hold or neither.
    An edit that is written for review supposes nothing of the other side.
    For a side that is brought forward again, the baseline must hold ``new``: whatever the other side holds since then
    is an edit, for the next run.
    """
    sides: dict[tuple[str | None, str | None, str | None], set[Direction | None]] = {}
    for each in changes:
        sides.setdefault(subject(each), set()).add(each.direction)
    judged = {
        Action.UPDATE: _update_holds,
        Action.INSERT: _insert_holds,
        Action.DELETE: _delete_holds,
    }
    failed = {
        subject(each)
        for each in changes
        if not judged[each.action](mapping, each, present, len(sides[subject(each)]) > 1)
    }
    return tuple(subject(each) not in failed for each in changes)


def _update_holds(mapping: Mapping, change: Change, present: Present, paired: bool) -> bool:
    label = present.label_at(change.sample_id, change.label_id)
    if change.field == ID_FIELD:
        return label is not None and label["annotation_id"] == change.old
    row = present.row(change.annotation_id)
    if change.field in (SAMPLE_FIELD, MEDIA_FIELD):
        return _image_holds(mapping, change, label, row)
    home, out = (row, label) if change.direction is Direction.TO_DATABASE else (label, row)
    if not _field_is(mapping, home, change.field, change.old):
        return False
    if change.reason == Reason.RECOVERED:
        return _was_agreed(mapping, present, change)
    if change.reason == Reason.RELABELLED_FOR_REVIEW:
        return True
    # A row or a label that is alone has nobody to agree with.
    return paired or out is None or _field_is(mapping, out, change.field, change.new)


def _image_holds(mapping: Mapping, change: Change, label: Row | None, row: Row | None) -> bool:
    """Whether the label still stands on another image than its row names, and both images are those that were seen."""
    if label is None or row is None or label["annotation_id"] != change.annotation_id:
        return False
    seen = change.media if change.field == SAMPLE_FIELD else change.old
    if row[mapping.image] != seen or label["sample_id"] != change.sample_id:
        return False
    return change.field == SAMPLE_FIELD or label[mapping.image] == change.new


def _was_agreed(mapping: Mapping, present: Present, change: Change) -> bool:
    home = present.home(change.annotation_id)
    if home is None:
        return False
    if change.field is None:
        return same_content(mapping, None, content(mapping, home), change.new)
    return same_content(mapping, change.field, home[column(change.field)], change.new)


def _insert_holds(mapping: Mapping, change: Change, present: Present, paired: bool) -> bool:
    if change.direction is Direction.TO_DATABASE:
        label = present.label_at(change.sample_id, change.label_id)
        free = not present.rows_of(change.annotation_id) and change.annotation_id not in present.hidden
        if change.reason == Reason.RECOVERED:
            return free and label is not None and _was_agreed(mapping, present, change)
        return free and (paired or (label is not None and _content_is(mapping, label, change.new)))
    sample = present.sample(change.sample_id)
    free = not present.labels_of(change.annotation_id) and sample is not None and not sample["occupied"]
    row = present.row(change.annotation_id)
    if change.reason == Reason.RECOVERED:
        return free and row is not None and _was_agreed(mapping, present, change)
    return free and (paired or (row is not None and _content_is(mapping, row, change.new)))


def _delete_holds(mapping: Mapping, change: Change, present: Present, paired: bool) -> bool:
    if change.direction is Direction.TO_DATABASE:
        row = present.row(change.annotation_id)
        alone = paired or not present.labels_of(change.annotation_id)
        return alone and row is not None and _content_is(mapping, row, change.old)
    label = present.label_at(change.sample_id, change.label_id)
    if label is None or label["annotation_id"] != change.annotation_id:
        return False
    home = present.home(change.annotation_id)
    is_copy = home is not None and (home["sample_id"], home["label_id"]) != (change.sample_id, change.label_id)
    alone = paired or is_copy or not present.rows_of(change.annotation_id)
    untagged = change.seen_tags is None or set(seen_tags(label)) <= set(change.seen_tags)
    return alone and untagged and _content_is(mapping, label, change.old)


def _field_is(mapping: Mapping, row: Row | None, name: str | None, value: Content) -> bool:
    if row is None or name is None or name in problems_of(row):
        return False
    return same_content(mapping, name, row[column(name)], value)


def _content_is(mapping: Mapping, row: Row, value: Content) -> bool:
    return row["problems"] is None and same_content(mapping, None, content(mapping, row), value)


def baseline_of(mapping: Mapping, changes: Sequence[Change], present: Present) -> pl.DataFrame:
    """The baseline rows that these changes may move, as they are now.

    An annotation that both sides have but that was never agreed on is in it with its place alone; one that is inserted
    is not, because what was inserted is its baseline.
    """
    inserted = {each.annotation_id for each in changes if each.action is Action.INSERT}
    touched = {each.annotation_id for each in changes} - inserted - {None}
    frame = present.known.filter(pl.col("annotation_id").is_in(list(touched)))
    new = sorted(touched - set(frame["annotation_id"]), key=str)
    rows = [_unagreed(mapping, name, present) for name in new]
    met = pl.DataFrame([each for each in rows if each], schema=baseline_schema(mapping), orient="row")
    return pl.concat([frame.select(list(baseline_schema(mapping))), met])


def _unagreed(mapping: Mapping, annotation_id: str | None, present: Present) -> dict[str, Any] | None:
    label = present.label(annotation_id)
    if label is None or present.row(annotation_id) is None:
        return None
    place = {name: label[name] for name in ("annotation_id", "label_id", "sample_id")}
    place["image"] = label[mapping.image]
    values: dict[str, Any] = {column(name): None for name in mapping.names}
    return place | values | {known_column(name): False for name in mapping.names}
