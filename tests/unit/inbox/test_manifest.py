"""How manifests are read: cells, rows and lines, in CSV and in Parquet."""

from __future__ import annotations

from datetime import date, datetime, timezone
from decimal import Decimal
from io import BytesIO
from typing import Any

import polars as pl
import pytest

from syncd.ingest.inbox.manifest import Manifest, parse_csv, parse_parquet
from syncd.model import BOX, LABEL
from syncd.model.snapshot import column
from unit.inbox.binding import expected, found, places, values


def csv(text: str) -> Manifest:
    return parse_csv(text.encode())


def parquet(**columns: Any) -> Manifest:
    stream = BytesIO()
    pl.DataFrame(columns).write_parquet(stream)
    return parse_parquet(stream.getvalue())


def labels(manifest: Manifest) -> list[tuple[Any, ...]]:
    rows = values(manifest).rows
    return rows.select("row", "line", "image", column(LABEL)).rows()


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_separators_line_endings_and_a_byte_order_mark_make_no_difference(
    separator: str, ending: str, mark: str
) -> None:
    lines = [("image", "label"), ("bilder/ä ö.png", "Möwe"), ("b.png", "Diatom")]
    text = mark + "".join(separator.join(each) + ending for each in lines)
    assert labels(csv(text)) == [(1, 2, "bilder/ä ö.png", "Möwe"), (2, 3, "b.png", "Diatom")]


def test_rows_and_lines_are_counted_past_blank_lines_and_cells_with_line_breaks() -> None:
    text = 'image,label,note\na.png,Copepoda,"two\nlines"\n\n , ,\nb.png,Diatom,\n'
    assert labels(csv(text)) == [(1, 2, "a.png", "Copepoda"), (2, 6, "b.png", "Diatom")]


def test_quotes_keep_separators_and_spaces_around_cells_are_left_out() -> None:
    assert labels(csv('image , label\n"a, b.png", Copepoda \n')) == [(1, 2, "a, b.png", "Copepoda")]


def test_a_row_with_too_few_or_too_many_cells_is_named_and_the_others_are_still_judged() -> None:
    faults = found(csv("image,label\na.png\nb.png,Diatom,more\nc.png,\n"))
    assert [(each["row"], each["line"], each["column"]) for each in faults] == [
        (1, 2, None),
        (2, 3, None),
        (3, 4, "label"),
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b"\xff\xfei\x00m\x00", "not UTF-8"),
        (b'image,label\n"a,b\n', "not CSV"),
        (b"image,image,label\na,b,c\n", "2 times"),
        (b"image,,label\na,b,c\n", "no name"),
        (b"image,label\n", "no rows"),
    ],
)
def test_what_is_no_table_is_said_in_one_sentence(content: bytes, said: str) -> None:
    faults = found(parse_csv(content))
    assert said in str(faults[0]["fault"])


def test_parquet_brings_its_own_types() -> None:
    manifest = parquet(
        image=["a.png"],
        label=pl.Series(["Copepoda"], dtype=pl.Categorical),
        id=[17],
        x=[0.25],
        y=[0],
        w=pl.Series([0.5], dtype=pl.Float32),
        h=[0.5],
        depth=[Decimal("1.50")],
        count=pl.Series([3], dtype=pl.UInt64),
        score=[float("nan")],
        verified=[True],
        day=[date(2026, 11, 23)],
        seen=[datetime(2026, 11, 23, 9, 30)],  # noqa: DTZ001  # a time without a zone is meant
        note=[None],
    )
    assert found(manifest) == []
    [row] = values(manifest).rows.to_dicts()
    assert (row["row"], row["line"], row["annotation_id"]) == (1, None, "17")
    assert row[column(BOX)] == [0.25, 0.0, 0.5, 0.5]
    named = {name: row[column(name)] for name in ("depth", "count", "score", "verified", "day", "note")}
    assert named == {
        "depth": "1.5",
        "count": 3,
        "score": None,
        "verified": True,
        "day": date(2026, 11, 23),
        "note": None,
    }
    assert row[column("seen")] == datetime(2026, 11, 23, 9, 30, tzinfo=timezone.utc)


def test_a_parquet_column_of_lists_and_one_of_the_wrong_type_are_faults() -> None:
    manifest = parquet(image=["a.png"], label=["Copepoda"], note=[[1, 2]], verified=[0.5], id=[1.0])
    assert places(found(manifest)) == [(None, "note"), (1, "id"), (1, "verified")]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1 something else", b"PAR1 something PAR1"])
def test_a_parquet_file_that_is_not_whole_is_said_to_be_so(content: bytes) -> None:
    [fault] = found(parse_parquet(content))
    assert fault["row"] is None
    assert "Parquet" in str(fault["fault"])


def test_both_forms_of_the_same_manifest_have_the_same_values() -> None:
    text = csv("image,label,x,y,w,h,depth,verified\na.png,Copepoda,0,0.5,1,0.25,2.50,yes\n")
    table = parquet(
        image=["a.png"], label=["Copepoda"], x=[0], y=[0.5], w=[1.0], h=[0.25], depth=[2.5], verified=[True]
    )
    assert values(text, expected()).rows.drop("line").equals(values(table, expected()).rows.drop("line"))
