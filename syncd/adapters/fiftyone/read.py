"""Reading labels as columns, straight from the dataset's collection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import polars as pl
from bson import ObjectId
from bson.json_util import RELAXED_JSON_OPTIONS, dumps
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.errors import OperationFailure
from pymongoarrow.api import Schema, aggregate_arrow_all

from syncd.adapters.fiftyone import pipeline
from syncd.adapters.fiftyone.mapping import LabelMapping, key
from syncd.canonical import canonical, canonical_id, problems
from syncd.model import Kind, Mapping, Side, dtype
from syncd.model.kinds import TIMESTAMP_DTYPE
from syncd.model.snapshot import column, schema

Documents = Collection[dict[str, Any]]

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
    # The server has no such moment (an index was just built): each document is still read once and whole.
    return _read(samples, labels, mapping, match, None)


def _read(
    samples: Documents, labels: LabelMapping, mapping: Mapping, match: dict[str, Any], session: ClientSession | None
) -> pl.DataFrame:
    table = aggregate_arrow_all(
        samples,
        pipeline.labels(labels, match),
        schema=Schema(pipeline.columns(labels)),
        allow_invalid=True,
        session=session,
    )
    raw = pl.DataFrame(pl.from_arrow(table)).with_columns(
        pl.col("sample_id", "label_id").ext.storage().bin.encode("hex")
    )
    raw = raw.join(
        _oddities(samples, labels, raw, session), on=["sample_id", "label_id"], how="left", maintain_order="left"
    )
    return _finish(raw, labels, mapping)


def _oddities(
    samples: Documents, labels: LabelMapping, raw: pl.DataFrame, session: ClientSession | None
) -> pl.DataFrame:
    """The values of odd labels that stand in a type of their own, as text, one column per field."""
    names = list(labels.kinds)
    types = {"sample_id": pl.String, "label_id": pl.String, "odd_id": pl.String} | {
        f"odd_{name}": pl.String for name in names
    }
    odd = raw.filter(pl.col("odd").fill_null(value=False))
    rows: list[dict[str, str | None]] = []
    if odd.height:
        wanted = [ObjectId(each) for each in odd["sample_id"].unique()]
        for document in samples.find({"_id": {"$in": wanted}}, {labels.path: 1}, session=session):
            rows.extend(_odd_label(labels, document["_id"], each) for each in _labels_of(labels, document))
    return pl.DataFrame(rows, schema=types, orient="row").unique(["sample_id", "label_id"], keep="first")


def _labels_of(labels: LabelMapping, document: dict[str, Any]) -> list[dict[str, Any]]:
    found: Any = document
    for part in labels.path.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    listed = found if isinstance(found, list) else [found]
    return [each for each in listed if isinstance(each, dict)]


def _odd_label(labels: LabelMapping, sample_id: object, label: dict[str, Any]) -> dict[str, str | None]:
    row: dict[str, str | None] = {"sample_id": str(sample_id), "label_id": str(label.get("_id"))}
    row["odd_id"] = _if_odd(pipeline.ID_TYPES, label.get(labels.id_attribute))
    return row | {
        f"odd_{name}": _if_odd(pipeline.ALLOWED[kind], label.get(key(name))) for name, kind in labels.kinds.items()
    }


def _if_odd(allowed: list[str], value: Any) -> str | None:
    if value is None or _bson_type(value) in allowed:
        return None
    return dumps(value, json_options=RELAXED_JSON_OPTIONS)


def _bson_type(value: Any) -> str:
    """The BSON name of a decoded value, as far as mapped fields may have it."""
    names = {bool: "bool", int: "int", float: "double", str: "string", list: "array", ObjectId: "objectId"}
    return names.get(type(value), "date" if hasattr(value, "isoformat") else "other")


def _finish(raw: pl.DataFrame, labels: LabelMapping, mapping: Mapping) -> pl.DataFrame:
    values, broken = [], {}
    for each in mapping.fields:
        stored = labels.kinds[each.name]
        value = pl.col(pipeline.raw_column(each.name))
        sound = canonical(stored, each.kind, value)
        odd = pl.col(f"odd_{each.name}")
        values.append(pl.when(odd.is_null()).then(sound.cast(dtype(each.kind))).alias(column(each.name)))
        shown = value.cast(pl.List(pl.String)).list.join(", ") if each.kind is Kind.BOX else value.cast(pl.String)
        broken[each.name] = (odd.is_not_null() | (value.is_not_null() & sound.is_null()), pl.coalesce(odd, shown))
    return raw.with_columns(
        canonical_id(labels.id_kind, pl.coalesce("odd_id", "annotation_id")).alias("annotation_id"),
        pl.col("edited_at").cast(TIMESTAMP_DTYPE),
        *values,
        problems(broken),
    ).select(list(schema(Side.FIFTYONE, mapping)))
