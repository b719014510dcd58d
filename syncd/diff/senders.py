"""Who sent what through the layer around the App: for a value that stands now, the last one who sent that very value.

What nobody sent through the layer, or what was changed again by other means since, stays unnamed. An edit that a window
sent of its own accord (it re-sends what it still shows) is told from one of a person for certain where the layer saw
the refusal before it: then nothing need be guessed (:mod:`syncd.diff.reverts`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import polars as pl

from syncd.diff.frames import F
from syncd.diff.history import about_column, is_same
from syncd.model.kinds import Json, Kind
from syncd.model.mapping import Field, Mapping
from syncd.model.snapshot import column

ADDED, REMOVED = "added", "removed"
"""The ``value`` of a sent edit without a ``field``: a whole label."""

OF = ("sample_id", "label_id", "field")

TOLD_SCHEMA: dict[str, pl.DataType] = {
    "annotation_id": pl.String(),
    "field": pl.String(),
    "resent": pl.Boolean(),
    "actor": pl.String(),
}
"""What the layer knows of a value that stands now; ``resent`` is null where it cannot tell if a person meant it."""


def last_sent(sent: pl.DataFrame) -> pl.DataFrame:
    """The newest edit of each field of each label (:data:`syncd.diff.inputs.SENT_SCHEMA`)."""
    return sent.sort("seq").unique(OF, keep="last", maintain_order=True)


def told_of(mapping: Mapping, sent: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """What the layer knows of the values that FiftyOne holds in joined rows (:data:`TOLD_SCHEMA`)."""
    last = last_sent(sent)
    found = [each for field in mapping.fields for each in _told(field, last, rows)]
    return pl.DataFrame(found, schema=TOLD_SCHEMA, orient="row")


def _told(field: Field, last: pl.DataFrame, rows: pl.DataFrame) -> Iterator[tuple[str, str, bool | None, str | None]]:
    about = last.filter(pl.col("field") == field.name).select("sample_id", "label_id", "value", "resent", "actor")
    if about.is_empty():
        return
    place = [pl.col(F + name).alias(name) for name in ("sample_id", "label_id")]
    now = rows.select("annotation_id", *place, pl.col(F + column(field.name)).alias("now"))
    pairs = now.join(about, on=["sample_id", "label_id"], how="inner")
    for row in pairs.sort("annotation_id").iter_rows(named=True):
        if _holds(field, json.loads(row["value"]), row["now"]):
            yield row["annotation_id"], field.name, row["resent"], row["actor"]


def _holds(field: Field, sent: Json, now: Any) -> bool:
    """Whether FiftyOne holds what was sent, which is in FiftyOne's own form: it has no decimals and no dates."""
    if field.kind is Kind.DECIMAL and isinstance(sent, (int, float)):
        sent = str(sent)
    elif field.kind is Kind.DATE and isinstance(sent, str):
        sent = sent[: len("2026-01-01")]
    return is_same(field, sent, now)


def with_senders(mapping: Mapping, sent: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Adds ``sender`` of each field (:func:`syncd.diff.history.about_column`): who sent the value that FiftyOne has."""
    names = {each.name: about_column(each, "sender") for each in mapping.fields}
    if sent.is_empty():
        return rows.with_columns(pl.lit(None, pl.String()).alias(name) for name in names.values())
    told = told_of(mapping, sent, rows).drop_nulls("actor").unique(["annotation_id", "field"], keep="first")
    for field, name in names.items():
        of_field = told.filter(pl.col("field") == field).select("annotation_id", pl.col("actor").alias(name))
        rows = rows.join(of_field, on="annotation_id", how="left", maintain_order="left")
    return rows


def with_drawers(labels: pl.DataFrame, baseline: pl.DataFrame, sent: pl.DataFrame) -> pl.DataFrame:
    """FiftyOne's rows, in which labels that were never agreed on name who drew them, where an attribute does not."""
    drawn = last_sent(sent.filter(pl.col("field").is_null() & (pl.col("value") == json.dumps(ADDED))))
    if drawn.is_empty():
        return labels
    by = drawn.select("sample_id", "label_id", pl.col("actor").alias("drawer")).drop_nulls()
    by = by.join(baseline.select("label_id"), on="label_id", how="anti")
    named = labels.join(by, on=["sample_id", "label_id"], how="left", maintain_order="left")
    return named.with_columns(pl.coalesce("actor", "drawer").alias("actor")).drop("drawer")


def whole_sent(sent: pl.DataFrame, value: str) -> pl.DataFrame:
    """The labels of which the last that was sent is that they are ``value``, and how (``resent``, ``actor``)."""
    whole = last_sent(sent.filter(pl.col("field").is_null()))
    return whole.filter(pl.col("value") == json.dumps(value)).select("sample_id", "label_id", "resent", "actor")
