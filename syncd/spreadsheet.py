"""Tables that a person opens in a spreadsheet, where a cell may be taken for a formula and be run."""

from __future__ import annotations

import polars as pl

MARK = "'"
"""What is put before such a cell: spreadsheets take it for the sign that text follows."""

_NUMBER = r"^[+-]?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]+)?$"
_FORMULA = r"^[\s\p{C}]*[=+\-@＝＋－＠]|^[\t\r\n]"
_SPLIT = r"([;\t\r\n][\s\p{C}]*)([=+\-@＝＋－＠])"
"""A spreadsheet that separates by semicolons or tabs begins a cell there, whatever quotes say."""


def without_formulas(table: pl.DataFrame) -> pl.DataFrame:
    """The table with no text in it that a spreadsheet would take for a formula; numbers stay numbers.

    ``=HYPERLINK(…)`` becomes ``'=HYPERLINK(…)``: it is shown as it is written, and is not exact any more.
    """
    text = pl.col(pl.String)
    marked = text.str.replace_all(_SPLIT, f"${{1}}{MARK}${{2}}")
    begins = pl.when(marked.str.contains(_FORMULA)).then(pl.lit(MARK) + marked).otherwise(marked)
    return table.with_columns(pl.when(text.str.contains(_NUMBER)).then(text).otherwise(begins).name.keep())
