"""Compares a model's predictions with the labels before and after the selected corrections. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from syncd.ingest.evaluation import Evaluation, score
from syncd.model import LABEL, Action
from syncd.model.result import Status
from syncd.report.scenarios import Scenario, scenarios

MISSING = "(none)"
"""What a label or prediction that is not there is called in an evaluation."""

PREDICTED: dict[str, pl.DataType] = {
    "annotation_id": pl.String(),
    "label": pl.String(),
    "predicted": pl.String(),
}
"""Columns of what is compared: one row per annotation with a prediction, ``label`` the one that it has now.

Further columns are attributes, by which the scores are told apart.
"""


@dataclass(frozen=True)
class Model:
    """The predictions of one field of a binding, against the labels as they were and as they are.

    ``corrected`` annotations with a prediction got another label by the selected changes; ``towards`` of them got the
    label that was predicted, ``away`` had it before. ``scenarios`` tell the scores apart by attributes.
    """

    binding: str
    field: str
    before: Evaluation
    after: Evaluation
    corrected: int
    towards: int
    away: int
    scenarios: tuple[Scenario, ...] = ()


def model(binding: str, field: str, predicted: pl.DataFrame, changes: pl.DataFrame) -> Model:
    """Compares, for one binding; ``predicted`` has the columns of :data:`PREDICTED`.

    As it was: before the first of the changes. As it is: after the last, or now where the changes do not say.
    Annotations that these changes made are no part of it as it was, and those that they deleted none of it as it is.
    """
    moved = changes.filter(
        pl.col("binding") == binding,
        pl.col("status") == Status.APPLIED,
        (pl.col("field") == LABEL) | pl.col("field").is_null(),
        pl.col("annotation_id").is_not_null(),
    ).sort("seq")
    spans = moved.group_by("annotation_id", maintain_order=True).agg(
        was=pl.col("old_label").first(),
        becomes=pl.col("new_label").last(),
        made=(pl.col("action") == Action.INSERT.value).first(),
        gone=(pl.col("action") == Action.DELETE.value).last(),
    )
    whole = predicted.join(spans, on="annotation_id", how="left").with_columns(
        moved=pl.col("made").is_not_null(), made=pl.col("made").fill_null(False), gone=pl.col("gone").fill_null(False)
    )
    whole = whole.with_columns(
        was=pl.when("moved").then("was").otherwise("label"), becomes=pl.when("moved").then("becomes").otherwise("label")
    )
    attributes = [name for name in predicted.columns if name not in PREDICTED]

    def scored(rows: pl.DataFrame) -> tuple[Evaluation, Evaluation]:
        was, now = rows.filter(~pl.col("made")), rows.filter(~pl.col("gone"))
        return _scored(was, "was", field), _scored(now, "becomes", field)

    before, after = scored(whole)
    both = whole.filter("moved", ~pl.col("made"), ~pl.col("gone"), pl.col("was").ne_missing(pl.col("becomes")))
    return Model(
        binding=binding,
        field=field,
        before=before,
        after=after,
        corrected=both.height,
        towards=both.filter(pl.col("becomes").eq_missing(pl.col("predicted"))).height,
        away=both.filter(pl.col("was").eq_missing(pl.col("predicted"))).height,
        scenarios=scenarios(whole, attributes, scored),
    )


def _scored(rows: pl.DataFrame, truth: str, field: str) -> Evaluation:
    pairs = rows.select(truth=pl.col(truth).fill_null(MISSING), predicted=pl.col("predicted").fill_null(MISSING))
    return score(pairs, MISSING, field=field, samples=rows.height)
