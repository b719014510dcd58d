"""Turns what was read back into what is recorded: outcomes, the new baseline, and conflicts about refused values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import polars as pl

from syncd.diff.findings import jsonable
from syncd.diff.readback import LEFT, PUT_BACK, brought_to_fiftyone
from syncd.model import (
    ID_FIELD,
    MEDIA_FIELD,
    SAMPLE_FIELD,
    Action,
    Change,
    Conflict,
    Direction,
    Field,
    Json,
    Mapping,
    Value,
    dtype,
)
from syncd.model.conflict_kinds import ConflictKind
from syncd.model.plan import Content, Edited
from syncd.model.reasons import Reason
from syncd.model.result import Result, Status
from syncd.model.snapshot import baseline_schema, column, known_column
from syncd.model.values import same_content, same_value


@dataclass(frozen=True)
class Recorded:
    """One change, its outcome, and the result that the outcome rests on."""

    change: Change
    status: str
    result: Result | None = None


def judge_result(mapping: Mapping, result: Result) -> Recorded:
    """The outcome of a change, given what the side holds now.

    FiftyOne cannot say which operation of a bulk write matched: there the value that was read back decides. The
    database can say it, and a value that it changed for good (:attr:`Result.answered`) counts as written.
    """
    result = _as_inserted(mapping, _quietly_refused(mapping, result))
    change = result.change
    if result.refused is not None:
        return Recorded(change, Status.REFUSED, result)
    if result.matched is not None:
        applied = result.matched
    elif change.action is Action.DELETE:
        applied = not result.present
    else:
        applied = result.present and same_content(mapping, change.field, result.after, change.new)
    is_new = change.action is Action.INSERT or not change.label_id
    given = replace(change, label_id=result.label_id) if result.label_id and is_new else change
    if change.annotation_id is None and applied:
        given = replace(given, annotation_id=result.annotation_id)
    return Recorded(given, Status.APPLIED if applied else Status.SUPERSEDED, result)


def _quietly_refused(mapping: Mapping, result: Result) -> Result:
    """The result; refused where a trigger, a rule or a policy kept the old value in place of the new one.

    Written again it would be refused again, in every run. (Where somebody else was faster, the row holds a third
    value, and the next run judges that.)
    """
    change = result.change
    if result.matched is None or result.refused is not None or change.action is Action.INSERT or not result.present:
        return result
    if not same_content(mapping, change.field, result.after, change.old):
        return result
    if result.matched and same_content(mapping, change.field, result.after, change.new):
        return result
    return replace(result, refused=PUT_BACK if result.matched else LEFT)


def _as_inserted(mapping: Mapping, result: Result) -> Result:
    """The result; as inserted, where our label holds something else already: the diff judges such an edit.

    So it does where a row was inserted for good and somebody has deleted it before it could be read back.
    """
    change = result.change
    if change.action is Action.INSERT and result.matched and not isinstance(result.after, dict):
        return replace(result, present=True, after=change.new, answered=frozenset())
    ours = change.action is Action.INSERT and change.direction is Direction.TO_FIFTYONE and result.present
    if not ours or change.label_id is None or result.label_id != change.label_id:
        return result
    return result if same_content(mapping, None, result.after, change.new) else replace(result, after=change.new)


def held(mapping: Mapping, change: Change, row: dict[str, Any]) -> Content:
    """What a row of a snapshot holds of the field, or of the annotation, that a change is about."""
    if change.field in (ID_FIELD, SAMPLE_FIELD):
        return cast("Content", row["annotation_id" if change.field == ID_FIELD else "sample_id"])
    if change.field == MEDIA_FIELD:
        return cast("Content", row[mapping.image])
    if change.field is None:
        return {name: row[column(name)] for name in mapping.names}
    return cast("Content", row[column(change.field)])


def refusals(mapping: Mapping, known: pl.DataFrame, recorded: Iterable[Recorded]) -> list[Conflict]:
    """A conflict for every value that a side refused, with the side's own words.

    ``known`` is the baseline of what was planned. The side that refused is shown with what it holds; the other one
    with what was to be written, which it holds already.
    """
    refused = [each for each in recorded if each.result is not None and each.result.refused is not None]
    if not refused:
        return []
    ids = [each.change.annotation_id for each in refused if each.change.annotation_id is not None]
    agreed = {
        row["annotation_id"]: row for row in known.filter(pl.col("annotation_id").is_in(ids)).iter_rows(named=True)
    }
    return [_refusal(mapping, agreed.get(each.change.annotation_id), each.change, each.result) for each in refused]


def _refusal(mapping: Mapping, agreed: dict[str, Any] | None, change: Change, result: Result | None) -> Conflict:
    assert result is not None and result.refused is not None, "the side said why"
    homeward = change.direction is Direction.TO_DATABASE
    there = shown(result.after if result.present else change.old)
    asked = shown(change.new)
    made = Edited(change.actor, change.edited_at)
    return Conflict(
        kind=ConflictKind.REFUSED_BY_DATABASE if homeward else ConflictKind.REFUSED_BY_FIFTYONE,
        annotation_id=change.annotation_id,
        sample_id=change.sample_id,
        label_id=change.label_id,
        field=change.field,
        base=base_of(mapping, agreed, change.field),
        fiftyone=asked if homeward else there,
        database=there if homeward else asked,
        suggestions=(result.refused,),
        in_fiftyone=made if homeward else Edited(),
        in_database=Edited() if homeward else made,
    )


def base_of(mapping: Mapping, agreed: dict[str, Any] | None, name: str | None) -> Json:
    """The agreed value of the field, or the agreed values of the whole annotation."""
    if agreed is None:
        return None
    if name is None:
        return {each: jsonable(agreed[column(each)]) for each in mapping.names}
    known = name in mapping.names and agreed[known_column(name)]
    return jsonable(agreed[column(name)]) if known else None


def shown(content: Content) -> Json:
    """The content as a conflict holds it."""
    if isinstance(content, dict):
        return {name: jsonable(value) for name, value in content.items()}
    return jsonable(content)


def next_baseline(mapping: Mapping, planned: pl.DataFrame, recorded: Sequence[Recorded]) -> pl.DataFrame:
    """The baseline rows to store: those that the plan moves, with every applied change as it was read back.

    Invariant: a field's baseline moves only where both sides were seen to hold the same value. A change that was to be
    made on both sides at once therefore counts only if both were written, and alike; and a row that was inserted
    without a label (by the inbox) is not agreed on before FiftyOne has one.
    """
    applied = _wholly_applied(recorded)
    frame = planned
    for field in mapping.fields:
        agreed = _agreed(field, applied)
        if agreed:
            frame = _patched(frame, field.name, dtype(field.kind), agreed)
    frame = _with_places(frame, applied)
    inserts = [each for each in applied if each.change.action is Action.INSERT]
    labelled = {each.change.annotation_id for each in inserts if not is_lone_row(each.change)}
    rows = [_inserted(mapping, each) for each in inserts if each.change.annotation_id in labelled]
    inserted = _one_per_annotation(mapping, pl.DataFrame(rows, schema=baseline_schema(mapping), orient="row"))
    return pl.concat([frame.select(list(baseline_schema(mapping))), inserted])


def is_lone_row(change: Change) -> bool:
    """Whether a change inserts a row for which FiftyOne has no label, unless another change puts one there."""
    return change.action is Action.INSERT and change.direction is Direction.TO_DATABASE and change.label_id is None


def _wholly_applied(recorded: Sequence[Recorded]) -> list[Recorded]:
    """The applied changes, without those whose half on the other side was not applied.

    Nothing is agreed by a write that displaced somebody's value, nor by putting that back.
    """
    written = [each for each in recorded if each.change.direction is not None]
    failed = {subject(each.change) for each in written if each.status != Status.APPLIED or is_overtaken(each)}
    return [each for each in written if each.status == Status.APPLIED and subject(each.change) not in failed]


def is_overtaken(recorded: Recorded) -> bool:
    """Whether a change displaced what somebody else had put there, or puts that back."""
    displaced = recorded.result is not None and recorded.result.displaced is not None
    return displaced or recorded.change.reason == Reason.OVERTAKEN


def subject(change: Change) -> tuple[str | None, str | None, str | None]:
    """What a change is about; a label without an annotation id is identified by its own id."""
    return change.annotation_id, change.field, None if change.annotation_id is not None else change.label_id


def _agreed(field: Field, applied: Sequence[Recorded]) -> list[tuple[str | None, Content]]:
    """(annotation id, value) of the updates of a field after which both sides hold the same, as it was meant.

    The database's answer is agreed too: FiftyOne is given it next (:func:`answers`).
    """
    found: dict[str | None, Content] = {}
    answers: dict[str | None, Content] = {}
    apart: set[str | None] = set()
    for each in applied:
        change, result = each.change, each.result
        if change.action is not Action.UPDATE or change.field != field.name or result is None:
            continue
        if change.reason == Reason.RELABELLED_FOR_REVIEW:
            continue
        name = change.annotation_id
        if field.name in result.answered:
            answers[name] = result.after
            continue
        known = found.setdefault(name, result.after)
        if not (same_value(field, result.after, change.new) and same_value(field, result.after, known)):
            apart.add(name)
    agreed = {name: value for name, value in found.items() if name not in apart}
    return list((agreed | answers).items())


def _patched(
    frame: pl.DataFrame, name: str, kind: pl.DataType, agreed: list[tuple[str | None, Content]]
) -> pl.DataFrame:
    patch = pl.DataFrame(
        {
            "annotation_id": pl.Series([each[0] for each in agreed], dtype=pl.String),
            "patch": pl.Series([each[1] for each in agreed], dtype=kind),
            "patched": True,
        }
    )
    hit = pl.col("patched").fill_null(value=False)
    return (
        frame.join(patch, on="annotation_id", how="left", maintain_order="left")
        .with_columns(
            pl.when(hit).then(pl.col("patch")).otherwise(pl.col(column(name))).alias(column(name)),
            (hit | pl.col(known_column(name))).alias(known_column(name)),
        )
        .drop("patch", "patched")
    )


def _with_places(frame: pl.DataFrame, applied: Sequence[Recorded]) -> pl.DataFrame:
    """The baseline with the samples to which labels were moved, and their images."""
    moved = [each.change for each in applied if each.change.field == SAMPLE_FIELD]
    if not moved:
        return frame
    places = {
        "annotation_id": [each.annotation_id for each in moved],
        "sample_id": [str(each.new) for each in moved],
        # What the log does not hold is filled in when the label is read again.
        "image": [each.media for each in moved],
    }
    return frame.update(
        pl.DataFrame(places, dict.fromkeys(places, pl.String())), on="annotation_id", include_nulls=True
    )


def _inserted(mapping: Mapping, recorded: Recorded) -> dict[str, object]:
    """The baseline of an inserted annotation. A default of the column is not yet FiftyOne's value too."""
    change = recorded.change
    after = recorded.result.after if recorded.result else None
    new, answered = change.new, recorded.result.answered if recorded.result else frozenset()
    assert isinstance(after, dict) and isinstance(new, dict), "an insert is read back whole"
    row: dict[str, object] = {
        "annotation_id": change.annotation_id,
        "label_id": change.label_id,
        "sample_id": change.sample_id,
        "image": change.media if mapping.image == "media" else None,
    }
    for each in mapping.fields:
        row[column(each.name)] = after.get(each.name)
        alike = same_value(each, after.get(each.name), new.get(each.name))
        row[known_column(each.name)] = alike or each.name in answered
    return row


def answers(mapping: Mapping, recorded: Iterable[Recorded]) -> list[Change]:
    """The changes to FiftyOne's labels by which they get the database's answers."""
    owed: list[Change] = []
    for each in recorded:
        change, result = each.change, each.result
        if each.status != Status.APPLIED or result is None or not result.answered or change.label_id is None:
            continue
        if is_overtaken(each):
            continue
        owed += brought_to_fiftyone(mapping, change, {name: _of(result.after, name) for name in result.answered})
    return sorted(owed, key=lambda each: each.sort_key)


def _of(after: Content, name: str) -> Value:
    return after.get(name) if isinstance(after, dict) else after


def _one_per_annotation(mapping: Mapping, rows: pl.DataFrame) -> pl.DataFrame:
    """One row for an annotation that was inserted on both sides: with its label, and with what both hold alike."""
    if not rows["annotation_id"].is_duplicated().any():
        return rows
    known = [pl.col(known_column(name)).all() for name in mapping.names]
    others = [pl.exclude("annotation_id", *map(known_column, mapping.names)).first()]
    return (
        rows.sort("label_id", nulls_last=True)
        .group_by("annotation_id", maintain_order=True)
        .agg(*others, *known)
        .select(rows.columns)
    )


def forgotten(dropped: Iterable[str], recorded: Iterable[Recorded], known: pl.DataFrame) -> list[str]:
    """Ids whose baseline is dropped: gone from both sides, or deleted on the side that still had them.

    An annotation that is ``known`` on another label than the removed one has lost a copy, and nothing else.
    """
    homes = dict(known.select("annotation_id", "label_id").iter_rows())
    deleted = [
        str(each.change.annotation_id)
        for each in recorded
        if each.status == Status.APPLIED and each.change.action is Action.DELETE and each.change.annotation_id
        if not is_overtaken(each)
        if each.change.direction is not Direction.TO_FIFTYONE
        or homes.get(each.change.annotation_id) in (None, each.change.label_id)
    ]
    return [*dropped, *deleted]


def applied_count(recorded: Iterable[Recorded], way: Direction) -> int:
    """Number of changes applied in that direction."""
    return sum(each.status == Status.APPLIED and each.change.direction is way for each in recorded)
