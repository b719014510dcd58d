"""Which rows of a manifest cannot become annotations, and why. Pure: frames in, faults out."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from syncd.adapters.sql.ids import could_be_id
from syncd.diff.unsafe_values import why_unsafe
from syncd.diff.vocabulary import nearest_terms
from syncd.ingest.inbox.faults import faults, together
from syncd.ingest.inbox.values import ID, IMAGE, Expected, Values, box_part
from syncd.model import BOX, LABEL, Field, Kind, Side
from syncd.model.snapshot import column
from syncd.model.vocabulary import Vocabulary

ROUNDING = 1e-6
"""How far a box may stand out of its image: what is left of the rounding of whoever wrote it."""


def judge(expected: Expected, values: Values, vocabulary: Vocabulary | None, *, refuse_unknown: bool) -> pl.DataFrame:
    """Every fault that the rows show by themselves: no file and no table is looked at."""
    rows, names = values.rows, values.names
    found = list(_ids(expected, rows, names))
    if BOX in values.given and box_part(0) in names:
        found += _boxes(rows, names)
    found += _repeated(expected, values)
    for name in values.given:
        found.append(_unsafe(expected.fields.field(name), rows, names.get(name, name)))
    if vocabulary is not None and refuse_unknown:
        found.append(_unknown(rows, names[LABEL], vocabulary))
    return together(found)


def as_terms(values: Values, vocabulary: Vocabulary | None) -> pl.DataFrame:
    """The rows, each alias replaced by the term that it stands for."""
    name = column(LABEL)
    if vocabulary is None or name not in values.rows.columns:
        return values.rows
    aliases = {each: vocabulary.meant(each) for each in values.rows[name].drop_nulls().unique()}
    known = {alias: term for alias, term in aliases.items() if term is not None and term != alias}
    if not known:
        return values.rows
    return values.rows.with_columns(pl.col(name).replace(known))


def unknown_labels(rows: pl.DataFrame, vocabulary: Vocabulary | None) -> list[str]:
    """Labels that are neither a term nor an alias, in order."""
    if vocabulary is None:
        return []
    different = rows[column(LABEL)].drop_nulls().unique().sort()
    return [each for each in different if vocabulary.meant(each) is None]


def _ids(expected: Expected, rows: pl.DataFrame, names: dict[str, str]) -> Iterator[pl.DataFrame]:
    if ID not in names:
        return
    name, value = names[ID], pl.col("annotation_id")
    yield faults(
        rows.filter(value.is_not_null() & value.is_duplicated()),
        name,
        value,
        "several rows have this id",
        "an id of its own for each row, or an empty cell",
    )
    bad = [each for each in rows["annotation_id"].drop_nulls().unique() if not could_be_id(expected.id_column, each)]
    held = f"an id that a column of type {expected.id_column.type_name} can hold"
    yield faults(rows.filter(value.is_in(bad)), name, value, "the table cannot hold this id", held)


def _boxes(rows: pl.DataFrame, names: dict[str, str]) -> Iterator[pl.DataFrame]:
    """Boxes that reach out of their image, or have no area."""
    boxed = rows.filter(pl.col(column(BOX)).is_not_null())
    left, top, width, height = (pl.col(column(BOX)).list.get(at) for at in range(4))
    for at, low in ((0, left), (1, top)):
        bad = boxed.filter(~low.is_between(-ROUNDING, 1.0))
        said = "the box begins outside of its image"
        yield faults(bad, names[box_part(at)], low, said, "0 to 1: relative to the image, not pixels")
    for at, size, low in ((2, width, left), (3, height, top)):
        name = names[box_part(at)]
        yield faults(boxed.filter(~(size > 0)), name, size, "the box has no area", "more than 0")
        inside = low.is_between(-ROUNDING, 1.0)
        bad = boxed.filter((size > 0) & inside & ~(low + size <= 1.0 + ROUNDING))
        said = "the box reaches out of its image"
        yield faults(bad, name, size, said, pl.format("at most {}: relative to the image, not pixels", 1.0 - low))


def _repeated(expected: Expected, values: Values) -> Iterator[pl.DataFrame]:
    """Rows of one image that nothing tells apart, or of which the label field could hold but one."""
    rows, name = values.rows.filter(pl.col(IMAGE).is_not_null()), values.names.get(IMAGE, IMAGE)
    image = pl.col(IMAGE)
    if expected.single:
        several = rows.filter(pl.len().over(IMAGE) > 1)
        yield faults(several, name, image, "several rows name this image", "one: the label field holds one label")
        return
    same = [IMAGE, column(BOX)] if BOX in values.given else [IMAGE, column(LABEL)]
    if same[1] not in rows.columns:
        return
    nameless = rows.filter(pl.col("annotation_id").is_null() & pl.col(same[1]).is_not_null())
    twice = nameless.filter(pl.struct(same).is_duplicated())
    what = "box" if BOX in values.given else "label"
    yield faults(
        twice, name, image, f"several rows without an id have this image and {what}", f"each {what} once, or ids"
    )


def _unsafe(field: Field, rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """Values that one of both sides cannot hold; each different value is looked at once."""
    value = pl.col(column(field.name))
    different = rows.filter(value.is_not_null()).select(value.alias("value")).unique(maintain_order=True)
    reasons = [
        why_unsafe(field, Side.DATABASE, each) or why_unsafe(field, Side.FIFTYONE, each) for each in different["value"]
    ]
    bad = different.with_columns(reason=pl.Series(reasons, dtype=pl.String)).filter(pl.col("reason").is_not_null())
    if bad.is_empty():
        return faults(rows.clear(), name, None, "", "")
    found = rows.join(bad, left_on=column(field.name), right_on="value", maintain_order="left")
    shown = value.cast(pl.List(pl.String)).list.join(", ") if field.kind is Kind.BOX else value
    return faults(found, name, shown, pl.col("reason"), "a value that the database and FiftyOne can both hold")


def _unknown(rows: pl.DataFrame, name: str, vocabulary: Vocabulary) -> pl.DataFrame:
    unknown = unknown_labels(rows, vocabulary)
    near = nearest_terms(unknown, vocabulary)
    said = pl.DataFrame(
        {
            column(LABEL): unknown,
            "near": [f"a term; near: {', '.join(near[each])}" if near[each] else "a term" for each in unknown],
        },
        schema={column(LABEL): pl.String(), "near": pl.String()},
    )
    found = rows.join(said, on=column(LABEL), maintain_order="left")
    return faults(found, name, pl.col(column(LABEL)), "the vocabulary has no such term", pl.col("near"))
