"""Annotations that the baseline does not know and only one side has: new rows, drawn labels, unknown ids."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import polars as pl

from syncd.diff.box_units import why_not_relative
from syncd.diff.findings import (
    Findings,
    content_of,
    edited,
    fiftyone_content,
    into_database,
    into_fiftyone,
    jsonable_content,
    label_conflict,
    problems_of,
    unsafe_row,
    values_of,
    whole_change,
    whole_conflict,
)
from syncd.diff.frames import D, F, not_finite, unreadable
from syncd.diff.gone_samples import WITHOUT_SAMPLE, next_away, seen_elsewhere
from syncd.diff.history import (
    holds_remembered,
    is_refused_again,
    open_whole,
    refused_drawn,
    refused_there,
    refused_whole,
    removed_lately,
    with_presence_memory,
)
from syncd.diff.inputs import History, Inputs
from syncd.diff.overlap import Occupants
from syncd.diff.presence import HIDDEN
from syncd.diff.reverts import ASK, SENT
from syncd.diff.review import TAGGED, drawn_waits
from syncd.diff.tags import PLACE, Place, with_actors
from syncd.diff.unsafe_values import why_unsafe_whole
from syncd.model.conflict_kinds import ConflictKind
from syncd.model.kinds import Json
from syncd.model.mapping import BOX, LABEL, Direction, Mapping, Side
from syncd.model.plan import Action, Change, Conflict, Waiting
from syncd.model.reasons import Reason
from syncd.model.snapshot import column


def judge_newcomers(
    inputs: Inputs,
    rows: pl.DataFrame,
    fresh: pl.DataFrame,
    approved: frozenset[Place],
    asked: pl.DataFrame,
    returned: pl.DataFrame,
    busy: frozenset[str],
    found: Findings,
) -> None:
    """Decides what only one side has and the baseline does not know, and every fresh label.

    ``approved`` are the labels with an approving tag, ``asked`` those for which a tag asks something; ``returned``
    those that are back, and not by an edit (:attr:`syncd.diff.reverts.Returns.back`). ``busy`` are the samples in their
    quiet period, whose labels are left alone.
    """
    unknown = rows.filter(~pl.col("in_b"))
    lone = with_actors(unknown.filter(pl.col("in_f") & ~pl.col("in_d")), inputs.policy.review, F)
    _unknown_id(inputs, lone, asked, returned, found)
    new = rows.filter((~pl.col("in_b") & ~pl.col("in_f") & pl.col("in_d")) | WITHOUT_SAMPLE)
    fresh = _new_in_database(inputs, new, fresh, busy, found)
    _drawn(inputs, fresh if inputs.complete else _unasked(inputs, fresh, found), approved, found)


def _unknown_id(
    inputs: Inputs,
    rows: pl.DataFrame,
    asked: pl.DataFrame,
    returned: pl.DataFrame,
    found: Findings,
) -> None:
    """Decides ids that the database does not show: it never had them, has them no more or not yet, or hides them."""
    if rows.is_empty():
        return
    mapping, reapply = inputs.mapping, inputs.policy.on_stale_revert == "reapply"
    in_list = mapping.label_type.list_name is not None
    rows = with_presence_memory(inputs.history, rows, Action.DELETE, returned)
    broken = pl.any_horizontal([unreadable(each.name, F) | not_finite(each, F) for each in mapping.fields])
    refused = refused_whole(inputs, rows["annotation_id"])
    removed = removed_lately(inputs.history, rows["annotation_id"])
    spoken_of = {(sample_id, label_id): tags for sample_id, label_id, tags in asked.iter_rows()}
    for row in rows.with_columns(broken.alias("broken")).iter_rows(named=True):
        annotation_id = row["annotation_id"]
        remembered = refused.get(annotation_id)
        if remembered is not None and holds_remembered(mapping, remembered, values_of(mapping, row, F)):
            # Without ids, so that the content can be recognised the next time.
            found.add(whole_conflict(mapping, row, ConflictKind.REFUSED_BY_DATABASE, with_ids=False))
        elif row["waits"] or row["returned"] == ASK:
            found.add(whole_conflict(mapping, row, ConflictKind.STALE_REVERT))
        elif row["returned"] and (tags := spoken_of.get((row[F + "sample_id"], row[F + "label_id"]))):
            found.add(whole_conflict(mapping, row, ConflictKind.STALE_REVERT, asked=tags))
        elif in_list and annotation_id in removed and not _holds_any(mapping, row, removed[annotation_id]):
            # Somebody edited it in the window that put it back: that edit must not go with it unasked.
            found.add(whole_conflict(mapping, row, ConflictKind.STALE_REVERT))
        elif row["returned"] is None:
            found.add(whole_conflict(mapping, row, HIDDEN.kind if row["hidden"] else ConflictKind.UNKNOWN_ID))
        elif (
            (row["reapplied"] and row["returned"] != SENT)
            or not reapply
            or row["broken"]
            or annotation_id not in removed
        ):
            found.add(whole_conflict(mapping, row, ConflictKind.STALE_REVERT))
        elif inputs.complete:
            found.add(whole_change(mapping, row, Direction.TO_FIFTYONE, Reason.STALE_REVERT, seen=F, place=F))
        else:
            found.hints.append(f"{annotation_id} is back, which was removed")


def _holds_any(mapping: Mapping, row: dict[str, Any], contents: list[dict[str, Json]]) -> bool:
    """Whether a label is one of those in the history."""
    return any(holds_remembered(mapping, each, values_of(mapping, row, F)) for each in contents)


def _new_in_database(
    inputs: Inputs, rows: pl.DataFrame, fresh: pl.DataFrame, busy: frozenset[str], found: Findings
) -> pl.DataFrame:
    """Decides rows that FiftyOne does not have yet: inserted where their sample is in the dataset.

    Where a field holds one label, a row that replaces another takes the place of the label that goes with it: that is
    known once the other row was looked for, and once the quiet period of the label is over.
    Returns the fresh labels without those in the place where a new row's label would go.
    """
    if rows.is_empty():
        return fresh
    mapping = inputs.mapping
    single = mapping.label_type.list_name is None
    places = inputs.samples.group_by("media").agg(
        pl.col("sample_id").min(), pl.col("occupied").any(), pl.len().alias("samples")
    )
    rows = rows.join(places, left_on=D + "media", right_on="media", how="left")
    absent = rows.filter(pl.col("samples").is_null())
    _left_with_their_samples(inputs, absent.filter("in_b"), found)
    found.not_ingested += absent.height
    rows = rows.filter(pl.col("samples").is_not_null()).sort("annotation_id")
    nameless = _by_sample(inputs, fresh, rows)
    freed, told = found.freed, frozenset(open_whole(inputs.history)["annotation_id"])
    refused = refused_there(inputs, rows["annotation_id"])
    unexplained = 0
    explained: list[tuple[str, str]] = []
    for row in rows.iter_rows(named=True):
        sample_id = row["sample_id"]
        here = nameless.get(sample_id)
        if row["samples"] > 1:
            found.add(whole_conflict(mapping, row, ConflictKind.AMBIGUOUS_MEDIA))
        elif here is not None and (label := here.take(_values_of_row(row))) is not None:
            explained.append((sample_id, label["label_id"]))
            found.add(_occupied_by(inputs, row, label))
        elif single and row["occupied"] and sample_id in busy:
            found.put_off.add(row["annotation_id"])
        elif single and ((row["occupied"] and sample_id not in freed) or sample_id in found.taken):
            unexplained += row["annotation_id"] not in told
            found.blocked[row["annotation_id"]] = sample_id
            found.add(whole_conflict(mapping, row, ConflictKind.OCCUPIED))
        elif is_refused_again(mapping, refused, row):
            found.add(whole_conflict(mapping, row, ConflictKind.REFUSED_BY_FIFTYONE))
        elif bad := why_unsafe_whole(mapping, Side.FIFTYONE, values_of(mapping, row, D), problems_of(row, D)):
            found.add(unsafe_row(row, sample_id, *bad))
        elif not row["in_b"] and BOX in mapping.names and (far := why_not_relative(row[D + column(BOX)])):
            found.add(unsafe_row(row, sample_id, BOX, far))
        else:
            found.taken.add(sample_id)
            found.add(
                into_fiftyone(mapping, row, sample_id, Reason.RESTORED if row["in_b"] else Reason.NEW_IN_DATABASE)
            )
    if unexplained and not inputs.complete:
        found.hints.append(f"{unexplained} new rows are of samples that hold a label, whose row may be gone")
    if not explained:
        return fresh
    schema = {"sample_id": pl.String(), "label_id": pl.String()}
    return fresh.join(pl.DataFrame(explained, schema, orient="row"), on=list(schema), how="anti")


def _left_with_their_samples(inputs: Inputs, rows: pl.DataFrame, found: Findings) -> None:
    """Counts annotations whose samples have left the dataset; too many of them at once hold the run."""
    away = next_away(inputs, rows)
    told = open_whole(inputs.history).select("annotation_id")
    found.vanished_in_fiftyone += away.join(told, on="annotation_id", how="anti").height
    found.away.append(away)


def _unasked(inputs: Inputs, fresh: pl.DataFrame, found: Findings) -> pl.DataFrame:
    """Fresh labels of an incremental read, without those about whose owner a person was asked already.

    Whether others are the labels of samples that had left the dataset, or of annotations that were moved to their
    samples, only a complete read tells.
    """
    asked = pl.DataFrame(list(_asked_about(inputs.history)), {name: pl.String() for name in PLACE}, orient="row")
    fresh = fresh.join(asked, on=PLACE, how="anti")
    strange = fresh.join(inputs.baseline, on="sample_id", how="anti").height
    if strange and inputs.away and inputs.policy.on_new != "ignore":
        found.hints.append(f"{strange} labels without an id may be those of samples that had left the dataset")
    moved = seen_elsewhere(inputs.history.open_conflicts).join(inputs.baseline, on="annotation_id", how="anti")
    doubtful = fresh.join(moved, on="sample_id", how="semi").height
    if doubtful and inputs.policy.on_new != "ignore":
        found.hints.append(f"{doubtful} labels without an id may be those that had been moved to their samples")
    return fresh


def _asked_about(history: History) -> Iterator[tuple[str, str]]:
    """The labels without an id that open conflicts about other annotations name."""
    about = open_whole(history).filter(pl.col("kind").is_in([ConflictKind.REPLACED.value, ConflictKind.OCCUPIED.value]))
    for text in about["fiftyone"].to_list():
        label = json.loads(text)
        if isinstance(label, dict):
            yield label["sample_id"], label["label_id"]


def _values_of_row(row: dict[str, Any]) -> dict[str, Any]:
    """The database's values of a joined row, under the names that they have in a snapshot."""
    return {name.removeprefix(D): value for name, value in row.items() if name.startswith(D)}


def _by_sample(inputs: Inputs, fresh: pl.DataFrame, rows: pl.DataFrame) -> dict[str, Occupants]:
    """Fresh labels on the samples of new rows; none where drawn labels are ignored."""
    if inputs.policy.on_new == "ignore":
        return {}
    here: dict[str, list[dict[str, Any]]] = {}
    near = fresh.join(rows.select("sample_id").unique(), on="sample_id", how="semi").sort("label_id")
    for label in near.iter_rows(named=True):
        here.setdefault(label["sample_id"], []).append(label)
    return {sample_id: Occupants(inputs.mapping, labels) for sample_id, labels in here.items()}


def _occupied_by(inputs: Inputs, row: dict[str, Any], label: dict[str, Any]) -> Conflict:
    """The label without an id in the place where the new row's label would go: perhaps the same annotation."""
    return Conflict(
        kind=ConflictKind.OCCUPIED,
        annotation_id=row["annotation_id"],
        sample_id=label["sample_id"],
        label_id=label["label_id"],
        field=None,
        base=None,
        fiftyone=fiftyone_content(inputs.mapping, label),
        database=content_of(inputs.mapping, row, D),
        in_fiftyone=edited(label),
        in_database=edited(row, D),
    )


def _drawn(inputs: Inputs, fresh: pl.DataFrame, approved: frozenset[Place], found: Findings) -> None:
    """Decides labels drawn by a reviewer: no id, on a label that nobody knows."""
    if inputs.policy.on_new == "ignore":
        found.ignored += fresh.height
        return
    mapping = inputs.mapping
    create = inputs.policy.on_new == "create" and mapping.can_insert_in_database
    refused = refused_drawn(inputs.history)
    # Whoever cannot get an id from its owner gets none: a number that is guessed is the lab's next one.
    why = (mapping.no_new_ids,) if create and mapping.no_new_ids is not None else ()
    for row in fresh.iter_rows(named=True):
        if create and not why:
            found.add(_into_database(inputs, row, refused.get((row["sample_id"], row["label_id"])), approved))
        else:
            found.add(label_conflict(mapping, row, ConflictKind.NEW_LABEL, why, None))


def _into_database(
    inputs: Inputs, row: dict[str, Any], refused: dict[str, Json] | None, approved: frozenset[Place]
) -> Change | Conflict | Waiting:
    """Inserts a label (an unprefixed row) into the database, unless the database cannot or must not hold it.

    An alias goes there as its term; FiftyOne's label follows in the next run, when it is known under its id. What the
    database has ``refused`` is not tried again before it is edited.
    """
    mapping = inputs.mapping
    values = values_of(mapping, row)
    problems = problems_of(row)
    bad = why_unsafe_whole(mapping, Side.DATABASE, values, problems)
    if row["media"] is None:
        bad = ("media", "the sample has no value that could tie a row to it")
    if bad is not None:
        return label_conflict(mapping, row, ConflictKind.UNSAFE_VALUE, (f"{bad[0]}: {bad[1]}",), None)
    typed = values[LABEL]
    if inputs.vocabulary is not None and typed is not None:
        meant = inputs.vocabulary.meant(str(typed))
        if meant is None:
            return label_conflict(mapping, row, ConflictKind.UNKNOWN_LABEL, (), None)
        values = values | {LABEL: meant}
    if inputs.policy.review.mode == TAGGED and (row["sample_id"], row["label_id"]) not in approved:
        return drawn_waits(row, jsonable_content(values), None)
    if refused is not None and holds_remembered(mapping, refused, values):
        # Shown as it was given to the database, so that it can be recognised the next time.
        return replace(
            label_conflict(mapping, row, ConflictKind.REFUSED_BY_DATABASE, (), None), fiftyone=jsonable_content(values)
        )
    return into_database(row, None, values)
