"""A baseline row as the JSON that is stored, and back: every value comes back as it was, agreed or not."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta, timezone
from typing import Any

import polars as pl
from hypothesis import example, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from syncd.model import Direction, Field, Holds, Kind, LabelType, Mapping
from syncd.model.snapshot import baseline_schema
from syncd.store.baseline import decode, encode

NAMES = {
    "label": Kind.TEXT,
    "box": Kind.BOX,
    "größe": Kind.FLOAT,
    "count": Kind.INTEGER,
    "depth": Kind.DECIMAL,
    "ok": Kind.BOOLEAN,
    "day": Kind.DATE,
    "when": Kind.TIMESTAMP,
    "ref": Kind.UUID,
}
MAPPING = Mapping(
    "b",
    tuple(Field(name, kind, Direction.BOTH, Holds(kind), Holds(kind)) for name, kind in NAMES.items()),
    LabelType.DETECTIONS,
)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(  # noqa: DTZ001 - given its zone below
    lambda each: each.replace(microsecond=each.microsecond // 1000 * 1000, tzinfo=timezone.utc)
)
VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.TEXT: st.text(st.characters(exclude_categories=["Cs"])),
    Kind.BOX: st.lists(FINITE, min_size=4, max_size=4),
    Kind.FLOAT: FINITE,
    Kind.INTEGER: st.integers(-(2**63), 2**63 - 1),
    Kind.DECIMAL: st.decimals(allow_nan=False, allow_infinity=False).map(lambda each: format(each, "f")),
    Kind.BOOLEAN: st.booleans(),
    Kind.DATE: st.dates(date(1, 1, 1), date(9999, 12, 31)),
    Kind.TIMESTAMP: MOMENTS,
    Kind.UUID: st.uuids().map(str),
}
ROWS = st.fixed_dictionaries(
    {"annotation_id": st.text(min_size=1), "label_id": st.none() | st.text(), "sample_id": st.none() | st.text()}
    | {f"value.{name}": st.none() | VALUES[kind] for name, kind in NAMES.items()}
    | {f"known.{name}": st.booleans() for name in NAMES}
)


def frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=baseline_schema(MAPPING), orient="row")


def as_stored(rows: pl.DataFrame) -> pl.DataFrame:
    """What was never agreed has no value."""
    return rows.with_columns(
        pl.when(pl.col(f"known.{name}")).then(pl.col(f"value.{name}")).alias(f"value.{name}") for name in NAMES
    )


def row(**values: Any) -> dict[str, Any]:
    """A row in which everything that is not given was agreed to be missing."""
    return (
        {"annotation_id": "a", "label_id": "l", "sample_id": "s"}
        | {f"value.{name}": values.get(name) for name in NAMES}
        | {f"known.{name}": True for name in NAMES}
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(ROWS, max_size=5))
@example([row(label='","box":1,"')])
@example([row(label='\\"ok":', box=[0.1, 1 / 3, 1e-300, -0.0])])
@example([row(label="{}", count=-(2**63), when=datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=timezone.utc))])
@example([row(day=date(1, 1, 1), when=datetime(2024, 2, 29, tzinfo=timezone.utc) + timedelta(milliseconds=7))])
def test_what_is_stored_comes_back(rows: list[dict[str, Any]]) -> None:
    given_rows = frame(rows)
    stored = encode(given_rows, MAPPING)
    assert_frame_equal(decode(stored, MAPPING), as_stored(given_rows))


@settings(max_examples=40, deadline=None)
@given(ROWS)
def test_what_is_stored_is_json_of_the_agreed_fields_alone(values: dict[str, Any]) -> None:
    (text,) = encode(frame([values]), MAPPING)["fields"]
    assert set(json.loads(text)) == {name for name in NAMES if values[f"known.{name}"]}


def test_a_number_that_is_not_finite_is_stored_as_missing() -> None:
    """JSON has none; such a value is refused where it would be written (``unsafe_value``)."""
    stored = encode(frame([row(größe=float("inf"), box=[0.0, float("-inf"), 1.0, 1.0])]), MAPPING)
    assert json.loads(stored["fields"][0])["größe"] is None
    assert decode(stored, MAPPING)["known.größe"].to_list() == [True]
