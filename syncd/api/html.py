"""Small tables for a notebook. Whatever labels and people contain stays text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from typing import Any

from syncd.printable import visible

LONGEST = 60

MOST = 200
"""Rows that a notebook shows; the rest is counted."""


def shown(value: Any) -> str:
    """A value as plain text: words without quotes, numbers without noise, nothing as ∅.

    A whole annotation is shown by its label.
    """
    # The command line shows values of commands that need no data frame: they do not wait for one.
    from syncd.model.kinds import to_json

    plain = to_json(value)
    if plain is None:
        return "∅"
    if isinstance(plain, str):
        text = visible(plain)
    elif isinstance(plain, float):
        text = f"{plain:.6g}"
    elif isinstance(plain, list):
        text = "[" + ", ".join(f"{part:.4g}" if isinstance(part, float) else str(part) for part in plain) + "]"
    elif isinstance(plain, dict):
        text = shown(plain.get("label")) if plain.get("label") is not None else "(no label)"
    else:
        text = json.dumps(plain)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], caption: str) -> str:
    """An HTML table of these values, escaped."""
    head = "".join(f"<th>{escape(each)}</th>" for each in columns)
    body = "".join("<tr>" + "".join(f"<td>{_cell(each)}</td>" for each in row) + "</tr>" for row in rows)
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def paragraph(text: str) -> str:
    """A line of text, escaped."""
    return f"<p>{escape(text)}</p>"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        from syncd.model.kinds import iso

        return escape(iso(value)[:19].replace("T", " "))
    return escape(shown(value))
