"""From what was read back to what is recorded: outcomes, the new baseline, and conflicts of refused values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import polars as pl

from syncd.adapters.protocol import Result
from syncd.adapters.values import same_content, same_value
from syncd.diff.content import jsonable
from syncd.model import ID_FIELD, Action, Change, Conflict, Direction, Field, Json, Mapping, dtype
from syncd.model.plan import Content, Edited
from syncd.model.snapshot import baseline_schema, column, known_column
from syncd.store.changes import APPLIED, SUPERSEDED


@dataclass(frozen=True)
class Recorded:
    """One change, what became of it, and how it was found."""

    change: Change
    status: str
    result: Result | None = None


def judge_result(mapping: Mapping, result: Result) -> Recorded:
    """What became of a change, given what the side holds now.

    FiftyOne cannot say which operation of a bulk write matched, so there what was read back decides; the database
    can, and a value that one of its triggers altered still counts as written.
    """
    result = _as_inserted(mapping, _quietly_refused(mapping, result))
    change = result.change
    if result.refused is not None:
        return Recorded(change, SUPERSEDED, result)
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
    return Recorded(given, APPLIED if applied else SUPERSEDED, result)


def _quietly_refused(mapping: Mapping, result: Result) -> Result:
    """A trigger, a rule or a policy that keeps the old value in place has refused the new one.

    Written again it would be refused again, in every run. (Where somebody else was faster, the row holds a third
    value, and the next run looks at that.)
    """
    change = result.change
    if result.matched is None or result.refused is not None or change.action is Action.INSERT or not result.present:
        return result
    if not same_content(mapping, change.field, result.after, change.old):
        return result
    if result.matched and same_content(mapping, change.field, result.after, change.new):
        return result
    how = "took the value and put the old one back" if result.matched else "left the row as it was"
    return replace(result, refused=f"the database {how} (a trigger, a rule or a row security policy?)")


def _as_inserted(mapping: Mapping, result: Result) -> Result:
    """A label of ours that holds something else already was edited since: that is for the diff, against the insert."""
    change = result.change
    ours = change.action is Action.INSERT and change.direction is Direction.TO_FIFTYONE and result.present
    if not ours or change.label_id is None or result.label_id != change.label_id:
        return result
    return result if same_content(mapping, None, result.after, change.new) else replace(result, after=change.new)


def held(mapping: Mapping, change: Change, row: dict[str, Any]) -> Content:
    """What a row of a snapshot holds of the field, or of the annotation, that a change is about."""
    if change.field == ID_FIELD:
        return cast("Content", row["annotation_id"])
    if change.field is None:
        return {name: row[column(name)] for name in mapping.names}
    return cast("Content", row[column(change.field)])


def refusals(recorded: Iterable[Recorded]) -> list[Conflict]:
    """A conflict for every value that a side would not take, with the side's own words."""
    found = []
    for each in recorded:
        if each.result is None or each.result.refused is None:
            continue
        change = each.change
        homeward = change.direction is Direction.TO_DATABASE
        made = Edited(change.actor, change.edited_at)
        found.append(
            Conflict(
                kind="refused_by_database" if homeward else "refused_by_fiftyone",
                annotation_id=change.annotation_id,
                sample_id=change.sample_id,
                label_id=change.label_id,
                field=change.field,
                base=None,
                fiftyone=_shown(change.new if homeward else change.old),
                database=_shown(change.old if homeward else change.new),
                suggestions=(each.result.refused,),
                in_fiftyone=made if homeward else Edited(),
                in_database=Edited() if homeward else made,
            )
        )
    return found


def _shown(content: Content) -> Json:
    if isinstance(content, dict):
        return {name: jsonable(value) for name, value in content.items()}
    return jsonable(content)


def next_baseline(mapping: Mapping, planned: pl.DataFrame, recorded: Sequence[Recorded]) -> pl.DataFrame:
    """The baseline rows to store: those the plan moves, with every applied change as it was read back.

    Invariant: a field's baseline moves only where both sides were seen to hold the same value. Where a change was
    to be made on both sides at once, it therefore counts only if both were written, and alike.
    """
    applied = _wholly_applied(recorded)
    frame = planned
    for field in mapping.fields:
        agreed = _agreed(field, applied)
        if agreed:
            frame = _patched(frame, field.name, dtype(field.kind), agreed)
    rows = [_inserted(mapping, each) for each in applied if each.change.action is Action.INSERT]
    inserted = _one_per_annotation(mapping, pl.DataFrame(rows, schema=baseline_schema(mapping), orient="row"))
    return pl.concat([frame.select(list(baseline_schema(mapping))), inserted])


def _wholly_applied(recorded: Sequence[Recorded]) -> list[Recorded]:
    """What was applied, without changes of which the other side's half was not."""
    written = [each for each in recorded if each.change.direction is not None]
    failed = {subject(each.change) for each in written if each.status != APPLIED}
    return [each for each in written if each.status == APPLIED and subject(each.change) not in failed]


def subject(change: Change) -> tuple[str | None, str | None, str | None]:
    """What a change is about; a label without an annotation id is told by its own."""
    return change.annotation_id, change.field, None if change.annotation_id is not None else change.label_id


def _agreed(field: Field, applied: Sequence[Recorded]) -> list[tuple[str | None, Content]]:
    """(annotation id, value) of the updates of a field that are what was meant, and the same on both sides."""
    found: dict[str | None, Content] = {}
    apart: set[str | None] = set()
    for each in applied:
        change, result = each.change, each.result
        if change.action is not Action.UPDATE or change.field != field.name or result is None:
            continue
        name = change.annotation_id
        known = found.setdefault(name, result.after)
        if not (same_value(field, result.after, change.new) and same_value(field, result.after, known)):
            apart.add(name)
    return [(name, value) for name, value in found.items() if name not in apart]


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


def _inserted(mapping: Mapping, recorded: Recorded) -> dict[str, object]:
    """The baseline of an annotation that was inserted. A default of the column is not yet FiftyOne's value too."""
    change = recorded.change
    after = recorded.result.after if recorded.result else None
    new = change.new
    assert isinstance(after, dict) and isinstance(new, dict), "an insert is read back whole"
    row: dict[str, object] = {
        "annotation_id": change.annotation_id,
        "label_id": change.label_id,
        "sample_id": change.sample_id,
    }
    for each in mapping.fields:
        row[column(each.name)] = after.get(each.name)
        row[known_column(each.name)] = same_value(each, after.get(each.name), new.get(each.name))
    return row


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
    """Ids whose baseline goes: gone from both sides, or deleted on the side that still had them.

    An annotation that is ``known`` on another label than the one that was removed lost a copy, and nothing else.
    """
    homes = dict(known.select("annotation_id", "label_id").iter_rows())
    deleted = [
        str(each.change.annotation_id)
        for each in recorded
        if each.status == APPLIED and each.change.action is Action.DELETE and each.change.annotation_id
        if each.change.direction is not Direction.TO_FIFTYONE
        or homes.get(each.change.annotation_id) in (None, each.change.label_id)
    ]
    return [*dropped, *deleted]


def applied_count(recorded: Iterable[Recorded], way: Direction) -> int:
    """Number of changes applied in that direction."""
    return sum(each.status == APPLIED and each.change.direction is way for each in recorded)
