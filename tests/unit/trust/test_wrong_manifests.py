"""Whatever a manifest holds: its values exactly, or a fault that names the place; never anything else."""

from __future__ import annotations

import csv
from datetime import datetime, timezone
from decimal import Decimal
from io import BytesIO, StringIO
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from syncd.ingest.inbox.manifest import Manifest, parse_csv, parse_parquet
from syncd.model import LABEL, Kind
from syncd.model.snapshot import column
from trust import many, tried
from unit.inbox.binding import ATTRIBUTES, expected, found, values

NAMES = ["image", "label", "id", "x", "y", "w", "h", *ATTRIBUTES]
WORDS = [
    "",
    " ",
    "nan",
    "NaN",
    "inf",
    "-Infinity",
    "1e999",
    "-0",
    "9" * 30,
    "0x10",
    "1_000",
    "\x00",
    "\x1b[31m",
    "null",
]
WORDS += ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00", "2026-02-30", "2026-11-23T24:00:00Z", "true", "½"]
WORDS += ["'; DROP TABLE annotation; --", "=cmd()", "é", "e\u0301", "\u202eabc", "\ufeff", "{}", "[1]", str(2**63)]
ODD = st.sampled_from(WORDS)
CELLS = ODD | st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.integers().map(str)
CELLS |= st.floats().map(str) | st.datetimes().map(str) | st.dates().map(str)


def checked(manifest: Manifest) -> None:
    """Every fault says what was found and what was expected, in text that can be stored."""
    tried("cases")
    for each in found(manifest):
        assert each["fault"] and each["expected"]
        "".join(str(value) for value in each.values()).encode("utf-8")


@settings(max_examples=many(60, 4_000))
@given(content=st.binary(max_size=300))
def test_any_bytes_are_a_manifest_or_faults(content: bytes) -> None:
    checked(parse_csv(content))
    checked(parse_parquet(content))
    checked(parse_parquet(b"PAR1" + content + b"PAR1"))


@settings(max_examples=many(60, 4_000))
@given(rows=st.lists(st.fixed_dictionaries(dict.fromkeys(NAMES, CELLS)), min_size=1, max_size=4))
@example([dict.fromkeys(NAMES, "0001-01-01T00:00:00+05:00")])
@example([dict.fromkeys(NAMES, "9999-12-31T23:59:59-05:00")])
def test_any_cells_are_values_or_faults(rows: list[dict[str, str]]) -> None:
    stream = StringIO()
    writer = csv.DictWriter(stream, NAMES)
    writer.writeheader()
    writer.writerows(rows)
    checked(parse_csv(stream.getvalue().encode()))


def parquet(**columns: list[Any]) -> bytes:
    stream = BytesIO()
    pl.DataFrame({"image": ["a.png", "b.png"], "label": ["Copepoda", "Diatom"], **columns}).write_parquet(stream)
    return stream.getvalue()


NOON = datetime(2026, 11, 29, 12, tzinfo=timezone.utc)
PARQUET = parquet(count=[1, 2])
MANY_KINDS = parquet(
    depth=[0.5, None],
    sure=[True, False],
    taken=[NOON, None],
    day=[NOON.date(), None],
    price=[Decimal("1.25"), Decimal(2)],
    nothing=[None, None],
)


@settings(max_examples=many(60, 4_000))
@given(whole=st.sampled_from([PARQUET, MANY_KINDS]), at=st.integers(0), byte=st.integers(0, 255), cut=st.booleans())
@example(whole=PARQUET, at=52, byte=1, cut=False)
@example(whole=PARQUET, at=857, byte=128, cut=False)
@example(whole=MANY_KINDS, at=2352, byte=100, cut=False)
def test_a_damaged_parquet_file_is_read_or_named(whole: bytes, at: int, byte: int, cut: bool) -> None:
    at %= len(whole)
    checked(parse_parquet(whole[:at] if cut else whole[:at] + bytes([byte]) + whole[at + 1 :]))


def test_a_text_that_is_no_utf_8_is_named() -> None:
    damaged = PARQUET.replace(b"Copepoda", b"Cope\xffoda")
    assert damaged != PARQUET
    [fault] = found(parse_parquet(damaged))
    assert fault["fault"].startswith("the Parquet file cannot be read")


@pytest.mark.parametrize("kind", [pl.Date(), pl.Datetime("ms"), pl.Datetime("ms", "UTC")], ids=str)
def test_a_moment_that_no_calendar_has_is_named_by_its_number(kind: pl.DataType) -> None:
    most = 2**31 - 1 if kind == pl.Date else 2**62
    name = "day" if kind == pl.Date else "seen"
    stream = BytesIO()
    absurd = pl.Series([most, 0], dtype=pl.Int64).cast(pl.Int32 if kind == pl.Date else pl.Int64).cast(kind)
    pl.DataFrame({"image": "a.png", "label": "Copepoda", name: absurd}).write_parquet(stream)
    named = [each for each in found(parse_parquet(stream.getvalue())) if each["column"] == name]
    assert [(each["row"], each["value"]) for each in named] == [(1, str(most))]


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=12).filter(
    lambda text: text == text.strip()
)


@settings(max_examples=many(40, 2_000))
@given(texts=st.lists(TEXTS, min_size=1, max_size=4))
@example(["'; DROP TABLE annotation; --", "e\u0301", "é", "\u202eabc"])
@example(['"', '""', "a,b", "a;b"])
def test_ids_and_labels_go_through_character_for_character(texts: list[str]) -> None:
    stream = StringIO()
    csv.writer(stream).writerows([["image", "label", "id"], *[["a.png", each, each] for each in texts]])
    table = BytesIO()
    pl.DataFrame({"image": "a.png", "label": texts, "id": texts}).write_parquet(table)
    tried("cases", 2)
    for manifest in (parse_csv(stream.getvalue().encode()), parse_parquet(table.getvalue())):
        rows = values(manifest, expected(box=False, single=True, id_kind=Kind.TEXT)).rows
        assert rows[column(LABEL)].to_list() == texts
        assert rows["annotation_id"].to_list() == texts
