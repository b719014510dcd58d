"""A snapshot too large for memory: laid down in a folder, divided by annotation id."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import polars as pl

SEED = 0
PART = "_part"
SIZE = 250_000
"""Annotations in one part, more or less: some hundred megabytes while they are compared."""


def parts_for(annotations: int) -> int:
    """Into how many parts so many annotations are divided."""
    return max(1, -(-annotations // SIZE))


class Parts:
    """The rows of one side, or of the baseline. An annotation is in the same part of each.

    Rows without an annotation id are all in one part. Nothing is left of it when the folder is removed.
    """

    def __init__(self, folder: Path, schema: dict[str, pl.DataType], count: int) -> None:
        self._folder = folder
        self._schema = schema
        self._count = count
        self._chunks = itertools.count()
        self.rows = 0

    def add(self, frame: pl.DataFrame) -> None:
        """Lays down these rows beside those that are there."""
        chunk = next(self._chunks)
        part = (pl.col("annotation_id").hash(SEED) % self._count).alias(PART)
        parts = frame.select(*self._schema, part).partition_by(PART, as_dict=True, include_key=False)
        for (number,), rows in parts.items():
            folder = self._folder / str(number)
            folder.mkdir(parents=True, exist_ok=True)
            rows.write_ipc(folder / f"{chunk}.arrow", compression="lz4")
        self.rows += frame.height

    def clear(self) -> None:
        """Forgets what was added: a read that failed begins anew."""
        for file in self._folder.rglob("*.arrow"):
            file.unlink()
        self.rows = 0

    @property
    def none(self) -> pl.DataFrame:
        """No rows."""
        return pl.DataFrame(schema=self._schema)

    def part(self, number: int) -> pl.DataFrame:
        """All rows of one part."""
        files = sorted((self._folder / str(number)).glob("*.arrow"))
        if not files:
            return self.none
        return pl.concat([pl.read_ipc(file) for file in files])

    def filter(self, chosen: pl.Expr) -> pl.DataFrame:
        """The rows of all parts for which ``chosen`` holds."""
        return pl.concat([part.filter(chosen) for part in self])

    def __iter__(self) -> Iterator[pl.DataFrame]:
        return (self.part(number) for number in range(self._count))
