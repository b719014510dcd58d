"""What goes to PostgreSQL as an array arrives there as it was."""

from __future__ import annotations

from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

import hypothesis.strategies as st
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings

from syncd.adapters.sql.arrays import any_of, array, array_literal

SENDABLE = st.characters(exclude_characters="\x00", exclude_categories=["Cs"])
TEXTS = st.lists(
    st.one_of(
        st.text(SENDABLE),
        st.sampled_from(["", "NULL", "null", "{}", ",", '"', "\\", "'", "a b ", "%s", ":x", "\n", '\\"', "{a,b}"]),
    )
)


@pytest.fixture(scope="module")
def connection(postgres_url: str) -> Any:
    """A connection that nobody else uses."""
    engine = sa.create_engine(postgres_url, poolclass=sa.NullPool)
    with engine.connect() as found:
        yield found


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(texts=TEXTS)
def test_texts_arrive_in_order_and_to_the_letter(connection: sa.Connection, texts: list[str]) -> None:
    rows = connection.exec_driver_sql("SELECT unnest(%s::text[])", (array(texts),))
    assert [row[0] for row in rows] == texts
    plain = connection.execution_options(no_parameters=True)
    assert [row[0] for row in plain.exec_driver_sql(f"SELECT unnest({array_literal(texts)}::text[])")] == texts
    for each in texts[:3]:
        assert connection.execute(sa.select(sa.literal(each) == any_of(texts))).scalar_one()


@pytest.mark.parametrize(
    ("type_", "values"),
    [
        ("float8", [0.1, 1e300, 5e-324, -0.0, float("inf"), None, 1e16]),
        ("int8", [-(2**63), 2**63 - 1, 0, None]),
        ("numeric", [Decimal("24.50"), Decimal("1E+3"), None, Decimal("-0.001")]),
        ("bool", [True, False, None]),
        ("text", ["NULL", None, "null"]),
        ("date", [date(1, 1, 1), date(9999, 12, 31), None]),
        ("timestamp", [datetime(1999, 12, 31, 23, 59, 59, 999000), None]),  # noqa: DTZ001
        ("timestamptz", [datetime(2026, 3, 1, 12, 0, 0, 123000, tzinfo=timezone.utc), None]),
    ],
)
def test_values_of_each_kind_arrive_exactly(connection: sa.Connection, type_: str, values: list[object]) -> None:
    rows = connection.exec_driver_sql(f"SELECT unnest(%s::{type_}[])", (array(values),))
    assert [row[0] for row in rows] == values
