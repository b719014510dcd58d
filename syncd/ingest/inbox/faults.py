"""The faults of a manifest, as columns with one row per fault, and the report that goes with a rejected manifest."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from syncd.errors import SyncdError
from syncd.printable import printable
from syncd.spreadsheet import without_formulas

FAULTS: dict[str, pl.DataType] = {
    "row": pl.Int64(),
    "line": pl.Int64(),
    "column": pl.String(),
    "value": pl.String(),
    "fault": pl.String(),
    "expected": pl.String(),
}
"""``row`` counts data rows from 1, ``line`` lines of a CSV file; both are null for a fault of the whole manifest."""

SHOWN = 200
"""Characters of a value that a fault shows."""


def no_faults() -> pl.DataFrame:
    """A frame of faults without rows."""
    return pl.DataFrame(schema=FAULTS)


def faults(
    rows: pl.DataFrame, column: str | None, value: pl.Expr | None, fault: str | pl.Expr, expected: str | pl.Expr
) -> pl.DataFrame:
    """A fault for each of the rows (``row``, ``line``)."""
    shown = pl.lit(None) if value is None else value.cast(pl.String).str.slice(0, SHOWN)
    return rows.select(
        "row",
        "line",
        pl.lit(column, pl.String).alias("column"),
        shown.cast(pl.String).alias("value"),
        (pl.lit(fault) if isinstance(fault, str) else fault).cast(pl.String).alias("fault"),
        (pl.lit(expected) if isinstance(expected, str) else expected).cast(pl.String).alias("expected"),
    )


def of_the_whole(fault: str, expected: str, *, column: str | None = None, line: int | None = None) -> pl.DataFrame:
    """A fault of the manifest itself, or of one of its columns."""
    return pl.DataFrame([(None, line, column, None, fault, expected)], schema=FAULTS, orient="row")


def together(found: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """All faults, in the order of the manifest; those of the whole come first."""
    some = [each for each in found if each.height]
    if not some:
        return no_faults()
    return pl.concat(some).sort("row", "column", nulls_last=False, maintain_order=True)


MOST = 100
"""Faults that the report itself shows; ``faults.csv`` has all of them."""


REPORT, FAULTS_FILE, OTHER_NAME = "report.md", "faults.csv", "faults-found.csv"


def report_files(
    manifest: str, name: str, binding: str, faults: pl.DataFrame, *, safe_for_spreadsheets: bool = False
) -> list[tuple[str, str]]:
    """(file name, text) of the report and of the table of faults; ``manifest`` is the name of its file."""
    table = OTHER_NAME if manifest == FAULTS_FILE else FAULTS_FILE
    listed = without_formulas(faults) if safe_for_spreadsheets else faults
    return [(table, listed.write_csv()), (REPORT, report_text(name, binding, faults))]


def report_text(name: str, binding: str, faults: pl.DataFrame) -> str:
    """The report in Markdown."""
    rows = faults["row"].drop_nulls().n_unique()
    whole = faults["row"].null_count()
    found = "faults" if faults.height != 1 else "fault"
    about = [f"{rows:,} rows" if rows != 1 else "1 row"] if rows else []
    about += ["the manifest as a whole"] if whole else []
    lines = [
        f"# {printable(name)} was rejected",
        "",
        f"Binding `{binding}`. Nothing of it was loaded: neither rows nor images.",
        f"{faults.height:,} {found}, in {' and '.join(about)}. `faults.csv` lists all of them.",
        "",
        "Mend the manifest, then put it back into the inbox with its images.",
        "",
        "| row | line | column | value | fault | expected |",
        "|---|---|---|---|---|---|",
    ]
    lines += [f"| {' | '.join(map(_cell, row))} |" for row in faults.head(MOST).iter_rows()]
    if faults.height > MOST:
        lines += ["", f"… and {faults.height - MOST:,} more."]
    return "\n".join(lines) + "\n"


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = printable(" ".join(str(value).split()))
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("`", "\\`").replace("<", "&lt;")


class InboxError(SyncdError):
    """The inbox, or the place of the media, is not usable."""
