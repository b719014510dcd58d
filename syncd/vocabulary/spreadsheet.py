"""Reads terms from a file of columns with a header: commas, semicolons or tabs."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO

from syncd.config.nearest import did_you_mean
from syncd.vocabulary.terms import Entry

COLUMNS = {
    "name": ("name", "label", "term"),
    "parent": ("parent", "parent_name"),
    "rank": ("rank",),
    "code": ("code", "aphia_id"),
}
"""What a column may be called; of several in a file the first one counts. Other columns are left alone."""

DELIMITERS = (",", ";", "\t")


def read_spreadsheet(text: str, faults: list[str]) -> Iterator[Entry]:
    """The terms in order; what is wrong with the file goes to ``faults``."""
    top = text.partition("\n")[0].rstrip("\r")
    headers = {mark: next(csv.reader([top], delimiter=mark), []) for mark in DELIMITERS}
    # The delimiter that makes sense of the header.
    delimiter = next((mark for mark in DELIMITERS if _positions(headers[mark]).get("name") is not None), ",")
    where = _positions(headers[delimiter])
    if "name" not in where:
        yield from _no_names(headers[","], faults)
        return
    rows = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    last = 0
    try:
        for row in rows:
            first, last = last + 1, rows.line_num
            if first == 1 or not any(cell.strip() for cell in row):
                continue
            if len(row) > len(headers[delimiter]):
                found = f"{len(row)} columns, expected the {len(headers[delimiter])} of the header"
                faults.append(f"line {first}: found {found} (quotes around text with a {delimiter!r}?)")
                continue
            cells = {key: row[at] for key, at in where.items() if at < len(row)}
            parts = {key: cells.get(key) for key in ("parent", "rank", "code")}
            yield Entry(cells.get("name", ""), f"line {first}", **parts)
    except csv.Error as error:
        faults.append(f"line {rows.line_num}: found text that is not CSV ({error}), expected quotes in pairs")


def _positions(header: list[str]) -> dict[str, int]:
    names = [each.strip().lower() for each in header]
    found = {key: next((names.index(each) for each in known if each in names), None) for key, known in COLUMNS.items()}
    return {key: at for key, at in found.items() if at is not None}


def _no_names(header: list[str], faults: list[str]) -> Iterator[Entry]:
    known = COLUMNS["name"]
    hints = [f"{cell}: {hint}" for cell in header if (hint := did_you_mean(cell.strip().lower(), known))]
    hint = f" ({hints[0]})" if hints else ""
    there = ", ".join(map(repr, header)) or "none"
    faults.append(f"line 1: found the columns {there}, expected one called {', '.join(known)}{hint}")
    yield from ()
