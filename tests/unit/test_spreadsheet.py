"""No cell of a table made for spreadsheets is a formula there; whatever else it holds stays as it is."""

from __future__ import annotations

import csv
import io

import polars as pl
import pytest

from syncd.ingest.inbox.faults import FAULTS, report_files
from syncd.report.formats import Format, write
from syncd.spreadsheet import without_formulas
from unit.report.logs import change, report


def made(text: str | None) -> str | None:
    table = without_formulas(pl.DataFrame({"n": [1], "text": [text]}, schema={"n": pl.Int64, "text": pl.String}))
    assert table["n"].to_list() == [1]
    found: str | None = table["text"][0]
    return found


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1+1", "\u200b=1", "\n=1", "=", "-"],
)
def test_a_formula_becomes_text(text: str) -> None:
    found = made(text)
    assert found is not None
    assert found.startswith("'")
    assert found.replace("'", "").strip() == text.replace("'", "").strip()


def test_a_formula_behind_the_separator_of_another_country_does_too() -> None:
    assert made("a;=1+1") == "a;'=1+1"
    assert made("a\t =1+1") == "a\t '=1+1"


@pytest.mark.parametrize("text", ["Copepoda", "-1.5", "+3", "-2e-05", "[-0.1,0.2]", '"=1"', "a=b", "", None, "a@b"])
def test_whatever_is_no_formula_stays_as_it_is(text: str | None) -> None:
    assert made(text) == text


@pytest.mark.parametrize("safe", [True, False])
def test_a_report_is_exact_unless_it_is_for_spreadsheets(safe: bool) -> None:
    file = io.BytesIO()
    write(report(change(actor="=1+1", annotation_id="@x")), Format.CSV, file, safe_for_spreadsheets=safe)
    (row,) = csv.DictReader(io.StringIO(file.getvalue().decode()))
    assert (row["actor"], row["annotation_id"]) == (("'=1+1", "'@x") if safe else ("=1+1", "@x"))


@pytest.mark.parametrize("safe", [True, False])
def test_so_are_the_faults_of_a_manifest(safe: bool) -> None:
    faults = pl.DataFrame([(1, 2, "label", "=1+1", "no term", "a term")], schema=FAULTS, orient="row")
    (_, text), _ = report_files("a.csv", "a.csv", "b", faults, safe_for_spreadsheets=safe)
    (row,) = csv.DictReader(io.StringIO(text))
    assert row["value"] == ("'=1+1" if safe else "=1+1")
