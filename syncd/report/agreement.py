"""How far reviewers agree where several of them judged one annotation. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from syncd.model import LABEL
from syncd.model.result import Status

VERIFIED = "verified"
KEY = ["binding", "annotation_id"]


@dataclass(frozen=True)
class Agreement:
    """Two people and the annotations that both judged: how many, and for how many the last word of both is the same.

    ``kappa`` is Cohen's: agreement beyond chance, at most 1; ``None`` where both always said one and the same label,
    which chance explains as well.
    """

    first: str
    second: str
    both: int
    agreed: int
    kappa: float | None


def agreement(changes: pl.DataFrame) -> tuple[Agreement, ...]:
    """Each pair of people with annotations in common, the most first.

    A person judges an annotation by giving it a label, or by approving the one that it has.
    """
    words = _last_words(changes)
    other = words.rename({"actor": "second", "judged": "second_judged"})
    pairs = words.join(other, on=KEY).filter(pl.col("actor") < pl.col("second"))
    counted = (
        pairs.group_by("actor", "second")
        .agg(both=pl.len(), agreed=(pl.col("judged") == pl.col("second_judged")).sum())
        .sort("both", "actor", "second", descending=[True, False, False])
    )
    by_chance = _by_chance(pairs)
    return tuple(
        Agreement(first, second, both, agreed, _kappa(agreed / both, by_chance[first, second]))
        for first, second, both, agreed in counted.iter_rows()
    )


def _last_words(changes: pl.DataFrame) -> pl.DataFrame:
    """``judged``: the label that each person gave each annotation last. Annotations that one person judged are none."""
    approves = (pl.col("field") == VERIFIED) & (pl.col("new") == "true")
    labels = pl.col("field") == LABEL
    events = (
        changes.filter(pl.col("status") == Status.APPLIED, pl.col("annotation_id").is_not_null(), labels | approves)
        .sort("seq")
        .with_columns(stands=pl.when(labels).then(pl.col("new_label")), stood=pl.when(labels).then(pl.col("old_label")))
        .with_columns(
            # An approval is of the label that was given last; before the first change, of the one that it replaced.
            judged=pl.coalesce(
                pl.col("stands").forward_fill().over(KEY), pl.col("stood").backward_fill().over(KEY), pl.lit("")
            )
        )
        .filter(pl.col("actor").is_not_null())
    )
    last = events.group_by(*KEY, "actor", maintain_order=True).agg(pl.col("judged").last())
    return last.filter(pl.len().over(KEY) > 1)


def _by_chance(pairs: pl.DataFrame) -> dict[tuple[str, str], float]:
    """The share of agreements to be expected where both give their labels by lot, each as often as they did."""
    both = ["actor", "second"]
    one = pairs.group_by(*both, label="judged").agg(share=pl.len()).with_columns(share=_share(both))
    two = pairs.group_by(*both, label="second_judged").agg(other=pl.len()).with_columns(other=_share(both, "other"))
    met = one.join(two, on=[*both, "label"], how="left").fill_null(0.0)
    summed = met.group_by(both).agg(chance=(pl.col("share") * pl.col("other")).sum())
    return {(first, second): chance for first, second, chance in summed.iter_rows()}


def _share(both: list[str], name: str = "share") -> pl.Expr:
    return pl.col(name) / pl.col(name).sum().over(both)


def _kappa(observed: float, by_chance: float) -> float | None:
    return None if by_chance >= 1.0 else (observed - by_chance) / (1.0 - by_chance)
