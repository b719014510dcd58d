"""Datasets made with the FiftyOne SDK and tables made with SQL, and adapters opened on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from bson import ObjectId
from pymongo.database import Database

from syncd.adapters.base import Adapter
from syncd.adapters.connect import open_database
from syncd.adapters.fiftyone.adapter import FiftyOneAdapter
from syncd.adapters.fiftyone.dataset import describe
from syncd.adapters.fiftyone.mapping import LabelMapping, stored_kinds
from syncd.adapters.sql.adapter import SqlAdapter
from syncd.adapters.sql.describe import describe as describe_table
from syncd.adapters.sql.mapping import TableInfo, TableMapping
from syncd.model import BOX, LABEL, Action, Change, Direction, Kind, Mapping, Snapshot
from syncd.model.result import Result
from syncd.testing.contract.bench import applied, mapping_of

GT = "ground_truth"


def rows_of(snapshot: Snapshot) -> dict[str | None, dict[str, Any]]:
    """A snapshot's rows by annotation id; the fields by their own names."""
    rows = list(snapshot.rows.iter_rows(named=True))
    return {row["annotation_id"]: {name.removeprefix("value."): each for name, each in row.items()} for row in rows}


def change(
    action: Action,
    annotation_id: str | None,
    name: str | None = None,
    old: Any = None,
    new: Any = None,
    *,
    place: dict[str, Any] | None = None,
    media: str | None = None,
) -> Change:
    """A change; ``place`` is the row of the label that it is for."""
    at = place or {}
    way = Direction.TO_FIFTYONE if place is not None else Direction.TO_DATABASE
    label, sample = at.get("label_id"), at.get("sample_id")
    return Change(annotation_id, label, sample, way, action, name, old, new, "test", media=media)


def done(adapter: Adapter, mapping: Mapping, *changes: Change) -> list[bool]:
    """Writes, and says of each change whether it took effect."""
    return [applied(mapping, each) for each in adapter.write(changes)]


@dataclass
class Labels:
    """A dataset of the SDK and an adapter on it."""

    dataset: Any
    database: Database[dict[str, Any]]
    adapter: FiftyOneAdapter

    @property
    def samples(self) -> Any:
        """The dataset's collection."""
        return self.adapter.samples

    def rows(self) -> dict[str | None, dict[str, Any]]:
        """What the adapter reads."""
        return rows_of(self.adapter.read_all())

    def raw(self) -> list[Any]:
        """The label field of every sample, as it is stored."""
        return [each.get(GT) for each in self.samples.find().sort("filepath")]

    def store(self, path: str, value: Any, media: str = "/1.png") -> None:
        """Stores a value past the SDK, which would not."""
        assert self.samples.update_one({"filepath": media}, {"$set": {f"{GT}.{path}": value}}).matched_count

    def update(self, id_: str | None, name: str, old: Any, new: Any) -> Result:
        """Has the adapter set a field."""
        [result] = self.adapter.write([change(Action.UPDATE, id_, name, old, new, place=self.rows()[id_])])
        return result

    def delete(self, id_: str) -> Result:
        """Has the adapter delete a label that holds what it was just read to hold."""
        row = self.rows()[id_]
        old = {name: row[name] for name in self.adapter.mapping.names}
        [result] = self.adapter.write([change(Action.DELETE, id_, old=old, place=row)])
        return result

    def insert(self, id_: str, media: str = "/1.png", **values: Any) -> Result:
        """Has the adapter insert a label."""
        sample = self.adapter.find_samples([media])["sample_id"][0]
        new = {name: values.get(name) for name in self.adapter.mapping.names}
        [result] = self.adapter.write([change(Action.INSERT, id_, new=new, place={"sample_id": sample}, media=media)])
        return result

    def loaded(self) -> list[Any]:
        """The label field of every sample, as the SDK loads it."""
        self.dataset.reload()
        return [sample[GT] for sample in self.dataset]


def labels_of(
    fiftyone: Any,
    mongo: Database[dict[str, Any]],
    *,
    label_type: str = "Detections",
    declared: dict[str, Any] | None = None,
    kinds: dict[str, Kind] | None = None,
    id_kind: Kind = Kind.TEXT,
    name: str = "odd",
) -> Labels:
    """A dataset with an empty label field, its ``declared`` attributes, and an adapter that maps ``kinds``."""
    dataset = fiftyone.Dataset(name, persistent=True, overwrite=True)
    type_ = getattr(fiftyone, label_type)
    dataset.add_sample_field(GT, fiftyone.EmbeddedDocumentField, embedded_doc_type=type_)
    path = {"Detections": f"{GT}.detections", "Classifications": f"{GT}.classifications"}.get(label_type, GT)
    for attribute, field_type in (declared or {}).items():
        dataset.add_sample_field(f"{path}.{attribute}", field_type)
    fields = {LABEL: Kind.TEXT} | (kinds or {})
    if label_type == "Detections":
        fields |= {BOX: Kind.BOX}
    return Labels(dataset, mongo, open_labels(mongo, name, fields, id_kind))


def open_labels(mongo: Database[dict[str, Any]], name: str, kinds: dict[str, Kind], id_kind: Kind) -> FiftyOneAdapter:
    """An adapter on a dataset that is there."""
    info = describe(mongo, name, GT)
    mapping = mapping_of(kinds, info.label_type)
    declared = {each: info.attribute_kind(each) for each in kinds if each not in (LABEL, BOX)}
    labels = LabelMapping(GT, info.label_type, "annotation_id", id_kind, "filepath", stored_kinds(mapping, declared))
    return FiftyOneAdapter(mongo, name, info.identity, labels, mapping)


def detection(**values: Any) -> dict[str, Any]:
    """A detection's own document, as FiftyOne stores it."""
    plain = {"_cls": "Detection", "tags": [], "attributes": {}, "label": "a", "bounding_box": [0.1, 0.2, 0.3, 0.4]}
    return {"_id": ObjectId()} | plain | values


@dataclass
class Table:
    """A table, an adapter on it, and somebody else's connection."""

    connection: sa.Connection
    others: sa.Engine
    info: TableInfo
    adapter: SqlAdapter
    mapping: Mapping = field(init=False)

    def __post_init__(self) -> None:
        self.mapping = self.adapter.mapping

    def sql(self, statement: str, *parameters: Any) -> list[Any]:
        """Runs a statement as somebody else."""
        return run(self.others, statement, *parameters)

    def rows(self) -> dict[str | None, dict[str, Any]]:
        """What the adapter reads of the whole."""
        return rows_of(self.adapter.read_all())

    def write(self, *changes: Change) -> list[Result]:
        """Has the adapter write, and commits."""
        results = self.adapter.write(changes)
        self.connection.commit()
        return results

    def update(self, id_: str, name: str, old: Any, new: Any) -> Result:
        """Has the adapter set a field, and commits."""
        return self.write(change(Action.UPDATE, id_, name, old, new))[0]

    def insert(self, id_: str, *, media: str | None = "/1.png", **values: Any) -> Result:
        """Has the adapter insert a row, and commits."""
        new = {name: values.get(name) for name in self.mapping.names}
        return self.write(change(Action.INSERT, id_, new=new, media=media))[0]

    def delete(self, id_: str) -> Result:
        """Has the adapter delete a row that holds what it was just read to hold."""
        row = self.rows()[id_]
        return self.write(change(Action.DELETE, id_, old={name: row[name] for name in self.mapping.names}))[0]


def run(engine: sa.Engine, statement: str, *parameters: Any) -> list[Any]:
    """Runs a statement in a transaction of its own."""
    with engine.begin() as connection:
        plain = connection if parameters else connection.execution_options(no_parameters=True)
        result = plain.exec_driver_sql(statement, parameters)
        return list(result) if result.returns_rows else []


@contextmanager
def table_of(
    url: str,
    statements: Sequence[str],
    *,
    table: str = "annotation",
    read: str | None = None,
    key: str = "id",
    media: str = "media",
    updated_at: str | None = None,
    updated_by: str | None = None,
    **columns: str | tuple[str, ...],
) -> Iterator[Table]:
    """A database after these statements, and an adapter that maps ``columns``: {field: column}."""
    others = sa.create_engine(url, poolclass=sa.NullPool)
    for statement in statements:
        run(others, statement)
    fields = {name: (each,) if isinstance(each, str) else each for name, each in columns.items()}
    mapping = TableMapping(table, read or table, key, media, fields, updated_at, updated_by)
    with open_database(url) as connection:
        info = describe_table(connection, mapping)
        connection.rollback()
        kinds = {name: Kind.BOX if name == BOX else info.column(names[0]).kind for name, names in fields.items()}
        adapter = SqlAdapter(connection, info, mapping_of({name: each or Kind.TEXT for name, each in kinds.items()}))
        yield Table(connection, others, info, adapter)
        adapter.close()
    connection.engine.dispose()
    others.dispose()
