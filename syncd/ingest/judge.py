"""Which rows can become labels, and why the others cannot. Pure: frames in, frames out.

A fault belongs to a row and stops nothing but that row. ``kind`` groups faults; ``reason`` is a sentence.
"""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from syncd.diff.box_units import is_beyond, why_not_relative
from syncd.diff.findings import problems_of
from syncd.diff.unsafe_values import why_unsafe_whole
from syncd.diff.vocabulary import nearest_terms
from syncd.ingest.source import FRAME_BOX, HEIGHT, WIDTH
from syncd.model import BOX, LABEL, Kind, Mapping, Side
from syncd.model.snapshot import column
from syncd.model.vocabulary import Vocabulary

FAULTS: dict[str, pl.DataType] = {
    "annotation_id": pl.String(),
    "media": pl.String(),
    "kind": pl.String(),
    "reason": pl.String(),
}
"""Columns of a frame of faults."""

LONGEST_EXACT = 15
"""Digits that any float holds; a longer decimal has to be looked at."""


def no_faults() -> pl.DataFrame:
    """A frame of faults without rows."""
    return pl.DataFrame(schema=FAULTS)


def faults(rows: pl.DataFrame, kind: str, reason: str | pl.Expr) -> pl.DataFrame:
    """A fault for each of the rows (``annotation_id``, ``media``)."""
    sentence = pl.lit(reason) if isinstance(reason, str) else reason
    return rows.select(
        "annotation_id", "media", pl.lit(kind).alias("kind"), sentence.cast(pl.String).alias("reason")
    ).select(list(FAULTS))


def without(rows: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """The rows that have no fault."""
    return rows.join(found.select("annotation_id").unique(), on="annotation_id", how="anti", nulls_equal=True)


def judge_ids(ids: pl.DataFrame) -> pl.DataFrame:
    """Rows that no annotation id, or no media, tells apart (``annotation_id``, ``media`` of the whole table)."""
    nameless = pl.col("annotation_id").is_null()
    shared = pl.col("annotation_id").is_duplicated() & ~nameless
    bare = pl.col("media").is_null() | (pl.col("media") == "")
    return pl.concat(
        [
            faults(ids.filter(nameless), "no id", "the row has no annotation id"),
            faults(ids.filter(shared), "duplicate id", "several rows share this annotation id"),
            faults(ids.filter(bare & ~shared & ~nameless), "no media", "the row names no media"),
        ]
    )


def judge_rows(mapping: Mapping, rows: pl.DataFrame, *, single: bool, crops: bool) -> pl.DataFrame:
    """Rows whose values FiftyOne cannot hold, that contradict each other, or that share an image with one label."""
    found = [_unsafe(mapping, rows)]
    if BOX in mapping.names:
        found.append(_not_relative(column(BOX), rows))
    if crops:
        found.append(_not_relative(FRAME_BOX, rows))
        found.append(_uncuttable(rows))
    if WIDTH in rows.columns:
        found.append(_other_sizes(rows))
    if single:
        crowded = rows.filter(pl.len().over("media") > 1)
        reason = (
            "several rows name this image, and the label field holds one label (ingest.label_type: Classifications)"
        )
        found.append(faults(crowded, "several labels", reason))
    return pl.concat(found).unique("annotation_id", keep="first", maintain_order=True)


def _unsafe(mapping: Mapping, rows: pl.DataFrame) -> pl.DataFrame:
    """Only rows about which there is a doubt are looked at one by one."""
    doubts = [pl.col("problems").is_not_null(), pl.col(column(LABEL)).str.contains(r"^\d{4}.?[\dW]")]
    for each in mapping.fields:
        value = pl.col(column(each.name))
        if each.kind is Kind.BOX:
            doubts.append(value.is_null() | ~value.list.eval(pl.element().is_finite()).list.all())
        elif each.kind is Kind.FLOAT:
            doubts.append(~value.is_finite())
        elif each.kind is Kind.DECIMAL:
            doubts.append(value.str.len_chars() > LONGEST_EXACT)
        elif each.kind is Kind.INTEGER:
            doubts.append(value.abs() > 2**53)
    doubtful = rows.filter(pl.any_horizontal([each.fill_null(value=False) for each in doubts]))
    if BOX not in mapping.names and mapping.label_type.value == "Detections":
        doubtful = rows
    bad = []
    for row in doubtful.iter_rows(named=True):
        values = {name: row[column(name)] for name in mapping.names}
        why = why_unsafe_whole(mapping, Side.FIFTYONE, values, problems_of(row))
        if why is not None:
            bad.append((row["annotation_id"], row["media"], "unusable value", f"{why[0]}: {why[1]}"))
    return pl.DataFrame(bad, schema=FAULTS, orient="row")


def _not_relative(name: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Boxes of pixels, where fractions of the image are meant."""
    beyond = rows.filter(is_beyond(pl.col(name)).fill_null(value=False))
    reasons = [str(why_not_relative(each)) for each in beyond[name].to_list()]
    told = beyond.with_columns(reason=pl.Series(reasons, dtype=pl.String()))
    return faults(told, "pixels for a box", pl.col("reason"))


def _uncuttable(rows: pl.DataFrame) -> pl.DataFrame:
    """Boxes from which nothing can be cut."""
    left, top, width, height = (pl.col(FRAME_BOX).list.get(index, null_on_oob=True) for index in range(4))
    inside = (left < 1) & (top < 1) & (left + width > 0) & (top + height > 0) & (width > 0) & (height > 0)
    reason = "the box has no area inside its frame, from which a crop could be cut"
    return faults(rows.filter(~inside.fill_null(value=False)), "no box", reason)


def _other_sizes(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows that say different sizes of one image: which of them is right is nobody's to say."""
    place = "media" if FRAME_BOX not in rows.columns else "ingest.frame"
    several = (pl.col(WIDTH).n_unique().over(place) > 1) | (pl.col(HEIGHT).n_unique().over(place) > 1)
    said = pl.format("{} × {} pixels here, another size in another row of this image", WIDTH, HEIGHT)
    return faults(rows.filter(several), "different sizes", said)


def judge_sizes(rows: pl.DataFrame, media: pl.DataFrame, place: str) -> pl.DataFrame:
    """Rows that say another size than their image has; ``place`` is the rows' column that names it."""
    if WIDTH not in rows.columns:
        return no_faults()
    found = rows.join(media.select("key", "width", "height"), left_on=place, right_on="key")
    other = found.filter((pl.col(WIDTH) != pl.col("width")) | (pl.col(HEIGHT) != pl.col("height")))
    said = pl.format("the row says {} × {} pixels, the image has {} × {}", WIDTH, HEIGHT, "width", "height")
    return faults(other, "different sizes", said)


def unknown_labels(rows: pl.DataFrame, vocabulary: Vocabulary | None) -> pl.DataFrame:
    """``label`` and ``rows`` of every label that the vocabulary does not have, not even as an alias."""
    name = column(LABEL)
    counted = rows.filter(pl.col(name).is_not_null()).group_by(pl.col(name).alias("label")).len("rows")
    if vocabulary is None:
        return counted.clear()
    known = [each for each in counted["label"] if vocabulary.meant(each) is not None]
    return counted.filter(~pl.col("label").is_in(known)).sort("label")


def refuse_unknown(rows: pl.DataFrame, vocabulary: Vocabulary | None, unknown: Collection[str]) -> pl.DataFrame:
    """A fault for each row with one of these labels, with the nearest terms."""
    if vocabulary is None or not unknown:
        return no_faults()
    near = nearest_terms(unknown, vocabulary)
    sentences = pl.DataFrame(
        {
            column(LABEL): list(near),
            "reason": [
                f"{label!r} is no term of the vocabulary" + (f"; near: {', '.join(terms)}" if terms else "")
                for label, terms in near.items()
            ],
        },
        schema={column(LABEL): pl.String(), "reason": pl.String()},
    )
    return faults(rows.join(sentences, on=column(LABEL)), "unknown label", pl.col("reason"))
