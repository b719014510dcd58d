"""The formats of a report, by name and by file ending; and the changes as a file for other programs."""

from __future__ import annotations

import io
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import polars as pl

from syncd.report.content import Report
from syncd.report.document import write_json
from syncd.report.markdown import write_markdown
from syncd.spreadsheet import without_formulas

if TYPE_CHECKING:
    from syncd.report.pictures import Pictures

THUMBNAILS = 60
"""Pictures in a page, unless it is said how many."""


class Format(str, Enum):
    """How a report can be written."""

    HTML = "html"
    MARKDOWN = "markdown"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"

    @property
    def ending(self) -> str:
        """Of a file in this format, with the dot."""
        return ".md" if self is Format.MARKDOWN else f".{self.value}"

    @property
    def is_binary(self) -> bool:
        """Whether a terminal would make a mess of it."""
        return self is Format.PARQUET


def format_of(path: Path) -> Format | None:
    """The format that a file's name says."""
    endings = {each.ending: each for each in Format} | {".htm": Format.HTML, ".markdown": Format.MARKDOWN}
    return endings.get(path.suffix.lower())


def write(
    report: Report,
    form: Format,
    file: BinaryIO,
    *,
    app_url: str | None = None,
    pictures: Pictures | None = None,
    safe_for_spreadsheets: bool = False,
) -> None:
    """Writes the report; ``pictures`` are for HTML, ``safe_for_spreadsheets`` is about CSV."""
    if form is Format.HTML:
        from syncd.report.html.page import write_html

        write_html(report, file, pictures, app_url)
    elif form is Format.CSV:
        write_csv(report.changes, file, safe_for_spreadsheets=safe_for_spreadsheets)
    elif form is Format.PARQUET:
        write_parquet(report.changes, file)
    else:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="\n")
        _TEXTS[form](report, text, app_url)
        text.detach()


_TEXTS: dict[Format, Callable[[Report, io.TextIOWrapper, str | None], None]] = {
    Format.JSON: lambda report, file, app_url: write_json(report, file, app_url=app_url),
    Format.MARKDOWN: lambda report, file, app_url: write_markdown(report, file, app_url=app_url),
}


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
