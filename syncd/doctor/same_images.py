"""Checks that rows and the labels under their ids name the same images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import polars as pl
import sqlalchemy as sa

from syncd.adapters.fiftyone.adapter import FiftyOneAdapter
from syncd.adapters.fiftyone.create import CROP_FRAME
from syncd.diff.frames import D, F, prefixed
from syncd.diff.images import NEARLY_ALL, is_other_image
from syncd.doctor.finding import Check, Verdict, count, fault, listed, ok, short, skipped, warning
from syncd.doctor.rows import column_in_sql, source_in_sql
from syncd.doctor.subject import Subject
from syncd.model import Kind, Mapping
from syncd.model.canonical import canonical_id

LOOKED_AT = 10_000
"""Rows whose labels are looked up; of more, about as many are chosen by chance."""


def checks(subject: Subject) -> Iterator[Check]:
    """Of both sides, once the rows are known to be read."""
    yield Check("Rows and labels are on the same images", lambda: _same_images(subject))


def _same_images(subject: Subject) -> Verdict:
    crops, read = subject.dataset.get().crops, subject.read.get()
    for name in (subject.binding.columns.id.name, subject.binding.columns.media.name):
        if name not in read.columns:
            return skipped(f"{read.name} has no column {name!r}")
    mapping = Mapping(subject.binding.name, (), subject.dataset.get().label_type, image="frame" if crops else "media")
    rows = _rows(subject).rename({"image": mapping.image})
    labels = _labels(subject, mapping, rows["annotation_id"].to_list())
    both = prefixed(rows, D, "in_d").join(prefixed(labels, F, "in_f"), on="annotation_id", how="inner")
    if both.is_empty():
        return skipped("no id stands on both sides")
    mine, theirs = F + mapping.image, D + mapping.image
    apart = both.filter(is_other_image(mapping)).sort("annotation_id")
    nameless = both.filter(pl.col(mine).is_null() | pl.col(theirs).is_null())
    compared = both.height - nameless.height
    if apart.height > NEARLY_ALL * compared:
        there, here = apart.select(mine, theirs).row(0)
        return fault(
            f"{apart.height:,} of {count(compared, 'annotation')} are on another image than their row says: "
            f"{subject.binding.sample_key!r} holds e.g. {short(there)!r}, {subject.binding.columns.media.name!r} e.g. "
            f"{short(here)!r}",
            f"Mend {subject.place}.sample_key, {subject.place}.columns.media or {subject.place}.read, so that the two "
            "name images alike.",
        )
    if not apart.is_empty():
        return warning(
            f"{apart.height:,} of {count(compared, 'annotation')} on another image than their row says "
            f"({listed(apart['annotation_id'], 3)}): each becomes a conflict `moved`, unless "
            f"policy.on_moved ({subject.binding.policy.on_moved}) decides it",
            f"Run: syncd reconcile {subject.binding.name} --full --dry-run   (shows them)",
        )
    if not nameless.is_empty():
        return warning(
            f"{nameless.height:,} of {count(both.height, 'annotation')} cannot be compared, since a side names no "
            f"image ({listed(nameless['annotation_id'], 3)})",
            f"Fill {subject.mapping.image_column!r} of the rows and {subject.binding.sample_key!r} of the samples.",
        )
    return ok(f"every one of {count(both.height, 'annotation')} that both sides hold")


def _rows(subject: Subject) -> pl.DataFrame:
    """``annotation_id`` and ``image`` of rows; of a large table, of a part chosen by chance."""
    number, columns = subject.rows.get(), subject.binding.columns
    text = "text" if subject.is_postgresql else "varchar(2000)"
    names = (column_in_sql(subject, each) for each in (columns.id.name, columns.media.name))
    statement = "SELECT " + ", ".join(f"CAST({name} AS {text})" for name in names)
    statement += f" FROM {source_in_sql(subject)} AS src"
    parameters: dict[str, object] = {}
    if number > LOOKED_AT:
        statement += " WHERE random() < :share" if subject.is_postgresql else " LIMIT :most"
        parameters = {"share": LOOKED_AT / number} if subject.is_postgresql else {"most": LOOKED_AT}
    found = [tuple(row) for row in subject.connection.execute(sa.text(statement), parameters)]
    rows = pl.DataFrame(found, schema={"annotation_id": pl.String(), "image": pl.String()}, orient="row")
    kind = subject.read.get().columns[columns.id.name].kind or Kind.TEXT
    return (
        rows.with_columns(canonical_id(kind, pl.col("annotation_id")))
        .drop_nulls("annotation_id")
        .unique("annotation_id", keep="none")
    )


def _labels(subject: Subject, mapping: Mapping, ids: list[str]) -> pl.DataFrame:
    """The labels under these ids, as far as each stands on one."""
    info = subject.dataset.get()
    kind = subject.read.get().columns[subject.binding.columns.id.name].kind
    labels = replace(
        subject.label_mapping,
        id_kind=kind if kind is Kind.UUID else Kind.TEXT,
        frame_key=CROP_FRAME if info.crops else None,
    )
    database = subject.servers.mongodb.get()
    adapter = FiftyOneAdapter(database, subject.binding.dataset, info.identity, labels, mapping)
    found = adapter.read_ids(ids).rows.drop_nulls("annotation_id")
    return found.unique("annotation_id", keep="none")
