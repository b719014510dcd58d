"""Raw columns of either system become canonical ones; what has no exact form is named and never taken for null."""

from __future__ import annotations

import json
import math
import unicodedata
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.model import Kind
from syncd.model.canonical import canonical, canonical_id, other_forms, respelt, with_problems
from syncd.model.kinds import dtype
from syncd.model.snapshot import TIMESTAMP_DTYPE

NOON = datetime(2024, 5, 4, 12, tzinfo=timezone.utc)
UUID = "0b7ee5c1-9e0e-4a6c-8d3e-2f1d9d0c0001"


def column(raw: Kind, kind: Kind, values: list[Any], raw_dtype: Any = None) -> list[Any]:
    frame = pl.DataFrame({"v": pl.Series(values, dtype=raw_dtype)})
    made = frame.select(canonical(raw, kind, pl.col("v"))).to_series()
    return made.cast(dtype(kind)).to_list()


@pytest.mark.parametrize(
    ("raw", "kind", "value", "expected"),
    [
        (Kind.TEXT, Kind.TEXT, " Copepod ", " Copepod "),
        (Kind.TEXT, Kind.TEXT, "", ""),
        (Kind.DATE, Kind.TEXT, date(1, 1, 1), "0001-01-01"),
        (Kind.TIMESTAMP, Kind.TEXT, NOON, "2024-05-04T12:00:00.000Z"),
        (Kind.INTEGER, Kind.INTEGER, -(2**63), -(2**63)),
        (Kind.FLOAT, Kind.INTEGER, 3.0, 3),
        (Kind.FLOAT, Kind.INTEGER, -0.0, 0),
        (Kind.FLOAT, Kind.INTEGER, 3.5, None),
        (Kind.FLOAT, Kind.INTEGER, 2.0**63, None),
        (Kind.FLOAT, Kind.INTEGER, math.inf, None),
        (Kind.TEXT, Kind.INTEGER, "-7", -7),
        (Kind.TEXT, Kind.INTEGER, "9223372036854775808", None),
        (Kind.TEXT, Kind.INTEGER, "7.0", None),
        (Kind.TEXT, Kind.INTEGER, "seven", None),
        (Kind.BOOLEAN, Kind.INTEGER, True, None),
        (Kind.INTEGER, Kind.FLOAT, 2**53, 2.0**53),
        (Kind.INTEGER, Kind.FLOAT, 2**53 + 1, None),
        (Kind.FLOAT, Kind.FLOAT, 1e-300, 1e-300),
        (Kind.FLOAT, Kind.FLOAT, math.inf, math.inf),
        (Kind.BOOLEAN, Kind.FLOAT, True, None),
        (Kind.TEXT, Kind.DECIMAL, "1.50", "1.5"),
        (Kind.TEXT, Kind.DECIMAL, "007.10", "7.1"),
        (Kind.TEXT, Kind.DECIMAL, "-00.50", "-0.5"),
        (Kind.TEXT, Kind.DECIMAL, "000", "0"),
        (Kind.TEXT, Kind.DECIMAL, "-0.00", "0"),
        (Kind.TEXT, Kind.DECIMAL, "+5", "5"),
        (Kind.TEXT, Kind.DECIMAL, "100", "100"),
        (Kind.TEXT, Kind.DECIMAL, "1e3", None),
        (Kind.TEXT, Kind.DECIMAL, "1_000", None),
        (Kind.TEXT, Kind.DECIMAL, "NaN", None),
        (Kind.INTEGER, Kind.DECIMAL, 10, "10"),
        (Kind.FLOAT, Kind.DECIMAL, 0.1, "0.1"),
        (Kind.FLOAT, Kind.DECIMAL, 1e16, "10000000000000000"),
        (Kind.FLOAT, Kind.DECIMAL, 1e-7, "0.0000001"),
        (Kind.FLOAT, Kind.DECIMAL, math.inf, None),
        (Kind.BOOLEAN, Kind.BOOLEAN, False, False),
        (Kind.INTEGER, Kind.BOOLEAN, 1, None),
        (Kind.TEXT, Kind.UUID, "{0B7EE5C1-9E0E-4A6C-8D3E-2F1D9D0C0001}", UUID),
        (Kind.TEXT, Kind.UUID, UUID.replace("-", ""), UUID),
        (Kind.TEXT, Kind.UUID, UUID + "0", None),
        (Kind.INTEGER, Kind.UUID, 5, None),
        (Kind.TEXT, Kind.DATE, "2024-02-29", date(2024, 2, 29)),
        (Kind.TEXT, Kind.DATE, "2023-02-29", None),
        (Kind.TEXT, Kind.DATE, "2024-1-5", None),
        (Kind.TEXT, Kind.DATE, "12024-01-05", None),
        (Kind.TIMESTAMP, Kind.DATE, datetime(2024, 5, 4, tzinfo=timezone.utc), date(2024, 5, 4)),
        (Kind.TIMESTAMP, Kind.DATE, NOON, None),
        (Kind.INTEGER, Kind.DATE, 20240101, None),
        (Kind.TEXT, Kind.TIMESTAMP, "2024-05-04T12:00:00.000Z", NOON),
        (Kind.TEXT, Kind.TIMESTAMP, "2024-05-04T12:00:00Z", NOON),
        (Kind.TEXT, Kind.TIMESTAMP, "yesterday", None),
        (Kind.DATE, Kind.TIMESTAMP, date(2024, 5, 4), datetime(2024, 5, 4, tzinfo=timezone.utc)),
        (Kind.BOX, Kind.BOX, [0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, 0.4]),
        (Kind.BOX, Kind.BOX, [0.1, 0.2, 0.3], None),
        (Kind.BOX, Kind.BOX, [0.1, 0.2, 0.3, 0.4, 0.5], None),
        (Kind.BOX, Kind.BOX, [0.1, None, 0.3, 0.4], None),
    ],
)
def test_each_kind_has_one_form(raw: Kind, kind: Kind, value: Any, expected: Any) -> None:
    assert column(raw, kind, [value]) == [expected]


@pytest.mark.parametrize("kind", list(Kind))
def test_missing_stays_missing(kind: Kind) -> None:
    assert column(kind, kind, [None], dtype(kind)) == [None]


@pytest.mark.parametrize("raw", [Kind.FLOAT])
@pytest.mark.parametrize("kind", [Kind.FLOAT, Kind.INTEGER, Kind.DECIMAL])
def test_not_a_number_is_no_number(raw: Kind, kind: Kind) -> None:
    assert column(raw, kind, [math.nan]) == [None]


def test_times_are_cut_to_the_millisecond_never_rounded_up() -> None:
    before_1970 = datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=timezone.utc)
    times = [NOON + timedelta(microseconds=999), before_1970]
    cut = column(Kind.TIMESTAMP, Kind.TIMESTAMP, times, pl.Datetime("us", "UTC"))
    assert cut == [NOON, before_1970.replace(microsecond=999000)]
    assert column(Kind.TEXT, Kind.TIMESTAMP, ["1969-12-31T23:59:59.999999Z"]) == [cut[1]]


@pytest.mark.parametrize("days", [-719163, 2932897, 2**31 - 1, -(2**31)])
def test_days_that_python_has_no_name_for_have_no_form(days: int) -> None:
    # PostgreSQL has them (4713 BC, 5874897 AD, infinity); neither FiftyOne nor JSON does.
    raw = pl.Series([days], dtype=pl.Int32).cast(pl.Date)
    for kind in (Kind.DATE, Kind.TIMESTAMP):
        assert column(Kind.DATE, kind, raw) == [None]  # type: ignore[arg-type]


@pytest.mark.parametrize("millis", [-62135596800001, 253402300800000, 2**63 - 1, -(2**63) + 1])
def test_times_that_python_has_no_name_for_have_no_form(millis: int) -> None:
    raw = pl.Series([millis], dtype=pl.Int64).cast(TIMESTAMP_DTYPE)
    for kind in (Kind.DATE, Kind.TIMESTAMP):
        assert column(Kind.TIMESTAMP, kind, raw) == [None]  # type: ignore[arg-type]


def test_a_date_that_is_stored_as_a_time_is_one_only_at_midnight() -> None:
    times = [datetime(2024, 5, 4), datetime(2024, 5, 4, 0, 0, 0, 1000), datetime(1969, 12, 31)]  # noqa: DTZ001
    expected = [date(2024, 5, 4), None, date(1969, 12, 31)]
    assert column(Kind.DATE, Kind.DATE, times, pl.Datetime("ms")) == expected


def test_the_first_and_the_last_day_of_the_calendar_are_kept() -> None:
    days = [date.min, date.max]
    assert column(Kind.DATE, Kind.DATE, days) == days
    times = [
        datetime(1, 1, 1, tzinfo=timezone.utc),
        datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=timezone.utc),
    ]
    assert column(Kind.TIMESTAMP, Kind.TIMESTAMP, times, TIMESTAMP_DTYPE) == times


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20))
def test_equal_decimals_have_equal_text(number: Decimal) -> None:
    spelt = format(number, "f")
    more = spelt + ("0" if "." in spelt else ".0")
    padded = "-00" + spelt[1:] if spelt.startswith("-") else "00" + spelt
    forms = column(Kind.TEXT, Kind.DECIMAL, [spelt, more, padded])
    assert len(set(forms)) == 1
    assert Decimal(forms[0]) == number
    assert "e" not in forms[0].lower()


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_as_a_decimal_reads_back_as_the_same_float(number: float) -> None:
    (text,) = column(Kind.FLOAT, Kind.DECIMAL, [number])
    assert float(text) == number
    assert column(Kind.TEXT, Kind.DECIMAL, [text]) == [text]


@given(st.integers(-(2**63), 2**63 - 1))
def test_an_integer_as_a_float_is_exact_or_nothing(number: int) -> None:
    (made,) = column(Kind.INTEGER, Kind.FLOAT, [number], pl.Int64)
    assert made == number if made is not None else int(float(number)) != number or abs(number) >= 2**63 - 1024


@given(st.uuids())
def test_a_uuid_has_one_spelling(value: Any) -> None:
    spellings = [str(value), str(value).upper(), value.hex, "{" + str(value) + "}"]
    assert column(Kind.TEXT, Kind.UUID, spellings) == [str(value)] * 4


def test_ids_are_text_and_uuids_in_one_spelling() -> None:
    frame = pl.DataFrame({"id": [UUID.upper(), "7", None]})
    assert frame.select(canonical_id(Kind.UUID, pl.col("id"))).to_series().to_list() == [UUID, "7", None]
    assert frame.select(canonical_id(Kind.TEXT, pl.col("id"))).to_series().to_list() == [UUID.upper(), "7", None]
    numbers = pl.DataFrame({"id": [7, None]})
    assert numbers.select(canonical_id(Kind.INTEGER, pl.col("id"))).to_series().to_list() == ["7", None]


TEXTS = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=8))
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=".$\0"), min_size=1, max_size=5)


ROWS = st.lists(st.tuples(st.one_of(st.none(), st.booleans()), TEXTS), min_size=4, max_size=4)


@given(st.dictionaries(NAMES, ROWS, max_size=3))
def test_problems_name_in_each_row_what_is_broken_with_its_raw_value(
    found: dict[str, list[tuple[bool | None, str | None]]],
) -> None:
    columns: dict[str, pl.Series] = {"row": pl.Series(range(4))}
    for name, rows in found.items():
        columns[f"broken {name}"] = pl.Series([each[0] for each in rows], dtype=pl.Boolean)
        columns[f"raw {name}"] = pl.Series([each[1] for each in rows], dtype=pl.String)
    frame = pl.DataFrame(columns)
    made = {name: (pl.col(f"broken {name}"), pl.col(f"raw {name}")) for name in found}
    texts = with_problems(frame, made)["problems"].to_list()
    for at, text in enumerate(texts):
        expected = {name: "null" if rows[at][1] is None else rows[at][1] for name, rows in found.items() if rows[at][0]}
        assert (json.loads(text) if text is not None else {}) == expected


def test_a_name_is_found_in_the_other_unicode_form_and_where_it_is_as_it_was_asked_for_only_there() -> None:
    composed, decomposed = (unicodedata.normalize(form, "é.png") for form in ("NFC", "NFD"))
    assert respelt([decomposed, "b.png"], [composed, "b.png"]) == {decomposed: composed}
    assert respelt([composed], [decomposed]) == {composed: decomposed}
    assert respelt([composed, decomposed], [composed]) == {}
    assert respelt(["a.png"], ["b.png"]) == {}
    assert other_forms(composed) == (decomposed,)
    assert other_forms("plain.png") == ()
