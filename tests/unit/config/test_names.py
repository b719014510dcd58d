"""Table names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.config import TableName, parse_table_name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("annotation", TableName(None, "annotation")),
        ("public.Annotation", TableName("public", "Annotation")),
        ('"my schema"."a.b"', TableName("my schema", "a.b")),
        ('public."a""b"', TableName("public", 'a"b')),
        ("größe.ümlaut$1", TableName("größe", "ümlaut$1")),
        ('"Select"', TableName(None, "Select")),
    ],
)
def test_a_table_name_is_taken_apart(text: str, expected: TableName) -> None:
    assert parse_table_name(text) == expected


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a.b.c", "a b", "1a", 'a"b', '""', "a;b", "a--", "a\n", '"a\0"'])
def test_what_is_no_table_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"schema\.table"):
        parse_table_name(text)


_PART = st.text(min_size=1).filter(lambda text: "\0" not in text)


@given(schema=st.none() | _PART, name=_PART)
def test_a_written_table_name_is_read_as_the_same(schema: str | None, name: str) -> None:
    table = TableName(schema, name)
    assert parse_table_name(str(table)) == table
