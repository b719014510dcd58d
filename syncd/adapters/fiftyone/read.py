"""Reading labels as columns, straight from the dataset's collection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import polars as pl
from bson import ObjectId
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import OperationFailure

from syncd.adapters.fiftyone import pipeline
from syncd.adapters.fiftyone.compat import DATASET_KEY, STAMP
from syncd.adapters.fiftyone.fast_decode import Plain, can_be_plain, read_plain
from syncd.adapters.fiftyone.invalid_text import as_frame
from syncd.adapters.fiftyone.mapping import LabelMapping
from syncd.adapters.fiftyone.odd_values import PLACE, is_sound_box, texts_of_odd_values, within_python
from syncd.adapters.fiftyone.values import TEXT_OF
from syncd.model import Field, Kind, Mapping, Side, dtype
from syncd.model.canonical import canonical, canonical_id, with_problems
from syncd.model.snapshot import TIMESTAMP_DTYPE, column, schema

Documents = Collection[dict[str, Any]]

CHUNK = 10_000
"""Ids per ``$in``: well below MongoDB's 16 MB for one command."""

NOT_UTF8 = "text that is not UTF-8"
"""What the type of a text is called that is none."""

SNAPSHOT_UNAVAILABLE = (239, 246)
"""MongoDB's codes for a snapshot that it cannot serve (too old; the collection was just created or indexed)."""


@contextmanager
def one_moment(samples: Documents, *, replica_set: bool) -> Iterator[ClientSession | None]:
    """A session in which all reads see one moment; ``None`` on a standalone server, which has none."""
    if not replica_set:
        yield None
        return
    with samples.database.client.start_session(snapshot=True) as session:
        yield session


def read_labels(
    samples: Documents, labels: LabelMapping, mapping: Mapping, match: dict[str, Any], *, replica_set: bool
) -> pl.DataFrame:
    """All labels of the samples that match, as a snapshot's frame. An error means that nothing was read."""
    try:
        with one_moment(samples, replica_set=replica_set) as session:
            return _read(samples, labels, mapping, match, session)
    except OperationFailure as error:
        if error.code not in SNAPSHOT_UNAVAILABLE:
            raise
    # The server has no such moment (an index was just built): each document is still read whole.
    return _read(samples, labels, mapping, match, None)


def _read(
    samples: Documents, labels: LabelMapping, mapping: Mapping, match: dict[str, Any], session: ClientSession | None
) -> pl.DataFrame:
    if can_be_plain(labels):
        raw = all_of(samples, labels, read_plain(samples, labels, match, session), session)
    else:
        raw = flattened(samples, labels, match, session)
    if session is None and match:
        raw = _latest(raw)
    return framed(samples, labels, mapping, raw, session)


def framed(
    samples: Documents, labels: LabelMapping, mapping: Mapping, raw: pl.DataFrame, session: ClientSession | None
) -> pl.DataFrame:
    """Raw columns as a snapshot's frame; values that have no canonical form are looked up in their documents."""
    strange = raw.filter(pl.any_horizontal(list(_strange(labels, mapping))))
    texts = texts_of_odd_values(samples, labels, [ObjectId(each) for each in strange["sample_id"].unique()], session)
    raw = raw.join(texts, on=PLACE, how="left", maintain_order="left")
    return _finish(raw, labels, mapping)


def all_of(samples: Documents, labels: LabelMapping, plain: Plain, session: ClientSession | None) -> pl.DataFrame:
    """The plain labels, and those of the other samples."""
    return pl.concat([plain.rows, *_unwound(samples, labels, plain.others, session)], how="diagonal")


def _unwound(
    samples: Documents, labels: LabelMapping, sample_ids: list[ObjectId], session: ClientSession | None
) -> Iterator[pl.DataFrame]:
    """The labels of these samples, which hold something that only the server can lay out."""
    for start in range(0, len(sample_ids), CHUNK):
        yield flattened(samples, labels, {"_id": {"$in": sample_ids[start : start + CHUNK]}}, session)


def flattened(
    samples: Documents, labels: LabelMapping, match: dict[str, Any], session: ClientSession | None
) -> pl.DataFrame:
    """One row per label of the samples that match, flattened on the server."""
    from pymongoarrow.api import Schema, aggregate_arrow_all

    table = aggregate_arrow_all(
        samples,
        pipeline.labels(labels, match),
        schema=Schema(pipeline.columns(labels)),
        allow_invalid=True,
        session=session,
    )
    frame, unreadable = as_frame(table)
    return _with_unreadable(labels, frame, unreadable).with_columns(
        pl.col("sample_id", "label_id").ext.storage().bin.encode("hex"), pl.col("position").fill_null(0)
    )


def _with_unreadable(labels: LabelMapping, frame: pl.DataFrame, unreadable: dict[str, pl.Series]) -> pl.DataFrame:
    """Names text that is not UTF-8 among the values that are not as expected. A name or a tag of that kind is none."""
    order = ["annotation_id", *map(pipeline.raw_column, labels.kinds)]
    of_values = {order.index(name): lost for name, lost in unreadable.items() if name in order}
    if not of_values:
        return frame
    expected = [known[0] for known in pipeline.allowed(labels)]
    odd: list[list[str] | None] = frame["odd"].to_list()
    for position, lost in of_values.items():
        for at in lost.arg_true():
            types = list(odd[at] or expected)
            types[position] = NOT_UTF8
            odd[at] = types
    return frame.with_columns(pl.Series("odd", odd, pl.List(pl.String)))


def _latest(raw: pl.DataFrame) -> pl.DataFrame:
    """Each sample once. A scan along an index meets a sample again when a write moves it ahead of the scan."""
    newest = pl.col("edited_at").eq_missing(pl.col("edited_at").max().over("sample_id"))
    return raw.filter(newest).unique(PLACE, keep="first", maintain_order=True)


def _strange(labels: LabelMapping, mapping: Mapping) -> Iterator[pl.Expr]:
    """Whether a label's own document must be looked at to say what its values are."""
    yield pl.col("odd").is_not_null()
    for each in mapping.fields:
        value = pl.col(pipeline.raw_column(each.name))
        if each.kind is Kind.BOX:
            yield value.is_not_null() & ~is_sound_box(value)
        elif labels.kinds[each.name] in (Kind.DATE, Kind.TIMESTAMP):
            yield value.is_not_null() & within_python(value).is_null()


def _finish(raw: pl.DataFrame, labels: LabelMapping, mapping: Mapping) -> pl.DataFrame:
    """A snapshot's frame: canonical values, and the problems of those that have none."""
    values, broken = [], {}
    order = {name: position for position, name in enumerate(labels.kinds, start=1)}
    for each in mapping.fields:
        is_odd = _is_odd(labels, order[each.name])
        value = pl.col(pipeline.raw_column(each.name))
        sound = _sound(each, labels.kinds[each.name], value).cast(dtype(each.kind))
        values.append(pl.when(~is_odd).then(sound).alias(column(each.name)))
        type_ = pl.concat_str(pl.lit("a value of type "), _type(order[each.name]))
        shown = [pl.col(f"text_{each.name}"), *_plain(labels.kinds[each.name], value), type_]
        unsound = value.is_not_null() & pl.col(column(each.name)).is_null()
        broken[each.name] = (is_odd | unsound, pl.coalesce(shown))
    identifier = pl.coalesce(pl.when(_is_odd(labels, 0)).then(pl.coalesce("text_id", _type(0))), "annotation_id")
    absent = [pl.lit(None, pl.String).alias(name) for name in ("actor", "frame") if name not in raw.columns]
    framed = raw.with_columns(
        # An empty id is none: the App leaves one behind where somebody cleared the field.
        canonical_id(labels.id_kind, pl.when(identifier != "").then(identifier)).alias("annotation_id"),
        within_python(pl.col("edited_at")).cast(TIMESTAMP_DTYPE),
        *values,
        *_tags(),
        *absent,
    )
    return with_problems(framed, broken).select(list(schema(Side.FIFTYONE, mapping)))


def _tags() -> Iterator[pl.Expr]:
    """The lists of tags; null where there is none. What is no text among them is nobody's tag."""
    for name in ("tags", "sample_tags"):
        yield pl.when(pl.col(name).list.len() > 0).then(pl.col(name).list.drop_nulls()).alias(name)


def _sound(field: Field, stored: Kind, value: pl.Expr) -> pl.Expr:
    """The canonical value; null where there is none."""
    if field.kind is Kind.BOX:
        value = pl.when(is_sound_box(value)).then(value)
    elif stored is Kind.FLOAT:
        value = pl.when(value.is_finite()).then(value)
    elif stored is Kind.TEXT and field.kind in TEXT_OF:
        value = pl.when(value.str.contains(TEXT_OF[field.kind])).then(value)
    return canonical(stored, field.kind, value)


def _plain(stored: Kind, value: pl.Expr) -> Iterator[pl.Expr]:
    """The text of a value that is of its type, but has no canonical form."""
    if stored in (Kind.DATE, Kind.TIMESTAMP):
        yield within_python(value).dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
    elif stored is not Kind.BOX:
        yield value.cast(pl.String)


def _type(position: int) -> pl.Expr:
    return pl.col("odd").list.get(position, null_on_oob=True)


def _is_odd(labels: LabelMapping, position: int) -> pl.Expr:
    known = pipeline.allowed(labels)[position]
    return (~_type(position).is_in(known)).fill_null(value=False)


TAGS = "tags"
"""FiftyOne's collection of temporal tags, made when the first one is (fiftyone/core/tags.py, 1.22)."""


def with_users(database: Database[dict[str, Any]], dataset_id: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Fills the ``user`` of a snapshot's rows from the newest temporal tag of their sample.

    Open-source FiftyOne knows of nobody otherwise; where a sample has a ``last_modified_by``, that is read with its
    labels.
    """
    if rows.is_empty() or not ObjectId.is_valid(dataset_id):
        return rows
    ours: dict[str, Any] = {DATASET_KEY: ObjectId(dataset_id), "kind": "temporal"}
    if database[TAGS].find_one(ours, {"_id": 1}) is None:
        return rows
    by = {"$ifNull": ["$last_modified_by", "$created_by"]}
    newest = database[TAGS].aggregate(
        [
            {"$match": ours},
            {"$project": {"_sample_id": 1, "at": f"${STAMP}", "by": by}},
            {"$match": {"by": {"$type": "string"}}},
            {"$sort": {"at": 1, "_id": 1}},
            {"$group": {"_id": "$_sample_id", "by": {"$last": "$by"}}},
        ]
    )
    known = [(str(each["_id"]), each["by"]) for each in newest]
    users = pl.DataFrame(known, schema={"sample_id": pl.String(), "by": pl.String()}, orient="row")
    joined = rows.join(users, on="sample_id", how="left", maintain_order="left")
    return joined.with_columns(pl.coalesce("user", "by").alias("user")).drop("by")
