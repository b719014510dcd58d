"""Partitions of a snapshot: in memory where it is small, otherwise in a folder, divided by annotation id."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import polars as pl

SEED = 0
PART = "_part"
IN_MEMORY = 200_000
"""Annotations that are held in memory: some hundred megabytes."""
SIZE = 250_000
"""About as many annotations as a partition holds: some hundred megabytes while they are compared."""


def parts_for(annotations: int) -> int | None:
    """The number of partitions for so many annotations; ``None`` where they stay in memory."""
    return None if annotations <= IN_MEMORY else max(1, -(-annotations // SIZE))


class Chunks:
    """Frames of one schema, in a folder or in memory. Removing the folder removes them."""

    def __init__(self, folder: Path | None, schema: dict[str, pl.DataType]) -> None:
        self._folder = folder
        self._schema = schema
        self._numbers = itertools.count()
        self._held: list[pl.DataFrame | Path] = []

    def add(self, frame: pl.DataFrame) -> None:
        """Appends rows, on disk where there is a folder for them."""
        if self._folder is None:
            self._held.append(frame)
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / f"{next(self._numbers)}.arrow"
        frame.write_ipc(file, compression="lz4")
        self._held.append(file)

    def clear(self) -> None:
        """Drops what was added, and its files."""
        for each in self._held:
            if isinstance(each, Path):
                each.unlink()
        self._held.clear()

    def whole(self) -> pl.DataFrame:
        """All rows that were added, as one frame."""
        frames: list[pl.DataFrame] = [pl.DataFrame(schema=self._schema), *self]
        return pl.concat(frames)

    def __iter__(self) -> Iterator[pl.DataFrame]:
        return (pl.read_ipc(each) if isinstance(each, Path) else each for each in self._held)


class Parts:
    """The rows of one side, or of the baseline. An annotation is in the same partition of each.

    Rows without an annotation id are all in one partition. ``count`` is ``None`` where everything stays in memory, as
    one partition; ``folder`` is then not used.
    """

    def __init__(self, folder: Path, schema: dict[str, pl.DataType], count: int | None) -> None:
        self._schema = schema
        folders = [None] if count is None else [folder / str(number) for number in range(count)]
        self._parts = [Chunks(each, schema) for each in folders]
        self.rows = 0

    def add(self, frame: pl.DataFrame) -> None:
        """Adds rows, each to its partition."""
        self.rows += frame.height
        frame = frame.select(*self._schema)
        if len(self._parts) == 1:
            self._parts[0].add(frame)
            return
        part = (pl.col("annotation_id").hash(SEED) % len(self._parts)).alias(PART)
        parts = frame.with_columns(part).partition_by(PART, as_dict=True, include_key=False)
        for (number,), rows in parts.items():
            self._parts[number].add(rows)

    def clear(self) -> None:
        """Drops what was added: a read that failed begins anew."""
        for each in self._parts:
            each.clear()
        self.rows = 0

    @property
    def none(self) -> pl.DataFrame:
        """An empty frame with the columns of the partitions."""
        return pl.DataFrame(schema=self._schema)

    @property
    def count(self) -> int:
        """The number of partitions."""
        return len(self._parts)

    def part(self, number: int) -> pl.DataFrame:
        """All rows of one partition."""
        return self._parts[number].whole()

    def filter(self, chosen: pl.Expr) -> pl.DataFrame:
        """The rows of all partitions for which ``chosen`` holds."""
        return pl.concat([part.filter(chosen) for part in self])

    def __iter__(self) -> Iterator[pl.DataFrame]:
        return (each.whole() for each in self._parts)
