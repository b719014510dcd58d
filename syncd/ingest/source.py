"""Reads the binding's table, or its store, for an ingest: the synced fields, and what only an ingest needs.

These further columns are read as fields of their own, so that they are brought to their canonical form like any other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

import polars as pl
from sqlalchemy import Connection

from syncd.adapters.base import OpenStore, RowStore
from syncd.adapters.sql.adapter import SqlAdapter
from syncd.adapters.sql.describe import describe
from syncd.adapters.sql.errors import READING, asking
from syncd.adapters.sql.mapping import table_mapping
from syncd.adapters.sql.reader import Reader
from syncd.config import BindingConfig
from syncd.errors import MappingError
from syncd.model import BOX, Direction, Field, Holds, Kind, Mapping
from syncd.model.snapshot import PREFIX

EXTRA = "ingest."
"""Prefix of the names under which the further columns are read; no attribute can be called so."""

FRAME, FRAME_BOX, WIDTH, HEIGHT = EXTRA + "frame", EXTRA + "frame_box", EXTRA + "width", EXTRA + "height"


def predicted(field: str, part: str) -> str:
    """Name under which a column of a prediction is read."""
    return f"{EXTRA}{field}.{part}"


class Source(Protocol):
    """What an ingest reads of the authority."""

    def ids(self) -> pl.DataFrame:
        """``annotation_id`` and ``media`` (of crops the frame) of every annotation, as they stand."""
        ...

    def rows(self, ids: list[str]) -> pl.DataFrame:
        """The annotations with these ids, in the order of media and id; further columns without ``value.`` in front."""
        ...

    def every(self, columns: Collection[str]) -> pl.DataFrame:
        """``annotation_id`` and these columns, called as :meth:`rows` calls them, of every annotation."""
        ...


@dataclass(frozen=True)
class StoreSource:
    """A store that is no table: ``wide`` reads all fields, and of crops the boxes that they are cut from."""

    wide: RowStore
    crops: bool

    def ids(self) -> pl.DataFrame:
        """As :meth:`Source.ids`."""
        image = "frame" if self.crops else "media"
        return self.wide.read_all().rows.select("annotation_id", pl.col(image).alias("media"))

    def rows(self, ids: list[str]) -> pl.DataFrame:
        """As :meth:`Source.rows`."""
        return self._named(self.wide.read_ids(ids).rows).sort("media", "annotation_id")

    def every(self, columns: Collection[str]) -> pl.DataFrame:
        """As :meth:`Source.every`."""
        return self._named(self.wide.read_all().rows).select("annotation_id", *columns)

    def _named(self, rows: pl.DataFrame) -> pl.DataFrame:
        if not self.crops:
            return rows
        return rows.rename({PREFIX + FRAME_BOX: FRAME_BOX}).with_columns(pl.col("frame").alias(FRAME))


def store_source(store: OpenStore, mapping: Mapping, *, crops: bool) -> StoreSource:
    """The store as an ingest reads it."""
    box = Field(FRAME_BOX, Kind.BOX, Direction.TO_FIFTYONE, Holds(Kind.BOX), Holds(Kind.BOX))
    wide = replace(mapping, fields=(*mapping.fields, box)) if crops else mapping
    return StoreSource(store.rows(wide.in_database), crops)


@dataclass(frozen=True)
class TableSource:
    """The table, read for an ingest: ``wide`` with all columns, ``narrow`` with id and media alone."""

    wide: SqlAdapter
    narrow: SqlAdapter
    mapping: Mapping
    crops: bool

    def ids(self) -> pl.DataFrame:
        """``annotation_id`` and ``media`` of every row, as they stand."""
        rows = self.narrow.read_all().rows
        self._rest()
        return rows.select("annotation_id", "media")

    def rows(self, ids: list[str]) -> pl.DataFrame:
        """The rows with these ids, in the order of media and id; further columns without ``value.`` before them."""
        rows = self.wide.read_committed(ids).rows
        self._rest()
        extra = {PREFIX + name: name for name in self.wide.mapping.names if name.startswith(EXTRA)}
        return rows.rename(extra).sort("media", "annotation_id")

    def every(self, columns: Collection[str]) -> pl.DataFrame:
        """``annotation_id`` and these columns, called as :meth:`rows` calls them, of every row."""
        names = {name: name if name.startswith(EXTRA) else PREFIX + name for name in self.wide.mapping.names}
        chosen = tuple(each for each in self.wide.mapping.fields if names[each.name] in columns)
        mapping = replace(self.wide.mapping, fields=chosen)
        with asking(READING):
            rows = Reader(self.wide.connection, self.wide.info, mapping, self.wide.arrow).everything()
        self._rest()
        renamed = {PREFIX + each.name: names[each.name] for each in chosen}
        return rows.select("annotation_id", *renamed).rename(renamed)

    def _rest(self) -> None:
        """Ends what has only been read: while it is open, SQLite lets nobody write."""
        self.wide.connection.rollback()

    @property
    def extra(self) -> frozenset[str]:
        """Names of the further columns."""
        return frozenset(name for name in self.wide.mapping.names if name.startswith(EXTRA))


@contextmanager
def open_source(
    connection: Connection, binding: BindingConfig, mapping: Mapping, *, crops: bool
) -> Iterator[TableSource]:
    """Opens the table; ``MappingError`` where a further column is missing or of another type than expected."""
    table = table_mapping(binding, crops=crops)
    further = further_columns(binding, crops=crops)
    declared: dict[str, Kind | None] = {each.name: each.kind for each in mapping.fields}
    wide_info = describe(connection, replace(table, fields=table.fields | further), declared)
    fields = [_field(name, columns, wide_info.column(columns[0]).kind) for name, columns in further.items()]
    wide = SqlAdapter(connection, wide_info, replace(mapping, fields=(*mapping.fields, *fields)))
    media = replace(table, fields={}, media_column=binding.columns.media.name, frame_column=None)
    media = replace(media, updated_at=None, updated_by=None, box=None)
    narrow = SqlAdapter(connection, describe(connection, media), replace(mapping, fields=()))
    # Looking up types opened a transaction.
    connection.rollback()
    try:
        yield TableSource(wide, narrow, mapping, crops)
    finally:
        wide.close()
        narrow.close()


def further_columns(binding: BindingConfig, *, crops: bool) -> dict[str, tuple[str, ...]]:
    """{name: columns} of what only an ingest reads."""
    found: dict[str, tuple[str, ...]] = {}
    if crops and binding.columns.box is not None:
        found |= {FRAME: (binding.columns.media.name,), FRAME_BOX: binding.columns.box.names}
    if binding.ingest.size is not None:
        found |= dict(zip((WIDTH, HEIGHT), ((name,) for name in binding.ingest.size), strict=True))
    for each in binding.predictions:
        for part in ("label", "confidence", "second_label", "second_confidence"):
            column = getattr(each, part)
            if column is not None:
                found[predicted(each.field, part)] = (column,)
        if each.box is not None:
            found[predicted(each.field, BOX)] = tuple(each.box)
    return found


def _field(name: str, columns: tuple[str, ...], found: Kind | None) -> Field:
    """A further column as a field. Numbers are read as what they are for, whatever type they have."""
    part = name.rpartition(".")[2]
    if len(columns) == 4:
        kind = Kind.BOX
    elif part in ("label", "second_label", "frame"):
        kind = Kind.TEXT
    else:
        kind = Kind.FLOAT if part in ("confidence", "second_confidence") else Kind.INTEGER
        numbers = (Kind.INTEGER,) if kind is Kind.INTEGER else (Kind.INTEGER, Kind.FLOAT, Kind.DECIMAL)
        if found not in numbers:
            raise MappingError(
                f"The column {columns[0]!r} is {found.value if found else 'of an unknown type'}, expected "
                f"{'whole numbers of pixels' if kind is Kind.INTEGER else 'numbers from 0 to 1'}.",
                remedy="Mend `ingest.size` or `predictions` of the binding.",
            )
    return Field(name, kind, Direction.TO_FIFTYONE, Holds(kind), Holds(kind))
