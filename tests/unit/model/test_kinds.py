"""Canonical values and their forms in JSON: one text for equal values, and back again without loss."""

from __future__ import annotations

import json
import math
from datetime import date, datetime, timedelta, timezone
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.model import Kind, dtype, dumps, to_json
from syncd.model.kinds import from_json, from_wire, to_wire, wire_dtype

TIMES = st.datetimes(timezones=st.just(timezone.utc)).map(
    lambda each: each.replace(microsecond=each.microsecond // 1000 * 1000)
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.TEXT: TEXT,
    Kind.INTEGER: st.integers(-(2**63), 2**63 - 1),
    Kind.FLOAT: FINITE,
    Kind.DECIMAL: st.sampled_from(["0", "-1.5", "123456789012345678901234567890.125"]),
    Kind.BOOLEAN: st.booleans(),
    Kind.DATE: st.dates(),
    Kind.TIMESTAMP: TIMES,
    Kind.UUID: st.uuids().map(str),
    Kind.BOX: st.lists(FINITE, min_size=4, max_size=4),
}


@pytest.mark.parametrize("kind", list(Kind))
@given(st.data())
def test_a_value_comes_back_from_json(kind: Kind, data: Any) -> None:
    value = data.draw(st.one_of(st.none(), VALUES[kind]))
    assert from_json(kind, json.loads(dumps(value))) == value


@pytest.mark.parametrize("kind", list(Kind))
@given(st.data())
def test_a_column_comes_back_from_its_wire_form(kind: Kind, data: Any) -> None:
    values = data.draw(st.lists(st.one_of(st.none(), VALUES[kind]), min_size=1, max_size=5))
    frame = pl.DataFrame({"v": pl.Series(values, dtype=dtype(kind))})
    there = frame.select(to_wire(kind, pl.col("v")))
    assert there.schema["v"] == wire_dtype(kind)
    assert there.select(from_wire(kind, pl.col("v")))["v"].to_list() == values


@pytest.mark.parametrize("kind", [Kind.DATE, Kind.TIMESTAMP])
@given(st.data())
def test_columns_and_single_values_have_the_same_text(kind: Kind, data: Any) -> None:
    value = data.draw(VALUES[kind])
    column = pl.DataFrame({"v": pl.Series([value], dtype=dtype(kind))}).select(to_wire(kind, pl.col("v")))
    assert column["v"].item() == to_json(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (date(1, 2, 3), '"0001-02-03"'),
        (datetime(1, 2, 3, tzinfo=timezone.utc), '"0001-02-03T00:00:00.000Z"'),
        (datetime(2024, 5, 4, 12, 0, 0, 1999, tzinfo=timezone.utc), '"2024-05-04T12:00:00.001Z"'),
        (datetime(2024, 5, 4, 12, tzinfo=timezone(timedelta(hours=2))), '"2024-05-04T10:00:00.000Z"'),
        ([1, 0.5, 0, 1], "[1.0,0.5,0.0,1.0]"),
        ({"b": None, "a": "ü"}, '{"a":"ü","b":null}'),
    ],
)
def test_equal_values_have_equal_text(value: Any, text: str) -> None:
    assert dumps(value) == text


@pytest.mark.parametrize("value", [math.inf, math.nan, [0.0, math.inf, 1.0, 1.0], {"a": math.nan}])
def test_what_json_has_no_form_for_is_never_written_as_if_it_had(value: Any) -> None:
    with pytest.raises(ValueError, match="Out of range float"):
        dumps(value)


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_has_a_column_type(kind: Kind) -> None:
    assert pl.Series([None], dtype=dtype(kind)).null_count() == 1
