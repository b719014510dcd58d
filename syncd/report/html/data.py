"""The list of changes as compact columns of JSON, for the table in the page. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from syncd.printable import visible

LONGEST = 160
"""Characters of a value that are shown; the log has all of it."""

PLAIN = ("run_id", "binding", "annotation_id", "sample_id", "direction", "action", "field", "reason", "actor", "status")
"""Columns that go into the page as they are logged."""

Column = dict[str, Any]


def columns(changes: pl.DataFrame, places: Mapping[tuple[str, str], int]) -> dict[str, Any]:
    """The changes, newest first: numbers as differences, texts as codes into the list of their different values.

    ``places`` says which picture an annotation (binding, annotation id) has. Times are milliseconds since 1970.
    """
    newest = changes.sort("seq", descending=True)
    times = newest["applied_at"].dt.epoch("ms")
    found: dict[str, Column] = {"seq": _differences(newest["seq"]), "time": _differences(times)}
    found |= {name: _coded(newest[name]) for name in PLAIN}
    for side in ("old", "new"):
        found[side] = _coded(shown(newest, side))
    keys = zip(newest["binding"].to_list(), newest["annotation_id"].to_list(), strict=True)
    pictures = [places.get(key, -1) for key in keys] if places else []
    return {"count": newest.height, "columns": found, "pictures": pictures}


def shown(changes: pl.DataFrame, side: str) -> pl.Series:
    """What a reader is shown of ``old`` or ``new``: the label where there is one, else the value in few words."""
    different = changes[side].drop_nulls().unique()
    words = pl.DataFrame({side: different, "words": [_words(each) for each in different]}, schema_overrides=_TEXTS)
    joined = changes.select(side, f"{side}_label").join(words, on=side, how="left", maintain_order="left")
    return joined.select(pl.coalesce(pl.col(f"{side}_label").str.slice(0, LONGEST), "words"))[f"{side}_label"]


_TEXTS = {"words": pl.String, "old": pl.String, "new": pl.String}


def _words(text: str) -> str | None:
    value = json.loads(text)
    if value is None:
        return None
    if isinstance(value, str):
        return value[:LONGEST]
    if isinstance(value, list) and value and all(isinstance(each, (int, float)) for each in value):
        return " ".join(f"{each:.4g}" for each in value)[:LONGEST]
    return json.dumps(value, ensure_ascii=False)[:LONGEST]


def _differences(numbers: pl.Series) -> Column:
    """Each number less the one before it, ``null`` left out of the sum."""
    before = numbers.forward_fill().shift(1).fill_null(0)
    return {"differences": (numbers - before).to_list()}


def _coded(texts: pl.Series) -> Column:
    """The different values as a reader is shown them, the most frequent first, and which each row has; -1: none."""
    name = texts.name
    counted = texts.drop_nulls().value_counts(name="n").sort("n", name, descending=[True, False])
    codes = counted.select(pl.col(name), code=pl.int_range(pl.len(), dtype=pl.Int32))
    joined = texts.to_frame().join(codes, on=name, how="left", maintain_order="left")
    return {"values": list(map(visible, counted[name])), "codes": joined["code"].fill_null(-1).to_list()}


def script_json(value: object) -> str:
    """JSON that cannot end or disturb the script element that it stands in, whatever texts are in it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in ("<", ">", "&", "\u2028", "\u2029"):
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def ordered(labels: Sequence[str], order: Sequence[str]) -> list[str]:
    """The labels in the order given; those that it does not name come behind, as they came."""
    place = {label: position for position, label in enumerate(order)}
    return sorted(dict.fromkeys(labels), key=lambda label: place.get(label, len(place)))
