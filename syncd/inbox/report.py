"""Why a manifest was rejected: for people, and as a table."""

from __future__ import annotations

import polars as pl

from syncd.printable import printable
from syncd.spreadsheet import without_formulas

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
