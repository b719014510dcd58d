"""The history that the diff uses: values that syncd replaced, values that were refused, and open conflicts.

Values in the history are JSON text. A value that cannot be read as the field's kind (the column had another type then)
equals nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import polars as pl

from syncd.diff.frames import EXPRESSIONS, D, F
from syncd.diff.inputs import History, Inputs
from syncd.model.conflict_kinds import STICKY, ConflictKind
from syncd.model.kinds import Json, Value, from_json
from syncd.model.mapping import Field, Mapping
from syncd.model.plan import Action
from syncd.model.reasons import Reason
from syncd.model.snapshot import column, distinct
from syncd.model.values import same


def with_memory(mapping: Mapping, history: History, returned: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Adds the history of each field, in columns that :func:`about_column` names.

    ``returned``: how FiftyOne came back to what syncd replaced lately, where that was no edit
    (:mod:`syncd.diff.reverts`; ``reapplied``: not for the first time). ``refused``: the database refused the very value
    that FiftyOne holds; ``refused_there``: FiftyOne refused that of the database. ``open_kind``: an open conflict.
    """
    remembered = distinct("field", history.written, history.open_conflicts)
    for each in mapping.fields:
        if each.name in remembered:
            rows = _with_memory(each, history, returned, rows)
    return rows.with_columns(_nothing_remembered(tuple(each for each in mapping.fields if each.name not in remembered)))


@lru_cache(EXPRESSIONS)
def _nothing_remembered(fields: tuple[Field, ...]) -> list[pl.Expr]:
    flags = [about_column(each, name) for each in fields for name in ("reapplied", "refused", "refused_there")]
    kinds = [about_column(each, name) for each in fields for name in ("open_kind", "returned")]
    nothing = [pl.lit(value=False).alias(name) for name in flags]
    return nothing + [pl.lit(None, pl.String()).alias(name) for name in kinds]


def _with_memory(field: Field, history: History, returned: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    of_field = pl.col("field") == field.name
    written = history.written.filter(of_field & (pl.col("action") == Action.UPDATE.value))
    open_here = history.open_conflicts.filter(of_field)
    refused, there = (
        open_here.filter(pl.col("kind") == kind)
        for kind in (ConflictKind.REFUSED_BY_DATABASE, ConflictKind.REFUSED_BY_FIFTYONE)
    )
    waiting = open_here.filter(pl.col("kind").is_in(list(STICKY))).sort("kind").unique("annotation_id", keep="first")
    levels = returned.filter(of_field)
    for frame, name, about in ((waiting, "kind", "open_kind"), (levels, "level", "returned")):
        told = frame.select("annotation_id", pl.col(name).alias(about_column(field, about)))
        rows = rows.join(told, on="annotation_id", how="left")
    flags = {
        "reapplied": written.filter(pl.col("reason") == Reason.STALE_REVERT),
        "refused": ids_holding(field, rows, refused, "fiftyone") if refused.height else refused,
        "refused_there": ids_holding(field, rows, there, "database", D) if there.height else there,
    }
    return _flagged(rows, {about_column(field, name): frame for name, frame in flags.items()})


def about_column(field: Field, name: str) -> str:
    """Name of the column that holds a fact about a field."""
    return f"{name}.{field.name}"


def with_half(field: Field, reason: str, history: History, rows: pl.DataFrame) -> pl.DataFrame:
    """Adds ``half``: syncd wrote to FiftyOne what a tag asked for (``reason``), and the database lacks it.

    That is so where a run died between the two. After an edit of either side since then, the edit decides.
    """
    halves = history.halves.filter((pl.col("field") == field.name) & (pl.col("reason") == reason))
    if halves.height:
        outward = history.written.filter(pl.col("field") == field.name)
        halves = halves.join(outward, on=["annotation_id", "reason"], how="semi")
        for side, text in ((F, "new"), (D, "old")):
            halves = halves.join(ids_holding(field, rows, halves, text, side), on="annotation_id", how="semi")
    return _flagged(rows, {"half": halves})


def with_presence_memory(history: History, rows: pl.DataFrame, action: Action, returned: pl.DataFrame) -> pl.DataFrame:
    """Adds ``returned`` (how syncd's ``action`` was undone, where not by an edit), ``reapplied``, ``waits``.

    The latter say that syncd has done it again already, and that a person has been asked.
    """
    again = history.written.filter((pl.col("action") == action.value) & (pl.col("reason") == Reason.STALE_REVERT))
    waiting = open_whole(history).filter(pl.col("kind") == ConflictKind.STALE_REVERT)
    rows = rows.join(
        returned.select("annotation_id", pl.col("level").alias("returned")), on="annotation_id", how="left"
    )
    return _flagged(rows, {"reapplied": again, "waits": waiting})


def open_whole(history: History) -> pl.DataFrame:
    """The open conflicts about a whole annotation."""
    return history.open_conflicts.filter(pl.col("field").is_null())


def open_fields(history: History) -> list[str]:
    """The annotations with an open conflict about one of their fields."""
    about = history.open_conflicts.filter(pl.col("field").is_not_null())
    return about["annotation_id"].unique().to_list()


def any_refused(history: History) -> bool:
    """Whether the database has refused anything that nobody has resolved since."""
    return history.refused.height > 0 or bool(
        (history.open_conflicts["kind"] == ConflictKind.REFUSED_BY_DATABASE).any()
    )


def without_refusals(history: History) -> History:
    """The history without what the database has refused: each such value is tried once more."""
    others = history.open_conflicts.filter(pl.col("kind") != ConflictKind.REFUSED_BY_DATABASE)
    return replace(history, open_conflicts=others, refused=history.refused.clear())


def refused_there(inputs: Inputs, ids: Iterable[str]) -> dict[str, dict[str, Json]]:
    """The contents of rows whose label FiftyOne refused, by annotation id."""
    about = pl.col("annotation_id").is_in(list(ids)) & (pl.col("kind") == ConflictKind.REFUSED_BY_FIFTYONE)
    refused = open_whole(inputs.history).filter(about)
    contents = ((name, json.loads(text)) for name, text in refused.select("annotation_id", "database").iter_rows())
    return {name: content for name, content in contents if isinstance(content, dict)}


def refused_whole(inputs: Inputs, ids: Iterable[str]) -> dict[str, dict[str, Json]]:
    """The contents of labels whose row the database refused, by annotation id."""
    refused = open_whole(inputs.history).filter(
        pl.col("annotation_id").is_in(list(ids)) & (pl.col("kind") == ConflictKind.REFUSED_BY_DATABASE)
    )
    contents = ((name, json.loads(text)) for name, text in refused.select("annotation_id", "fiftyone").iter_rows())
    return {name: content for name, content in contents if isinstance(content, dict)}


def is_refused_again(mapping: Mapping, refused: dict[str, dict[str, Json]], row: dict[str, Any]) -> bool:
    """Whether a row (of a joined frame) still holds what FiftyOne refused as a label."""
    content = refused.get(row["annotation_id"])
    values = {name: row[D + column(name)] for name in mapping.names}
    return content is not None and holds_remembered(mapping, content, values)


def refused_drawn(history: History) -> dict[tuple[str, str], dict[str, Json]]:
    """The contents of drawn labels whose row the database refused, by (sample, label)."""
    contents = ((place, json.loads(text)) for *place, text in history.refused.iter_rows())
    return {(sample, label): content for (sample, label), content in contents if isinstance(content, dict)}


def removed_lately(history: History, ids: Iterable[str]) -> dict[str, list[dict[str, Json]]]:
    """The contents with which syncd removed labels from FiftyOne lately, by annotation id."""
    chosen = pl.col("annotation_id").is_in(list(ids)) & (pl.col("action") == Action.DELETE.value)
    found: dict[str, list[dict[str, Json]]] = {}
    for name, text in history.written.filter(chosen).select("annotation_id", "old").iter_rows():
        content = json.loads(text)
        if isinstance(content, dict):
            found.setdefault(name, []).append(content)
    return found


def holds_remembered(mapping: Mapping, remembered: dict[str, Json], values: dict[str, Value]) -> bool:
    """Whether an annotation holds exactly these values of the history."""
    return all(is_same(each, remembered.get(each.name), values[each.name]) for each in mapping.fields)


def _flagged(rows: pl.DataFrame, ids: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Adds boolean columns that say whose id is in which frame."""
    flags = []
    for name, frame in ids.items():
        if frame.is_empty():
            flags.append(pl.lit(value=False).alias(name))
            continue
        flag = frame.select("annotation_id").unique().with_columns(pl.lit(value=True).alias(name))
        rows = rows.join(flag, on="annotation_id", how="left")
        flags.append(pl.col(name).fill_null(value=False))
    return rows.with_columns(flags)


def ids_holding(field: Field, rows: pl.DataFrame, remembered: pl.DataFrame, text: str, side: str = F) -> pl.DataFrame:
    """Ids of the rows whose value on a side is one of these of the history (JSON text in the column ``text``)."""
    was = remembered.select("annotation_id", pl.col(text).alias("was"))
    pairs = rows.select("annotation_id", pl.col(side + column(field.name)).alias("now")).join(was, on="annotation_id")
    ids = [name for name, now, text in pairs.iter_rows() if is_same(field, json.loads(text), now)]
    return pl.DataFrame({"annotation_id": ids}, schema={"annotation_id": pl.String()})


def is_same(field: Field, remembered: Json, now: Any) -> bool:
    """Whether a value equals the one of the history."""
    try:
        was = from_json(field.kind, remembered)
    except (TypeError, ValueError):
        return False
    return same(field, was, now)
