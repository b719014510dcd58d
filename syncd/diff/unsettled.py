"""Unsettled annotations: finds, in a part of a complete read, those that must go through the diff.

A first meeting, and a newly mapped field, are full of annotations that both sides hold alike with nothing agreed yet.
The diff itself is asked about these; where all it says is the next baseline, they need not be judged with the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from syncd.diff.frames import B, D, F, any_difference, join
from syncd.diff.gone_samples import WITHOUT_SAMPLE
from syncd.diff.inputs import History, Inputs, Young
from syncd.diff.reconcile import diff
from syncd.diff.settled import PLACE, Named, is_agreed, is_alike, is_in_place
from syncd.diff.tags import said
from syncd.model.mapping import Mapping, Side
from syncd.model.plan import Change, Conflict, Plan, Waiting
from syncd.model.policy import Policy
from syncd.model.snapshot import Snapshot, baseline_schema
from syncd.model.vocabulary import Vocabulary

FIRST = "first"
"""Column of a met annotation: whether the baseline had nothing of it."""


@dataclass(frozen=True)
class Rules:
    """What decides, besides its values, whether an annotation is settled. ``as_of``: when FiftyOne was read."""

    mapping: Mapping
    policy: Policy
    vocabulary: Vocabulary | None
    history: History
    young: Young | None
    as_of: datetime


@dataclass(frozen=True)
class Unsettled:
    """The unsettled annotations; and the next baseline of those about which there is nothing else to say.

    ``new`` are rows that only the database has, or that hold what was agreed and whose samples left the dataset before
    (``annotation_id``, ``media``): they are unsettled where FiftyOne has their sample, and otherwise only counted.
    """

    named: Named
    met: pl.DataFrame
    new: pl.DataFrame


def met_schema(mapping: Mapping) -> dict[str, pl.DataType]:
    """Columns of :attr:`Unsettled.met`: those of the baseline, and :data:`FIRST`."""
    return baseline_schema(mapping) | {FIRST: pl.Boolean()}


def remembered(rules: Rules) -> Named:
    """Unsettled by history: a conflict about it is open, or a tag was answered; both may be over."""
    return Named.of(rules.history.open_conflicts, rules.history.answered)


def without_settled(rules: Rules, baseline: pl.DataFrame, fiftyone: pl.DataFrame, database: pl.DataFrame) -> Unsettled:
    """Separates settled from unsettled annotations, given all rows, on all sides, that have one of a set of ids.

    Labels that share even their place are not found here (:func:`syncd.diff.settled.shared_places`). What was met is
    settled only as long as nothing unsettled belongs to it.
    """
    copies = fiftyone.filter(pl.col("annotation_id").is_duplicated() | pl.col("annotation_id").is_null())
    twice = database.filter(pl.col("annotation_id").is_duplicated() & pl.col("annotation_id").is_not_null())
    labels = _without(fiftyone, copies)
    rows = _without(database.filter(pl.col("annotation_id").is_not_null()), twice)
    joined = join(baseline, labels, rows)
    on_both = pl.col("in_f") & pl.col("in_d")
    settled = pl.col("in_b") & on_both & is_agreed(rules.mapping)
    alike = on_both & (~pl.col("in_b") | is_in_place()) & is_alike(rules.mapping)
    if rules.young is not None:
        young = pl.col(F + "edited_at").is_between(rules.young.after, rules.young.until).fill_null(value=False)
        settled, alike = settled & ~young, alike & ~young
    new = pl.col("in_d") & ~pl.col("in_f") & ~pl.col("in_b")
    # One that holds something else than was agreed may have gone back in time, with or without its sample.
    new = new | (WITHOUT_SAMPLE & ~any_difference(rules.mapping, B, D))
    # As columns, since every value is compared for them: once, and not for each of the filters.
    joined = joined.with_columns(settled.alias("settled"), alike.alias("alike"), new.alias("new"))
    left = joined.filter(~pl.col("settled") & ~pl.col("alike") & ~pl.col("new"))
    found = [left.select("annotation_id"), *(left.select(pl.col(s + n).alias(n) for n in PLACE) for s in (F, B))]
    spoken_of = said(fiftyone, rules.policy.review, rules.vocabulary, rules.history.answered)
    named, met = _meet(rules, joined.filter(pl.col("alike") & ~pl.col("settled")), baseline, labels, rows)
    fresh = joined.filter("new").select("annotation_id", pl.col(D + "media").alias("media"))
    return Unsettled(named.with_(Named.of(copies, twice, *found, spoken_of)), met, fresh)


def _meet(
    rules: Rules, alike: pl.DataFrame, baseline: pl.DataFrame, labels: pl.DataFrame, rows: pl.DataFrame
) -> tuple[Named, pl.DataFrame]:
    """Asks the diff about annotations that both sides hold alike; names those about which it says anything."""
    if alike.is_empty():
        return Named(), pl.DataFrame(schema=met_schema(rules.mapping))
    ids = alike.select("annotation_id")
    known = baseline.join(ids, on="annotation_id", how="semi")
    plan = diff(
        Inputs(
            mapping=rules.mapping,
            policy=rules.policy,
            fiftyone=_complete(Side.FIFTYONE, labels.join(ids, on="annotation_id", how="semi"), rules),
            database=_complete(Side.DATABASE, rows.join(ids, on="annotation_id", how="semi"), rules),
            baseline=known,
            baseline_size=known.height,
            history=rules.history,
            vocabulary=rules.vocabulary,
            force=True,
        )
    )
    first = alike.select("annotation_id", (~pl.col("in_b")).alias(FIRST))
    return _named_in(plan), plan.baseline.join(first, on="annotation_id", how="left")


def _complete(side: Side, rows: pl.DataFrame, rules: Rules) -> Snapshot:
    return Snapshot(side, rows, complete=True, as_of=rules.as_of)


def _named_in(plan: Plan) -> Named:
    about: list[Change | Conflict | Waiting] = [*plan.changes, *plan.conflicts, *plan.waiting]
    return Named(
        annotation_ids=frozenset(each.annotation_id for each in about if each.annotation_id is not None)
        | frozenset(each for each, _ in plan.answered),
        sample_ids=frozenset(each.sample_id for each in plan.tags),
        label_ids=frozenset(each.label_id for each in about if each.label_id is not None),
    )


def _without(rows: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    if others.is_empty():
        return rows
    ids = others.select("annotation_id").unique()
    return rows.filter(pl.col("annotation_id").is_not_null()).join(ids, on="annotation_id", how="anti")
