"""Builds both sides of one size: the table by COPY, the dataset by its own SDK and then by raw inserts.

FiftyOne itself would take minutes for what raw inserts do in seconds. The first sample is therefore added by the SDK,
and all others are copies of what it stored, with values of their own.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from itertools import islice
from typing import Any

import polars as pl
import pymongo
import sqlalchemy as sa
from bson import ObjectId

from benchmarks.data import Annotation, samples
from benchmarks.place import DATASET, ID_ATTRIBUTE, LABEL_FIELD, TABLE, Place, Shape

AGE = timedelta(hours=1)
"""How long ago everything was last changed: outside the overlap of a poll."""

BATCH = 10_000
"""Samples per insert, and per COPY."""

_TABLE = f"""
CREATE TABLE {TABLE} (
    annotation_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    media_uri text NOT NULL,
    label text NOT NULL,
    x double precision NOT NULL, y double precision NOT NULL,
    w double precision NOT NULL, h double precision NOT NULL,
    depth_m numeric(8, 2),
    verified boolean,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_by text
)"""
_INDEXES = (f"CREATE INDEX ON {TABLE} (updated_at)", f"CREATE INDEX ON {TABLE} (media_uri)")
_COLUMNS = ("annotation_id", "media_uri", "label", "x", "y", "w", "h", "depth_m", "verified", "updated_at")


def build(place: Place) -> None:
    """Both sides, holding the same annotations, last changed an hour ago."""
    stamp = datetime.now(timezone.utc) - AGE
    _build_table(place, stamp)
    _build_dataset(place, stamp)


def _batches(place: Place) -> Iterator[list[list[Annotation]]]:
    found = samples(place.labels, place.shape.per_sample)
    while batch := list(islice(found, BATCH)):
        yield batch


def _build_table(place: Place, stamp: datetime) -> None:
    engine = sa.create_engine(place.postgres_url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text(_TABLE))
        driver = connection.connection.driver_connection
        assert driver is not None, "a live connection has its driver's"
        for batch in _batches(place):
            rows = [
                (each.annotation_id, each.media, each.label, *each.box, each.depth, each.verified)
                for sample in batch
                for each in sample
            ]
            frame = pl.DataFrame(rows, schema=list(_COLUMNS[:-1]), orient="row", infer_schema_length=None)
            buffer = io.BytesIO()
            frame.with_columns(updated_at=pl.lit(stamp.isoformat())).write_csv(buffer, include_header=False)
            buffer.seek(0)
            with driver.cursor() as cursor:
                cursor.copy_expert(f"COPY {TABLE} ({', '.join(_COLUMNS)}) FROM STDIN (FORMAT csv)", buffer)
        for statement in _INDEXES:
            connection.execute(sa.text(statement))
    tidy(place, TABLE)


def tidy(place: Place, *tables: str) -> None:
    """VACUUM ANALYZE now, so that PostgreSQL does not do so by itself in the middle of a measurement."""
    engine = sa.create_engine(place.postgres_url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for table in tables:
            connection.execute(sa.text(f"VACUUM (ANALYZE) {table}"))


def _build_dataset(place: Place, stamp: datetime) -> None:
    import fiftyone as fo

    from syncd.demo.dataset import disconnect

    try:
        dataset = _declared(fo, place.shape)
        collection = dataset._sample_collection_name
        dataset.add_sample(_model(fo, place.shape), dynamic=False, validate=False)
        dataset.create_index(f"{place.shape.path}.{ID_ATTRIBUTE}")
    finally:
        disconnect()
    with pymongo.MongoClient[dict[str, Any]](place.mongo_uri) as client:
        stored = client[place.mongo_database][collection]
        model = stored.find_one()
        assert model is not None, "a sample was just added"
        stored.delete_one({"_id": model["_id"]})
        for batch in _batches(place):
            stored.insert_many([_document(place.shape, model, each, stamp) for each in batch], ordered=False)


def _declared(fo: Any, shape: Shape) -> Any:
    """An empty dataset with every field declared, as the App and the SDK want it."""
    dataset = fo.Dataset(DATASET, persistent=True)
    kind = fo.Detections if shape is Shape.DETECTIONS else fo.Classification
    dataset.add_sample_field(LABEL_FIELD, fo.EmbeddedDocumentField, embedded_doc_type=kind)
    for name, field in ((ID_ATTRIBUTE, fo.StringField), ("depth", fo.FloatField), ("verified", fo.BooleanField)):
        dataset.add_sample_field(f"{shape.path}.{name}", field)
    return dataset


def _model(fo: Any, shape: Shape) -> Any:
    """A sample with one label that has a value for everything."""
    values = {"label": "copepod", ID_ATTRIBUTE: "model", "depth": 1.0, "verified": False}
    sample = fo.Sample(filepath="/data/benchmark/model.png")
    if shape is Shape.DETECTIONS:
        sample[LABEL_FIELD] = fo.Detections(detections=[fo.Detection(bounding_box=[0.1, 0.1, 0.1, 0.1], **values)])
    else:
        sample[LABEL_FIELD] = fo.Classification(**values)
    return sample


def _document(shape: Shape, model: dict[str, Any], annotations: list[Annotation], stamp: datetime) -> dict[str, Any]:
    """A sample's document: the model's, with these labels."""
    at = stamp.replace(tzinfo=None)
    document = model | {
        "_id": ObjectId(),
        "filepath": annotations[0].media,
        "created_at": at,
        "last_modified_at": at,
    }
    held = model[LABEL_FIELD]
    if shape is Shape.DETECTIONS:
        labels = [_label(held["detections"][0], each) for each in annotations]
        return document | {LABEL_FIELD: held | {"detections": labels}}
    return document | {LABEL_FIELD: _label(held, annotations[0])}


def _label(model: dict[str, Any], annotation: Annotation) -> dict[str, Any]:
    """A label's document; what has no value is left out, as FiftyOne does."""
    values: dict[str, Any] = {
        "_id": ObjectId(),
        "label": annotation.label,
        ID_ATTRIBUTE: annotation.annotation_id,
        "bounding_box": list(annotation.box) if "bounding_box" in model else None,
        "depth": None if annotation.depth is None else float(annotation.depth),
        "verified": annotation.verified,
    }
    return {name: values.get(name, kept) for name, kept in model.items() if values.get(name, kept) is not None}
