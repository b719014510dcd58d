"""The predicted labels of one field: read as columns, written many at a time, addressed by sample id and label id.

A prediction is nobody's edit: what is written is what the table says, whatever was there before.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as Values
from typing import Any

import polars as pl
import pyarrow as pa
from bson import ObjectId
from pymongo import UpdateOne

from syncd.adapters.fiftyone import pipeline
from syncd.adapters.fiftyone.adapter import READING, WRITING, FiftyOneAdapter
from syncd.adapters.fiftyone.bulk_write import BATCH
from syncd.adapters.fiftyone.compat import BUMP, CLASS
from syncd.adapters.fiftyone.documents import bare_label, steady_id
from syncd.adapters.fiftyone.errors import asking
from syncd.adapters.fiftyone.invalid_text import as_frame
from syncd.adapters.fiftyone.mapping import key
from syncd.adapters.fiftyone.samples import Predicted
from syncd.adapters.fiftyone.values import encode_id
from syncd.model import BOX, ID_FIELD, LABEL, Direction, Field, Holds, Kind
from syncd.model.canonical import canonical_id
from syncd.model.snapshot import column

_KINDS = {LABEL: Kind.TEXT, "second_label": Kind.TEXT, BOX: Kind.BOX}
"""Kinds of a prediction's fields; all others are numbers."""


class PredictionField:
    """The predictions in one field of a dataset; ``predicted`` says which keys they have."""

    def __init__(self, adapter: FiftyOneAdapter, predicted: Predicted) -> None:
        self.adapter = adapter
        self.layout = predicted.layout
        self.names = tuple(BOX if name == "bounding_box" else name for name in predicted.parts)
        self.path = predicted.layout.root
        self.is_list = predicted.layout.label_type.list_name is not None
        self.kinds = {name: _KINDS.get(name, Kind.FLOAT) for name in self.names}
        self.fields = tuple(
            Field(name, kind, Direction.TO_FIFTYONE, Holds(kind), Holds(kind), tolerance=0.0)
            for name, kind in self.kinds.items()
        )

    def read(self) -> pl.DataFrame:
        """``annotation_id``, ``label_id``, ``sample_id`` and ``value.<name>`` of every prediction with an id."""
        from pymongoarrow.api import Schema, aggregate_arrow_all

        label = f"${self.path}"
        attribute = f"{label}.{self.adapter.labels.id_attribute}"
        project: dict[str, Any] = {
            "_id": 0,
            ID_FIELD: {"$convert": {"input": attribute, "to": "string", "onError": None, "onNull": None}},
            "label_id": f"{label}._id",
            "sample_id": "$_id",
        }
        project |= {pipeline.raw_column(name): f"{label}.{key(name)}" for name in self.names}
        types: dict[str, Any] = {ID_FIELD: pa.string(), "label_id": ObjectId, "sample_id": ObjectId}
        types |= {pipeline.raw_column(name): pipeline.ARROW[kind] for name, kind in self.kinds.items()}
        stages = [{"$unwind": label}] if self.is_list else [{"$match": {self.path: {"$nin": [None]}}}]
        with asking(READING):
            # What stands in a type of its own reads as null, and so differs from what the table says.
            table = aggregate_arrow_all(
                self.adapter.samples, [*stages, {"$project": project}], schema=Schema(types), allow_invalid=True
            )
        return (
            as_frame(table)[0]
            .filter(pl.col(ID_FIELD).is_not_null(), pl.col("label_id").is_not_null())
            .select(
                canonical_id(self.adapter.labels.id_kind, pl.col(ID_FIELD)),
                pl.col("label_id", "sample_id").ext.storage().bin.encode("hex"),
                *(pl.col(pipeline.raw_column(name)).alias(column(name)) for name in self.names),
            )
        )

    def add(self, rows: pl.DataFrame) -> int:
        """Adds a prediction for each row (``annotation_id``, ``sample_id``, values); returns how many were added.

        Where the annotation has one by now, or the field holds another label, nothing is added.
        """
        if self.is_list:
            self._send(self._empty_lists(rows))
        return self._send(map(self._addition, rows.iter_rows(named=True)))

    def update(self, rows: pl.DataFrame) -> int:
        """Sets the values of the predictions ``label_id`` on ``sample_id``; returns how many were found."""
        return self._send(map(self._change, rows.iter_rows(named=True)))

    def remove(self, rows: pl.DataFrame) -> int:
        """Removes the predictions ``label_id`` from ``sample_id``; returns how many were found."""
        return self._send(map(self._removal, rows.iter_rows(named=True)))

    def _send(self, operations: Iterator[UpdateOne]) -> int:
        written = 0
        batch: list[UpdateOne] = []
        with asking(WRITING):
            for operation in operations:
                batch.append(operation)
                if len(batch) == BATCH:
                    written += self.adapter.samples.bulk_write(batch, ordered=False).matched_count
                    batch = []
            if batch:
                written += self.adapter.samples.bulk_write(batch, ordered=False).matched_count
        return written

    def _empty_lists(self, rows: pl.DataFrame) -> Iterator[UpdateOne]:
        """Gives the samples that hold no list yet an empty one to append to; what else the field holds stays."""
        field = self.layout.field
        container: dict[str, Any] = {
            CLASS: self.layout.label_type.value,
            str(self.layout.label_type.list_name): [],
        }
        for sample in rows["sample_id"].unique().sort():
            chosen = {"_id": ObjectId(sample)}
            yield UpdateOne(chosen | {field: None}, {"$set": {field: container}} | BUMP)
            yield UpdateOne(chosen | {field: {"$type": "object"}, self.path: None}, {"$set": {self.path: []}} | BUMP)

    def _addition(self, row: dict[str, Any]) -> UpdateOne:
        stored = encode_id(self.adapter.labels.id_kind, row["annotation_id"])
        attribute = self.adapter.labels.id_attribute
        dataset_id = ObjectId(self.adapter.identity.partition("/")[0])
        label = bare_label(self.layout.label_type, steady_id(dataset_id, self.layout.field, row["annotation_id"]))
        label |= {attribute: stored} | {name: value for name, value in self._values(row) if value is not None}
        chosen: dict[str, Any] = {"_id": ObjectId(row["sample_id"])}
        if not self.is_list:
            return UpdateOne(chosen | {self.path: None}, {"$set": {self.path: label}} | BUMP)
        chosen[self.path] = {"$not": {"$elemMatch": {attribute: stored}}}
        return UpdateOne(chosen, {"$push": {self.path: label}} | BUMP)

    def _change(self, row: dict[str, Any]) -> UpdateOne:
        label_id = ObjectId(row["label_id"])
        root = f"{self.path}.$[label]" if self.is_list else self.path
        wanted = {f"{root}.{name}": value for name, value in self._values(row)}
        update: dict[str, Any] = {"$set": {path: value for path, value in wanted.items() if value is not None}} | BUMP
        # What is missing stays missing: a null would be a value of its own to FiftyOne's schema.
        if absent := {path: "" for path, value in wanted.items() if value is None}:
            update["$unset"] = absent
        filters: list[Values[str, Any]] | None = [{"label._id": label_id}] if self.is_list else None
        return UpdateOne(self._place(row), update, array_filters=filters)

    def _removal(self, row: dict[str, Any]) -> UpdateOne:
        if not self.is_list:
            return UpdateOne(self._place(row), {"$set": {self.path: None}} | BUMP)
        return UpdateOne(self._place(row), {"$pull": {self.path: {"_id": ObjectId(row["label_id"])}}} | BUMP)

    def _place(self, row: dict[str, Any]) -> dict[str, Any]:
        return {"_id": ObjectId(row["sample_id"]), f"{self.path}._id": ObjectId(row["label_id"])}

    def _values(self, row: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        for name in self.names:
            yield key(name), row[column(name)]
