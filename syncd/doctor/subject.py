"""One binding under diagnosis: its configuration, and what the checks have found of it so far."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from pymongo.collection import Collection
from sqlalchemy import Connection, make_url

from syncd.adapters.fiftyone.compat import COLLECTION
from syncd.adapters.fiftyone.dataset import DatasetInfo
from syncd.adapters.fiftyone.mapping import LabelMapping
from syncd.adapters.sql.describe import shown
from syncd.adapters.sql.mapping import ColumnInfo, TableInfo, TableMapping, table_mapping
from syncd.config import BindingConfig
from syncd.doctor.finding import Fact
from syncd.doctor.servers import Servers
from syncd.doctor.table_facts import TableFacts
from syncd.model import Kind

DATASET = "Dataset"
LABEL_FIELD = "Label field"
LABELS = "Labels"
TABLE = "Table"
READ = "Read relation"
ROWS = "Rows"

Documents = Collection[dict[str, Any]]


@dataclass(frozen=True)
class LabelCounts:
    """What one pass over all labels counted."""

    labels: int
    with_id: int
    odd_id: int
    headless: int
    unreadable: int


@dataclass(frozen=True)
class Relation:
    """What is read: its columns, and whether it is the written table itself."""

    columns: dict[str, ColumnInfo]
    name: str


class Subject:
    """A binding and the facts about it; asking for one that no check has found skips the check that asks."""

    def __init__(self, servers: Servers, binding: BindingConfig) -> None:
        self.servers = servers
        self.binding = binding
        self.mapping: TableMapping = table_mapping(binding, crops=binding.ingest.crops)
        self.document: Fact[dict[str, Any]] = Fact(DATASET)
        self.dataset: Fact[DatasetInfo] = Fact(LABEL_FIELD)
        self.labels: Fact[LabelCounts] = Fact(LABELS)
        self.table: Fact[TableFacts] = Fact(TABLE)
        self.read: Fact[Relation] = Fact(READ if binding.read_from != binding.table else TABLE)
        self.rows: Fact[int] = Fact(ROWS)
        self.mapping_faults: list[str] = []
        self._referred: dict[str, dict[str, ColumnInfo]] = {}

    @property
    def place(self) -> str:
        """Where in the configuration the binding stands."""
        return f"bindings[{self.servers.config.bindings.index(self.binding)}]"

    @property
    def connection(self) -> Connection:
        """The connection to the annotations."""
        return self.servers.database.get()

    @property
    def samples(self) -> Documents:
        """The collection of the dataset's samples."""
        return self.servers.mongodb.get()[str(self.document.get()[COLLECTION])]

    @property
    def label_mapping(self) -> LabelMapping:
        """Where the labels stand; without mapped fields, which may not fit."""
        return LabelMapping(
            label_field=self.binding.label_field,
            label_type=self.dataset.get().label_type,
            id_attribute=self.binding.annotation_id,
            id_kind=Kind.TEXT,
            sample_key=self.binding.sample_key,
            kinds={},
        )

    def show(self, table: TableFacts, read: Relation) -> None:
        """Takes both relations as they are shown: what keys stand for, boxes as relative, and so on."""
        info, self.mapping_faults = shown(self.connection, self.mapping, table.physical, read.columns)
        self.mapping, self._referred = info.mapping, info.referred
        self.table.set(replace(table, columns=info.written))
        self.read.set(replace(read, columns=info.read))

    @property
    def table_info(self) -> TableInfo:
        """Both relations as the adapters take them."""
        table = self.table.get()
        return TableInfo(
            self.mapping, table.columns, self.read.get().columns, physical=table.physical, referred=self._referred
        )

    @property
    def is_postgresql(self) -> bool:
        """Whether rights, triggers and the like can be looked at, as the database's address says."""
        url = self.servers.config.database.url.get_secret_value()
        return make_url(url).get_backend_name() == "postgresql"
