"""Known annotations that a side no longer has: removed from one, hidden, or gone from both (docs/truth-table.md)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from syncd.diff.findings import (
    Findings,
    edited,
    into_fiftyone,
    problems_of,
    unsafe_row,
    values_of,
    whole_change,
    whole_conflict,
)
from syncd.diff.frames import B, D, F, any_difference
from syncd.diff.gone_samples import WITHOUT_SAMPLE
from syncd.diff.history import (
    is_refused_again,
    open_whole,
    refused_there,
    with_presence_memory,
)
from syncd.diff.images import RETIED, is_retied
from syncd.diff.inputs import Inputs
from syncd.diff.lost_attributes import is_edited
from syncd.diff.reverts import ASK, SENT, WINDOW
from syncd.diff.tags import PLACE, with_actors
from syncd.diff.unsafe_values import why_unsafe_whole
from syncd.model.conflict_kinds import ConflictKind
from syncd.model.mapping import Direction, Side
from syncd.model.plan import Action
from syncd.model.policy import Policy
from syncd.model.reasons import Reason


@dataclass(frozen=True)
class _Gone:
    """A way in which the database may lack an annotation: the conflict, the reason of a removal, the policy."""

    kind: ConflictKind
    reason: Reason
    policy: Callable[[Policy], str]


DELETED = _Gone(ConflictKind.DELETED_IN_DATABASE, Reason.REMOVED_IN_DATABASE, lambda policy: policy.on_database_delete)
HIDDEN = _Gone(ConflictKind.HIDDEN, Reason.HIDDEN_IN_DATABASE, lambda policy: policy.on_hidden)


def judge_missing(
    inputs: Inputs, rows: pl.DataFrame, asked: pl.DataFrame, returned: pl.DataFrame, found: Findings
) -> None:
    """Decides known annotations that a side lacks. Only a complete read proves that; anything less gives a hint.

    Whether the database hides an annotation is asked by its id, so that any read proves it. ``asked`` are the labels
    for which a tag asks something (:func:`syncd.diff.tags.asking`); ``returned`` those that went again, and not by
    an edit (:attr:`syncd.diff.reverts.Returns.gone`).
    """
    in_f, in_d = pl.col("in_f"), pl.col("in_d")
    known = rows.filter(pl.col("in_b") & ~(in_f & in_d) & ~WITHOUT_SAMPLE)
    if known.is_empty():
        return
    told = open_whole(inputs.history)
    hidden = with_actors(known.filter(in_f & pl.col("hidden")), inputs.policy.review, F)
    if inputs.policy.on_hidden == "remove":
        found.vanished_in_database += _untold(hidden, told)
    _gone_at_home(inputs, hidden, HIDDEN, asked, found)
    known = known.filter(~(in_f & pl.col("hidden")))
    # Whoever was told that a row is hidden does not know that it was deleted since.
    told = told.filter(pl.col("kind") != HIDDEN.kind)
    if not inputs.complete:
        unexplained = _untold(known, told)
        if unexplained:
            found.hints.append(f"{unexplained} known annotations were not where they were")
        return
    only_database = known.filter(~in_f & in_d)
    only_fiftyone = with_actors(known.filter(in_f & ~in_d), inputs.policy.review, F)
    found.vanished_in_fiftyone += _untold(only_database, told)
    found.vanished_in_database += _untold(only_fiftyone, told)
    _deleted_in_fiftyone(inputs, only_database, returned, found)
    _gone_at_home(inputs, only_fiftyone, DELETED, asked, found)
    for row in known.filter(~in_f & ~in_d).iter_rows(named=True):
        found.dropped.append(row["annotation_id"])
        reason = Reason.GONE_AND_HIDDEN if row["hidden"] else Reason.GONE_FROM_BOTH
        found.add(whole_change(inputs.mapping, row, None, reason, seen=B, place=B))


def _untold(rows: pl.DataFrame, told: pl.DataFrame) -> int:
    """The number of those about which nobody was told: the others neither hold the binding nor are looked for again."""
    return rows.join(told, on="annotation_id", how="anti").height


def _deleted_in_fiftyone(inputs: Inputs, rows: pl.DataFrame, returned: pl.DataFrame, found: Findings) -> None:
    if rows.is_empty():
        return
    mapping, policy = inputs.mapping, inputs.policy
    rows = with_presence_memory(inputs.history, rows, Action.INSERT, returned)
    rows = rows.with_columns(any_difference(mapping, B, D).alias("edited"), is_retied(mapping).alias("retied"))
    rows = rows.sort("annotation_id")
    slots = _slots_taken(inputs, rows)
    restored = refused_there(inputs, rows["annotation_id"])
    deleted = set(
        open_whole(inputs.history).filter(pl.col("kind") == ConflictKind.REFUSED_BY_DATABASE)["annotation_id"]
    )
    # Whoever confirms a rebuilt dataset accepts its labels; nobody has removed those that it lacks.
    choice = "quarantine" if inputs.adopt and policy.on_fiftyone_delete == "delete" else policy.on_fiftyone_delete
    for row in rows.iter_rows(named=True):
        again = (row["reapplied"] and row["returned"] != SENT) or policy.on_stale_revert != "reapply"
        if row["waits"] or row["returned"] == ASK or (row["returned"] in (WINDOW, SENT) and again):
            found.add(whole_conflict(mapping, row, ConflictKind.STALE_REVERT))
        elif row["returned"] in (WINDOW, SENT):
            _put_back(inputs, row, Reason.STALE_REVERT, slots, found)
        elif is_refused_again(mapping, restored, row):
            found.add(whole_conflict(mapping, row, ConflictKind.REFUSED_BY_FIFTYONE))
        elif row["edited"] or row["retied"] or choice == "quarantine":
            conflict = whole_conflict(mapping, row, ConflictKind.DELETED_IN_FIFTYONE)
            if row["retied"]:
                conflict = replace(conflict, suggestions=(RETIED,), in_database=edited(row, D))
            found.add(conflict)
        elif choice == "restore":
            _put_back(inputs, row, Reason.RESTORED, slots, found)
        elif row["annotation_id"] in deleted:
            # It would only be refused again.
            found.add(whole_conflict(mapping, row, ConflictKind.REFUSED_BY_DATABASE))
        else:
            way = Direction.TO_DATABASE
            found.add(whole_change(mapping, row, way, Reason.DELETED_IN_FIFTYONE, seen=D, place=B))


def _put_back(inputs: Inputs, row: dict[str, Any], reason: str, slots: frozenset[str], found: Findings) -> None:
    """Inserts a label again where it was, unless its place is taken or FiftyOne must not be given its values."""
    mapping, sample_id = inputs.mapping, row[B + "sample_id"]
    bad = why_unsafe_whole(mapping, Side.FIFTYONE, values_of(mapping, row, D), problems_of(row, D))
    if sample_id in slots:
        found.add(whole_conflict(mapping, row, ConflictKind.OCCUPIED))
    elif bad is not None:
        found.add(unsafe_row(row, sample_id, *bad))
    else:
        found.taken.add(sample_id)
        found.add(into_fiftyone(mapping, row, sample_id, reason))


def _slots_taken(inputs: Inputs, rows: pl.DataFrame) -> frozenset[str]:
    """Of these rows' samples, those whose single label slot holds another label by now."""
    if inputs.mapping.label_type.list_name is not None:
        return frozenset()
    homes = rows.select(pl.col(B + "sample_id").alias("sample_id")).unique()
    return frozenset(inputs.fiftyone.rows.join(homes, on="sample_id", how="semi")["sample_id"])


def _gone_at_home(inputs: Inputs, rows: pl.DataFrame, gone: _Gone, asked: pl.DataFrame, found: Findings) -> None:
    """Decides labels whose rows the database has deleted, or hides: they are removed where policy says so.

    A label is not removed if somebody has edited it, or said by a tag what it should be.
    """
    if rows.is_empty():
        return
    mapping = inputs.mapping
    remove = gone.policy(inputs.policy) == "remove"
    rows = rows.with_columns(is_edited(mapping).alias("edited"))
    there = [F + name for name in PLACE]
    rows = rows.join(asked.rename(dict(zip(PLACE, there, strict=True))), on=there, how="left", maintain_order="left")
    told = inputs.database.deleted
    for row in rows.iter_rows(named=True):
        by = told.get(row["annotation_id"])
        if row["edited"] or row["asked"] or not remove:
            conflict = whole_conflict(mapping, row, gone.kind, asked=row["asked"])
            found.add(conflict if by is None else replace(conflict, in_database=by))
        else:
            way = Direction.TO_FIFTYONE
            change = whole_change(mapping, row, way, gone.reason, seen=F, place=F)
            found.add(change if by is None else replace(change, actor=by.by, edited_at=by.at))
