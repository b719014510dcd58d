"""Scores counted from pairs of labels."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_fscore_support

from syncd.ingest.evaluation import PAIR, score

MISSING = "(none)"
LABELS = st.sampled_from(["a", "b", "c", MISSING])


def pairs(*rows: tuple[str, str]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=PAIR, orient="row")


def test_no_pairs_are_no_classes_and_an_accuracy_of_nothing() -> None:
    evaluation = score(pairs(), MISSING)
    assert (evaluation.pairs, evaluation.accuracy, evaluation.classes, evaluation.cells) == (0, 0.0, (), ())


def test_the_missing_side_is_in_the_matrix_and_no_class() -> None:
    evaluation = score(pairs(("a", MISSING), (MISSING, "b"), (MISSING, MISSING)), MISSING)
    assert [each.label for each in evaluation.classes] == ["a", "b"]
    assert [(each.truth, each.predicted, each.count) for each in evaluation.cells] == [
        (MISSING, "b", 1),
        ("a", MISSING, 1),
    ]
    assert (evaluation.pairs, evaluation.accuracy) == (2, 0.0)


def test_classes_come_by_support_and_cells_by_count() -> None:
    evaluation = score(pairs(("a", "a"), ("b", "b"), ("b", "a"), ("b", "a")), MISSING)
    assert [(each.label, each.support, each.predicted) for each in evaluation.classes] == [("b", 3, 1), ("a", 1, 3)]
    assert [each.count for each in evaluation.cells] == [2, 1, 1]
    assert [(each.truth, each.predicted) for each in evaluation.confusions] == [("b", "a")]


def test_the_document_holds_every_class_and_every_cell() -> None:
    document = score(pairs(("a", "b")), MISSING, field="predicted", key="k", samples=1, left_out=2).as_json()
    zero = {"precision": 0.0, "recall": 0.0, "f1": 0.0}
    assert document == {
        "field": "predicted",
        "eval_key": "k",
        "samples": 1,
        "left_out": 2,
        "pairs": 1,
        "accuracy": 0.0,
        "macro": zero,
        "weighted": zero,
        "missing": MISSING,
        "classes": [
            zero | {"label": "a", "support": 1, "predicted": 0},
            zero | {"label": "b", "support": 0, "predicted": 1},
        ],
        "confusion_matrix": [{"truth": "a", "predicted": "b", "count": 1}],
    }


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(LABELS, LABELS), min_size=1))
def test_the_scores_are_those_of_scikit_learn(rows: list[tuple[str, str]]) -> None:
    evaluation = score(pairs(*rows), MISSING)
    labels = [each.label for each in evaluation.classes]
    if not labels:
        assert {each for row in rows for each in row} == {MISSING}
        return
    truth, said = zip(*rows, strict=True)
    found = precision_recall_fscore_support(truth, said, labels=labels, zero_division=0)
    for index, each in enumerate(evaluation.classes):
        ours = (each.precision, each.recall, each.f1, each.support)
        assert ours == pytest.approx(tuple(float(column[index]) for column in found))
    for average, mean in (("macro", evaluation.macro), ("weighted", evaluation.weighted)):
        found = precision_recall_fscore_support(truth, said, labels=labels, average=average, zero_division=0)
        if sum(each.support for each in evaluation.classes):
            assert (mean.precision, mean.recall, mean.f1) == pytest.approx(tuple(map(float, found[:3])))
