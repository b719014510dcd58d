"""Writes the changes as a file for other programs: one row per change, with every column of ``syncd.change``."""

from __future__ import annotations

from typing import BinaryIO

import polars as pl

from syncd.spreadsheet import without_formulas

TIME = "%Y-%m-%dT%H:%M:%S%.6fZ"


def write_csv(changes: pl.DataFrame, file: BinaryIO, *, safe_for_spreadsheets: bool = False) -> None:
    """CSV in UTF-8, with a header: ``old`` and ``new`` as JSON, times in UTC, a missing value as an empty field.

    It is exact, unless it shall be safe for spreadsheets.
    """
    times = pl.col("edited_at", "applied_at").dt.strftime(TIME)
    table = _logged(changes).with_columns(times)
    (without_formulas(table) if safe_for_spreadsheets else table).write_csv(file)


def write_parquet(changes: pl.DataFrame, file: BinaryIO) -> None:
    """Parquet: ``old`` and ``new`` as JSON text, times as UTC timestamps in microseconds."""
    _logged(changes).write_parquet(file)


def _logged(changes: pl.DataFrame) -> pl.DataFrame:
    return changes.drop("old_label", "new_label")
