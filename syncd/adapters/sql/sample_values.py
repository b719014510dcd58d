"""Columns that become fields of the sample: of the image's own row, or of the rows that lie on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import polars as pl
from sqlalchemy import Connection

from syncd.adapters.sql.adapter import SqlAdapter
from syncd.adapters.sql.describe import describe
from syncd.adapters.sql.mapping import TableMapping, table_mapping
from syncd.config import BindingConfig
from syncd.errors import MappingError
from syncd.model import Direction, Field, Holds, Kind, LabelType, Mapping
from syncd.model.snapshot import column


@dataclass(frozen=True)
class SampleValues:
    """What one table says of images: ``adapter`` reads it, a row for each image unless ``of_rows``."""

    adapter: SqlAdapter
    of_rows: bool

    def kinds(self) -> dict[str, Kind]:
        """The kind of each field."""
        return {each.name: each.kind for each in self.adapter.mapping.fields}

    def read(self) -> pl.DataFrame:
        """``media`` and the fields; of rows on one image that differ, nothing is told."""
        rows = self.adapter.read_all().rows.filter(pl.col("media").is_not_null())
        named = rows.select("media", *(pl.col(column(name)).alias(name) for name in self.kinds()))
        if not self.of_rows:
            return named.unique("media", keep="none")
        once = [pl.when(pl.col(name).drop_nulls().n_unique() == 1).then(pl.col(name).drop_nulls().first()).alias(name)
                for name in self.kinds()]  # fmt: skip
        return named.group_by("media").agg(once)


def sample_values(connection: Connection, binding: BindingConfig) -> Iterator[SampleValues]:
    """What is to be read for `sample_fields`: one table, or two."""
    mapping = table_mapping(binding)
    for of, is_row in (("media", False), ("row", True)):
        wanted: dict[str, tuple[str, ...]] = {
            name: (each.column,) for name, each in binding.sample_fields.items() if each.of == of
        }
        if wanted:
            table = replace(mapping, fields=wanted, box=None) if is_row else _of_media(mapping, wanted)
            info = describe(connection, replace(table, updated_at=None, updated_by=None))
            fields = tuple(
                Field(name, info.column(columns[0]).kind or Kind.TEXT, Direction.TO_FIFTYONE, _ANY, _ANY)
                for name, columns in wanted.items()
            )
            shape = Mapping(binding.name, fields, LabelType.DETECTIONS)
            yield SampleValues(SqlAdapter(connection, info, shape), of_rows=is_row)


_ANY = Holds(Kind.TEXT)


def _of_media(mapping: TableMapping, wanted: dict[str, tuple[str, ...]]) -> TableMapping:
    """The image's own table, read as if its rows were annotations: by what names the image."""
    lookup = mapping.media_lookup
    assert lookup is not None, "the configuration refuses sample fields of a medium without a table"
    if len(lookup.levels) > 1:
        raise MappingError(
            "sample_fields of the media need a lookup of one level, whose table they are columns of.",
            remedy="Write `of: row` and map a view that has them, or a lookup of one level in columns.media.",
        )
    name = lookup.shown.value
    return TableMapping(lookup.shown.table, lookup.shown.table, name, name, wanted)
