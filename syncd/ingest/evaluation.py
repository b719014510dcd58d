"""Scores per class and the confusion matrix of an evaluation, counted from pairs of labels. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import polars as pl

from syncd.model import Json

PAIR: dict[str, pl.DataType] = {"truth": pl.String(), "predicted": pl.String()}
"""Columns of what was compared: one row per label, or per unmatched prediction."""


@dataclass(frozen=True)
class Scores:
    """Each from 0 to 1; 0 where there is nothing to divide by, as in FiftyOne's own report."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class ClassScores(Scores):
    """The scores of one class; ``support`` labels bear it, and ``predicted`` predictions do."""

    label: str
    support: int
    predicted: int


@dataclass(frozen=True)
class Cell:
    """One cell of the confusion matrix: how many labels ``truth`` were predicted as ``predicted``."""

    truth: str
    predicted: str
    count: int


@dataclass(frozen=True)
class Evaluation:
    """The predictions of one field against the labels.

    ``samples`` were evaluated; ``left_out`` have no label to compare with. ``pairs`` is the number of comparisons and
    ``accuracy`` the share of them in which both are the same. ``macro`` is the mean over the classes, ``weighted`` the
    mean weighted by their support. ``missing`` stands in a pair for the side on which there is none. ``cells`` are
    those of the confusion matrix that are not zero, the diagonal among them. ``classes`` come in the order of their
    support, ``cells`` in that of their count, the largest first.
    """

    field: str
    key: str
    samples: int
    left_out: int
    pairs: int
    accuracy: float
    macro: Scores
    weighted: Scores
    classes: tuple[ClassScores, ...]
    cells: tuple[Cell, ...]
    missing: str

    @property
    def confusions(self) -> tuple[Cell, ...]:
        """The cells off the diagonal."""
        return tuple(each for each in self.cells if each.truth != each.predicted)

    def as_json(self) -> dict[str, Json]:
        """The documented form; ``confusion_matrix`` holds the cells that are not zero."""
        return {
            "field": self.field,
            "eval_key": self.key,
            "samples": self.samples,
            "left_out": self.left_out,
            "pairs": self.pairs,
            "accuracy": self.accuracy,
            "macro": asdict(self.macro),
            "weighted": asdict(self.weighted),
            "missing": self.missing,
            "classes": [asdict(each) for each in self.classes],
            "confusion_matrix": [asdict(each) for each in self.cells],
        }


def score(
    pairs: pl.DataFrame, missing: str, *, field: str = "", key: str = "", samples: int = 0, left_out: int = 0
) -> Evaluation:
    """Counts the pairs (:data:`PAIR`); ``missing`` stands for the side that has no label, and is no class."""
    pairs = pairs.filter((pl.col("truth") != missing) | (pl.col("predicted") != missing))
    order = ["count", "truth", "predicted"]
    cells = pairs.group_by("truth", "predicted").len("count").sort(order, descending=[True, False, False])
    classes = tuple(_classes(cells, missing))
    total = sum(each.support for each in classes)
    correct = int(cells.filter(pl.col("truth") == pl.col("predicted"))["count"].sum())
    return Evaluation(
        field=field,
        key=key,
        samples=samples,
        left_out=left_out,
        pairs=pairs.height,
        accuracy=_share(correct, pairs.height),
        macro=_mean(classes, [1] * len(classes), len(classes)),
        weighted=_mean(classes, [each.support for each in classes], total),
        classes=classes,
        cells=tuple(Cell(truth, predicted, count) for truth, predicted, count in cells.iter_rows()),
        missing=missing,
    )


def _classes(cells: pl.DataFrame, missing: str) -> Iterator[ClassScores]:
    """The classes in use on either side, the most frequent first."""
    support = cells.group_by(pl.col("truth").alias("label")).agg(pl.col("count").sum().alias("support"))
    predicted = cells.group_by(pl.col("predicted").alias("label")).agg(pl.col("count").sum().alias("predicted"))
    correct = cells.filter(pl.col("truth") == pl.col("predicted")).select(pl.col("truth").alias("label"), "count")
    counted = (
        support.join(predicted, on="label", how="full", coalesce=True)
        .join(correct, on="label", how="left")
        .filter(pl.col("label") != missing)
        .fill_null(0)
        .sort(["support", "label"], descending=[True, False])
    )
    for label, labelled, said, hits in counted.iter_rows():
        yield ClassScores(
            precision=_share(hits, said),
            recall=_share(hits, labelled),
            f1=_share(2 * hits, said + labelled),
            label=label,
            support=labelled,
            predicted=said,
        )


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _mean(classes: tuple[ClassScores, ...], weights: list[int], total: int) -> Scores:
    weighed = list(zip(classes, weights, strict=True))
    return Scores(
        _share(sum(each.precision * weight for each, weight in weighed), total),
        _share(sum(each.recall * weight for each, weight in weighed), total),
        _share(sum(each.f1 * weight for each, weight in weighed), total),
    )
