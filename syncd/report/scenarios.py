"""Where a model is right and where it is not: its scores by station, depth, time, or any other attribute. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import polars as pl

from syncd.ingest.evaluation import Evaluation, Scores

FEW = 8
"""Values up to which each is a scenario of its own; more numbers are put into bins, more texts under the rest."""

BINS = 4
"""Bins of about as many annotations each."""

REST, NONE = "(others)", "(none)"

SPANS = ((730, "%Y"), (60, "%Y-%m"), (2, "%Y-%m-%d"))
"""Days that the times span at least, and how they are then put together; by the hour where they span less."""

Score = Callable[[pl.DataFrame], tuple[Evaluation, Evaluation]]
"""Gives the evaluations before and after of some annotations."""


@dataclass(frozen=True)
class Scenario:
    """The annotations that have one value, or values of one bin, of an attribute; ``scores`` are means over classes."""

    attribute: str
    value: str
    annotations: int
    accuracy_before: float
    accuracy_after: float
    scores_before: Scores
    scores_after: Scores


def scenarios(rows: pl.DataFrame, attributes: list[str], score: Score) -> tuple[Scenario, ...]:
    """The scenarios of each attribute, in the order of its values; one that has a single value tells nothing."""
    return tuple(each for name in attributes for each in _of(rows, name, score))


def _of(rows: pl.DataFrame, attribute: str, score: Score) -> Iterator[Scenario]:
    order, values = binned(rows[attribute])
    if len(order) < 2:
        return
    for value in order:
        some = rows.filter(values == value)
        before, after = score(some)
        yield Scenario(
            attribute,
            value,
            some.height,
            before.accuracy,
            after.accuracy,
            _plain(before.macro),
            _plain(after.macro),
        )


def _plain(scores: Scores) -> Scores:
    return Scores(scores.precision, scores.recall, scores.f1)


def binned(values: pl.Series) -> tuple[list[str], pl.Series]:
    """The names of the bins in their order, and the bin of each value; a value that is not there is a bin, the last."""
    kind = values.dtype
    if kind.is_nested() or kind in (pl.Binary, pl.Object):
        return _with_none([], pl.Series(values.name, [None] * len(values), dtype=pl.String))
    if kind.is_temporal():
        named = _by_time(values)
        return _with_none(named.drop_nulls().unique().sort().to_list(), named)
    many = values.drop_nulls().n_unique() > FEW
    if kind.is_numeric():
        if many:
            return _by_number(values)
        return _with_none(values.drop_nulls().unique().sort().cast(pl.String).to_list(), values.cast(pl.String))
    named = values.cast(pl.String)
    if not many:
        return _with_none(named.drop_nulls().unique().sort().to_list(), named)
    most = _most(named)
    kept = pl.when(pl.col("v").is_in(most) | pl.col("v").is_null()).then("v").otherwise(pl.lit(REST))
    return _with_none([*most, REST], named.alias("v").to_frame().select(kept).to_series())


def _most(named: pl.Series) -> list[str]:
    counted = named.drop_nulls().value_counts(name="count").sort(["count", named.name], descending=[True, False])
    return [str(each) for each in counted[named.name].head(FEW)]


def _by_time(values: pl.Series) -> pl.Series:
    if values.dtype == pl.Time:
        return values.dt.strftime("%H:00")
    moments = values.cast(pl.Datetime("us"))
    first, last = moments.min(), moments.max()
    days = (last - first).days if first is not None and last is not None else 0
    shortest = "%Y-%m-%d" if values.dtype == pl.Date else "%Y-%m-%d %H:00"
    form = next((form for least, form in SPANS if days >= least), shortest)
    named: pl.Series = moments.dt.strftime(form)
    return named


def _by_number(values: pl.Series) -> tuple[list[str], pl.Series]:
    """Quantiles, as far as they differ."""
    numbers = values.cast(pl.Float64).fill_nan(None)
    known = numbers.drop_nulls()
    below = known.filter(known < known.max())
    # Where most have the greatest value, it alone is the last bin.
    found = {known.quantile(part / BINS, "nearest") for part in range(1, BINS)}
    edges = sorted(found & set(below)) or [below.max()]
    texts = [f"{each:g}" for each in edges]
    order = [f"up to {texts[0]}", *(f"{one} to {two}" for one, two in pairwise(texts)), f"over {texts[-1]}"]
    beyond = pl.lit(0)
    for edge in edges:
        beyond = beyond + (pl.col("number") > edge).cast(pl.Int32)
    named = beyond.replace_strict(dict(enumerate(order)), return_dtype=pl.String)
    known_only = pl.when(pl.col("number").is_not_null()).then(named)
    return _with_none(order, numbers.alias("number").to_frame().select(known_only.alias("bin")).to_series())


def _with_none(order: list[str], named: pl.Series) -> tuple[list[str], pl.Series]:
    if named.null_count() and order:
        order = [*order, NONE]
    return order, named.fill_null(NONE)
