"""Which rows of a manifest are in the table already, where its images are or go, and which ids its rows get."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from syncd.adapters.sql.ids import nobody
from syncd.ingest.context import Work
from syncd.ingest.inbox.check import sha256_of
from syncd.ingest.inbox.faults import faults, no_faults, of_the_whole, together
from syncd.ingest.inbox.judge import as_terms
from syncd.ingest.inbox.place import OTHER, SAME, Place, choose
from syncd.ingest.inbox.table import Table
from syncd.ingest.inbox.values import ID, IMAGE, Values
from syncd.model import BOX
from syncd.model.snapshot import column
from syncd.model.values import differs

DIGITS = 9
"""Decimals by which a box is found again in the table."""


@dataclass(frozen=True)
class Resolved:
    """The rows with ``annotation_id``, ``media``, and ``there``: in the table already, with the same content.

    A new row to which the database gives its id is without one until it is inserted.
    """

    rows: pl.DataFrame
    faults: pl.DataFrame


def with_ids(work: Work, table: Table, values: Values, images: pl.DataFrame) -> Resolved:
    """The rows with the ids that can be made of the images' bytes; those that the database numbers stay without."""
    rows = values.rows.join(images.select(IMAGE, "sha256"), on=IMAGE, maintain_order="left")
    rows = rows.with_columns(made=pl.col("annotation_id").is_null())
    if not rows["made"].any():
        return Resolved(rows, no_faults())
    if not table.makes_ids:
        said = nobody(table.adapter.info.mapping, table.adapter.info.id)
        return Resolved(rows, of_the_whole(said, "an id in each row", column=values.names.get(ID, ID)))
    if table.is_numbered:
        return Resolved(rows, no_faults())
    return Resolved(with_made_ids(rows, work.binding.name), no_faults())


def place_images(
    work: Work, table: Table, place: Place, rows: pl.DataFrame, images: pl.DataFrame, name: str
) -> pl.DataFrame:
    """The images with ``location``, where each is or is to be, and ``media``, as the table is to name it.

    An image that a row of the table shows stays there; others get a place in the folder ``name`` below the root.
    """
    known = table.adapter.read_ids(rows["annotation_id"].drop_nulls().to_list()).rows
    homes = _homes(work, place, rows.join(images.select(IMAGE, "path"), on=IMAGE, maintain_order="left"), known)
    everything = _everything(work)
    settled = images.join(homes, on=IMAGE, maintain_order="left")
    fresh = choose(place, images.join(homes, on=IMAGE, how="anti", maintain_order="left"), name, _quietly)
    value = pl.col("location") if _names_whole(everything) else pl.col("location").str.strip_prefix(place.base)
    fresh = fresh.with_columns(media=value)
    return pl.concat([settled.select(fresh.columns), fresh])


def look_up(work: Work, table: Table, values: Values, rows: pl.DataFrame, placed: pl.DataFrame) -> Resolved:
    """Which rows the table has; ids that the database gave are found there."""
    everything = _everything(work)
    rows = rows.join(placed.select(IMAGE, "media"), on=IMAGE, maintain_order="left")
    if rows["annotation_id"].null_count():
        rows = _found_again(table, rows, everything)
    known = table.adapter.read_ids(rows["annotation_id"].drop_nulls().to_list()).rows
    rows = rows.with_columns(
        there=pl.col("annotation_id").is_in(known["annotation_id"].to_list()).fill_null(value=False)
    )
    found = list(_other_content(work, table, values, rows, known))
    if table.expected.single:
        found.append(_crowded(rows, everything, values))
    return Resolved(rows, together(found))


def _everything(work: Work) -> pl.DataFrame:
    """``annotation_id`` and ``media`` of the whole table; no transaction stays open behind it."""
    return work.source.ids()


def _homes(work: Work, place: Place, rows: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """``image``, ``media`` and ``location`` of images that a row of the table shows under the id of one of ours."""
    met = rows.join(known.select("annotation_id", "media"), on="annotation_id", maintain_order="left")
    met = met.filter(pl.col("media").is_not_null()).select(IMAGE, "path", "sha256", "media").unique(IMAGE, keep="first")
    located = work.media.locate(met["media"]).select("key", "location").unique("key")
    met = met.join(located, left_on="media", right_on="key", how="left", maintain_order="left")
    same = [_at(place, row) != OTHER for row in met.iter_rows(named=True)]
    return met.filter(pl.Series(same, dtype=pl.Boolean())).select(IMAGE, "media", "location")


def _at(place: Place, row: dict[str, str | None]) -> str:
    location, path, sha256 = row["location"], str(row["path"]), str(row["sha256"])
    if location is None:
        return OTHER
    if location.startswith(place.base):
        return place.found(path, sha256, location)
    # A binding's media may lie elsewhere too; a file that is not below the root is not ours to make.
    there = Path(location)
    return SAME if there.is_file() and sha256_of(there) == sha256 else OTHER


def _quietly(_: int) -> None:
    """No progress is shown."""


def _names_whole(everything: pl.DataFrame) -> bool:
    """Whether the table's own rows name their media by whole paths or URIs, rather than from the root on."""
    media = everything["media"].drop_nulls()
    whole = (media.str.starts_with("/") | media.str.contains("://", literal=True)).sum()
    return bool(whole * 2 > media.len())


def _found_again(table: Table, rows: pl.DataFrame, everything: pl.DataFrame) -> pl.DataFrame:
    """Rows without an id that the table has: rows of the same images, told by box, or one after the other."""
    given = rows["annotation_id"].drop_nulls().to_list()
    media = rows.filter("made")["media"].unique().to_list()
    near = everything.filter(pl.col("media").is_in(media) & ~pl.col("annotation_id").is_in(given))
    there = table.adapter.read_ids(near["annotation_id"].drop_nulls().to_list()).rows
    keyed = _keyed(there.sort(pl.col("annotation_id").cast(pl.Int64, strict=False), "annotation_id"), "media")
    met = keyed.select("media", "key", pl.col("annotation_id").alias("new")).unique(["media", "key"], keep="first")
    nameless = _keyed(rows.filter("made"), "media").join(met, on=["media", "key"], how="left", maintain_order="left")
    joined = rows.join(nameless.select("row", "new"), on="row", how="left", maintain_order="left")
    return joined.with_columns(annotation_id=pl.coalesce("annotation_id", "new")).drop("new")


def _keyed(rows: pl.DataFrame, media: str) -> pl.DataFrame:
    """Adds the ``key`` by which a row without an id is known among those of its image."""
    name = column(BOX)
    if name not in rows.columns:
        return rows.with_columns(key=pl.int_range(pl.len()).over(media).cast(pl.String))
    rounded = pl.col(name).list.eval(pl.element().round(DIGITS).cast(pl.String))
    return rows.with_columns(key=rounded.list.join(","))


def _other_content(
    work: Work, table: Table, values: Values, rows: pl.DataFrame, known: pl.DataFrame
) -> Iterator[pl.DataFrame]:
    """Rows whose id the table has with other values than the manifest gives."""
    content = [column(each) for each in values.given]
    there = as_terms(Values(known, values.given, values.names, known.clear()), work.vocabulary)
    there = there.select(
        "annotation_id",
        pl.col("media").alias("there.media"),
        *[pl.col(each).alias(f"there.{each}") for each in content],
    )
    met = rows.join(there, on="annotation_id", maintain_order="left")
    elsewhere = met.filter(pl.col("media") != pl.col("there.media"))
    said = pl.format("the table has {} on another image, {}", "annotation_id", "there.media")
    yield faults(elsewhere, values.names.get(IMAGE, IMAGE), pl.col(IMAGE), said, "the same image, or another id")
    for name in values.given:
        field = table.expected.fields.field(name)
        here, held = pl.col(column(name)), pl.col(f"there.{column(name)}")
        # What a row leaves open is whatever the table has.
        other = met.filter(here.is_not_null() & differs(field, here, held))
        said = pl.format("the table has {}", "annotation_id") + pl.lit(" with other content")
        yield faults(other, values.names.get(name, name), _shown(here, name), said, _shown(held, name))


def _shown(value: pl.Expr, name: str) -> pl.Expr:
    text = value.list.eval(pl.element().cast(pl.String)).list.join(", ") if name == BOX else value.cast(pl.String)
    return text.fill_null("nothing")


def _crowded(rows: pl.DataFrame, everything: pl.DataFrame, values: Values) -> pl.DataFrame:
    """Rows of images that another row of the table has labelled, where an image holds one label."""
    others = everything.filter(~pl.col("annotation_id").is_in(rows["annotation_id"].drop_nulls().to_list()))
    found = rows.join(others.select("media", pl.col("annotation_id").alias("other")), on="media", maintain_order="left")
    said = pl.format("the table has the annotation {} of this image already", "other")
    name = values.names.get(IMAGE, IMAGE)
    return faults(found, name, pl.col(IMAGE), said, "an image without one: the label field holds one label")


NAMESPACE = uuid.UUID("6f0d2f5e-3b0a-5f52-9a68-5e0c1c9d7b41")
"""Never to be changed: every id that was made depends on it."""


def made_id(binding: str, sha256: str, box: Sequence[float] | None, number: int) -> str:
    """The id of an annotation: UUID version 5 of its binding, its image's bytes, its box and a running number.

    The number tells rows with the same bytes and the same box apart, from 0 in the order of the manifest.
    """
    place = "" if box is None else ",".join(repr(float(part)) for part in box)
    return str(uuid.uuid5(NAMESPACE, "\n".join((binding, sha256, place, str(number)))))


def with_made_ids(rows: pl.DataFrame, binding: str) -> pl.DataFrame:
    """Fills in the ids that are missing; ``made`` says where. ``rows`` have the ``sha256`` of their image."""
    name = column(BOX)
    box = pl.col(name) if name in rows.columns else pl.lit(None, pl.List(pl.Float64))
    counted = rows.with_columns(made=pl.col("annotation_id").is_null(), box=box).with_columns(
        number=pl.int_range(pl.len()).over("made", "sha256", "box")
    )
    ids = [
        made_id(binding, row["sha256"], row["box"], row["number"]) if row["made"] else row["annotation_id"]
        for row in counted.select("made", "sha256", "box", "number", "annotation_id").iter_rows(named=True)
    ]
    return counted.with_columns(annotation_id=pl.Series(ids, dtype=pl.String)).drop("box", "number")
