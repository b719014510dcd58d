"""A model's scores by the attributes of its annotations."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import polars as pl
import pytest

from syncd.report.models import PREDICTED, Model, model
from syncd.report.scenarios import binned
from unit.report.logs import log, moved


def compared(attributes: dict[str, list[object]], *rows: dict[str, object]) -> Model:
    """Four annotations, two of them predicted right, with these attributes."""
    base = [("a", "x", "x"), ("b", "y", "x"), ("c", "x", "x"), ("d", "y", "x")]
    frame = pl.DataFrame(base, schema=PREDICTED, orient="row").with_columns(
        pl.Series(name, values) for name, values in attributes.items()
    )
    return model("b", "pred", frame, log(*rows))


def test_scores_are_told_apart_by_each_attribute_before_and_after_the_corrections() -> None:
    found = compared({"station": ["S1", "S1", "S2", "S2"]}, moved(1, "a", "y", "x"))
    by = {each.value: (each.accuracy_before, each.accuracy_after, each.annotations) for each in found.scenarios}
    assert by == {"S1": (0.0, 0.5, 2), "S2": (0.5, 0.5, 2)}
    (first, _) = found.scenarios
    assert (first.attribute, first.scores_after.recall) == ("station", 0.5)


def test_an_attribute_with_one_value_tells_nothing() -> None:
    assert compared({"station": ["S1"] * 4}).scenarios == ()
    assert compared({"station": pl.Series([None] * 4, dtype=pl.String).to_list()}).scenarios == ()


def test_annotations_without_a_value_are_a_scenario_of_their_own_at_the_end() -> None:
    found = compared({"verified": [True, None, False, None]})
    assert [(each.value, each.annotations) for each in found.scenarios] == [("false", 1), ("true", 1), ("(none)", 2)]


def test_many_numbers_are_put_into_bins_of_about_as_many() -> None:
    order, bins = binned(pl.Series("depth", [float(each) for each in range(100)]))
    assert order == ["up to 25", "25 to 50", "50 to 74", "over 74"]
    assert bins.value_counts()["count"].min() >= 23
    assert set(bins) == set(order)


def test_bins_that_would_be_the_same_are_one() -> None:
    order, bins = binned(pl.Series("depth", [0.0] * 80 + [float(each) for each in range(20)]))
    assert len(order) == len(set(order)) == len(set(bins))
    same = binned(pl.Series("depth", [float(each) for each in range(10)] + [9.0] * 90))
    assert set(same[1]) <= set(same[0])


def test_few_numbers_stand_for_themselves_in_their_order() -> None:
    order, _ = binned(pl.Series("net", [10, 2, 2, 10, None]))
    assert order == ["2", "10", "(none)"]


def test_rare_texts_are_the_rest() -> None:
    order, bins = binned(pl.Series("station", [f"S{each:02}" for each in range(20) for _ in range(20 - each)]))
    assert order == [*(f"S{each:02}" for each in range(8)), "(others)"]
    assert (bins == "(others)").sum() == sum(20 - each for each in range(8, 20))


@pytest.mark.parametrize(
    ("step", "first"),
    [(timedelta(days=400), "2026"), (timedelta(days=20), "2026-01"), (timedelta(days=2), "2026-01-01")],
)
def test_times_are_put_together_by_what_they_span(step: timedelta, first: str) -> None:
    order, _ = binned(pl.Series("at", [datetime(2026, 1, 1, tzinfo=timezone.utc) + step * each for each in range(4)]))
    assert order[0] == first
    assert order == sorted(order)


def test_dates_and_empty_columns_are_no_fault() -> None:
    assert binned(pl.Series("day", [date(2026, 1, 1), None]))[0] == ["2026-01-01", "(none)"]
    for kind in (pl.String, pl.Float64, pl.Datetime("us"), pl.List(pl.Int64)):
        assert binned(pl.Series("nothing", [None, None], dtype=kind))[0] == []
