"""Settled annotations, which need no look: all sides hold what was agreed, where it was agreed, and nothing is open.

Theorem: the plan of what is unsettled, with what is counted as settled, is the plan of everything. What is left out is
closed: an annotation goes with its only label, its row and its baseline; nothing that is left in bears one of its ids,
stands in its place, or shares a sample about which a tag speaks. That makes a run over half a million annotations
without changes as cheap as one over none. ``tests/unit/engine/test_settled.py`` tries the theorem at each granularity:

* annotation: :func:`without_unedited` in an incremental read, whose labels alone are read anew;
  :func:`without_settled` in a complete one, where the diff itself is asked about what was never agreed;
* sample: :func:`settled_by_sample`, by digests of all labels of a sample, which a document can be known to have;
* side: where neither side has anything new, :func:`syncd.diff.reconcile.diff` has nothing to say.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import polars as pl

from syncd.diff.frames import EXPRESSIONS, B, D, F, any_difference, is_known, join, prefixed, unreadable
from syncd.diff.gone_samples import WITHOUT_SAMPLE
from syncd.diff.images import is_known_image, is_other_image, normal
from syncd.diff.inputs import ANSWERED_SCHEMA, History, Inputs, Young
from syncd.diff.tags import said
from syncd.model.mapping import Mapping, Side
from syncd.model.plan import Change, Conflict, Plan, Waiting
from syncd.model.policy import Policy, Review
from syncd.model.snapshot import (
    DIGEST,
    DIGESTS_SCHEMA,
    Snapshot,
    baseline_schema,
    both_hashes,
    column,
    distinct,
    known_column,
)
from syncd.model.vocabulary import Vocabulary

PLACE = ["sample_id", "label_id"]

FIRST = "first"
"""Column of a met annotation: whether the baseline had nothing of it."""


@dataclass(frozen=True)
class Named:
    """Ids of what is unsettled: everything with one of these ids, or in one of these samples, goes through the diff."""

    annotation_ids: frozenset[str] = frozenset()
    sample_ids: frozenset[str] = frozenset()
    label_ids: frozenset[str] = frozenset()

    def with_(self, other: Named) -> Named:
        """What either of the two names."""
        return Named(
            self.annotation_ids | other.annotation_ids,
            self.sample_ids | other.sample_ids,
            self.label_ids | other.label_ids,
        )

    @staticmethod
    def of(*frames: pl.DataFrame) -> Named:
        """All ids in these frames."""

        def ids(name: str) -> frozenset[str]:
            return frozenset(distinct(name, *(frame for frame in frames if name in frame.columns)))

        return Named(ids("annotation_id"), ids("sample_id"), ids("label_id"))


def is_named(named: Named) -> pl.Expr:
    """Whether a label, or a row of the baseline, has one of these ids or is in one of these samples."""
    ids = {"annotation_id": named.annotation_ids, "sample_id": named.sample_ids, "label_id": named.label_ids}
    return pl.any_horizontal([pl.col(name).is_in(list(each)).fill_null(value=False) for name, each in ids.items()])


@lru_cache(EXPRESSIONS)
def is_agreed(mapping: Mapping) -> pl.Expr:
    """Whether all three of joined rows hold what was agreed, with the label in its place and on its row's image."""
    agreed = pl.all_horizontal([is_known(each.name) for each in mapping.fields])
    return agreed & is_in_place() & is_known_image(mapping) & is_alike(mapping) & ~any_difference(mapping, B, D)


@lru_cache(EXPRESSIONS)
def is_in_place() -> pl.Expr:
    """Whether the label is where the baseline knows it."""
    places = [pl.col(F + name).eq_missing(pl.col(B + name)) for name in PLACE]
    return pl.all_horizontal(places)


@lru_cache(EXPRESSIONS)
def is_alike(mapping: Mapping) -> pl.Expr:
    """Whether both sides hold the same, on the same image, and every value can be read."""
    unread = pl.any_horizontal([unreadable(each.name, F) for each in mapping.fields])
    return ~unread & ~is_other_image(mapping) & ~any_difference(mapping, F, D)


def places(fiftyone: pl.DataFrame) -> pl.Series:
    """A number for the place of each label; two labels of one sample that share their id share it."""
    return fiftyone.select(pl.struct(PLACE).hash().alias("place")).to_series()


def shared_places(numbers: pl.Series) -> frozenset[int]:
    """The places in which more than one label stands."""
    return frozenset(numbers.filter(numbers.is_duplicated()).unique())


def without_unedited(
    mapping: Mapping,
    review: Review,
    vocabulary: Vocabulary | None,
    labels: pl.DataFrame,
    baseline: pl.DataFrame,
    named: Collection[str],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The labels and the baseline without the labels that nobody has edited.

    ``labels`` are all labels of their samples, and ``baseline`` all that is known of them. ``named`` are annotations
    that must go through the diff whatever their labels say: the database has changed them, or something about them is
    open.

    Invariant: what is left is closed. An annotation is left out with its only label, which stands alone in its place,
    and with its baseline. If a tag says anything about a sample, all its labels stay, since what the tag says depends
    on how many there are.
    """
    joined = prefixed(labels, F, "in_f").join(prefixed(baseline, B, "in_b"), on="annotation_id", how="left")
    unedited = pl.all_horizontal(
        pl.col("annotation_id").is_unique(),
        pl.struct(F + name for name in PLACE).is_unique(),
        *[is_known(each.name) for each in mapping.fields],
        is_in_place(),
        is_known_image(mapping),
        ~any_difference(mapping, B, F),
        ~pl.col("annotation_id").is_in(list(named)),
        ~pl.col(F + "sample_id").is_in(list(spoken_of(review, vocabulary, labels))),
    )
    left_out = joined.filter(unedited.fill_null(value=False)).select("annotation_id")
    return (
        labels.join(left_out, on="annotation_id", how="anti"),
        baseline.join(left_out, on="annotation_id", how="anti"),
    )


def asked_for(review: Review, vocabulary: Vocabulary | None, labels: pl.DataFrame, named: Named) -> pl.DataFrame:
    """The named labels among those of samples without a new stamp; and all labels about which a tag says anything."""
    if labels.is_empty():
        return labels
    return labels.filter(is_named(named.with_(Named(sample_ids=spoken_of(review, vocabulary, labels)))))


def spoken_of(review: Review, vocabulary: Vocabulary | None, labels: pl.DataFrame) -> frozenset[str]:
    """The samples about which a tag says anything; an answered tag counts too."""
    return frozenset(distinct("sample_id", said(labels, review, vocabulary, pl.DataFrame(schema=ANSWERED_SCHEMA))))


@dataclass(frozen=True)
class Rules:
    """What decides, besides its values, whether an annotation is settled.

    ``as_of``: when FiftyOne was read; ``decide``: the diff, which is asked about what was never agreed.
    """

    mapping: Mapping
    policy: Policy
    vocabulary: Vocabulary | None
    history: History
    young: Young | None
    as_of: datetime
    decide: Callable[[Inputs], Plan]


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

    Labels that share even their place are not found here (:func:`shared_places`). What was met is
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
    plan = rules.decide(
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


def digests(rows: pl.DataFrame, mapping: Mapping) -> pl.DataFrame:
    """One row per sample (``DIGESTS_SCHEMA``) for labels; all labels of each sample must be there."""
    return _by_sample(rows, mapping, pl.lit(value=True), mapping.image)


def agreed_digests(baseline: pl.DataFrame, mapping: Mapping) -> pl.DataFrame:
    """The same for agreed labels. A label with a field that was never agreed is counted, and equals none."""
    whole = pl.all_horizontal([pl.col(known_column(each.name)) for each in mapping.fields])
    return _by_sample(baseline.drop_nulls("sample_id"), mapping, whole, "image")


def alike(mapping: Mapping, agreed: pl.DataFrame, database: pl.DataFrame) -> pl.DataFrame:
    """``annotation_id`` of what the database holds as it was ``agreed``: exactly, on the same image, and once.

    A value that differs by no more than a tolerance is not among them.
    """
    keys = ["annotation_id", *DIGEST]
    sound = database.filter(pl.col("annotation_id").is_unique() & pl.col("problems").is_null())
    values = [column(name) for name in mapping.names]
    hashes = both_hashes(pl.struct(normal(pl.col(mapping.image)), *values), DIGEST)
    known, held = (frame.select("annotation_id", *hashes) for frame in (agreed, sound))
    return known.join(held, on=keys, how="semi").select("annotation_id")


def settled_by_sample(rules: Rules, agreed: pl.DataFrame, others: pl.DataFrame, database: pl.DataFrame) -> pl.DataFrame:
    """``annotation_id`` of what :func:`without_settled` would find settled, by digests alone: nearly everything.

    ``agreed`` are labels of samples whose digest is that of the baseline: they hold what was agreed. One is settled if
    nobody has touched its sample lately, no other label has its id (``others`` are the rest of the labels), and the
    database holds the same.
    """
    if rules.young is not None:
        young = pl.col("edited_at").is_between(rules.young.after, rules.young.until)
        agreed = agreed.filter(~young.fill_null(value=False))
    return alike(rules.mapping, agreed.join(others, on="annotation_id", how="anti"), database)


def together(digests: list[pl.DataFrame]) -> pl.DataFrame:
    """The digests of samples whose labels came in several frames."""
    return _summed(pl.concat([pl.DataFrame(schema=DIGESTS_SCHEMA), *digests]))


def _by_sample(rows: pl.DataFrame, mapping: Mapping, whole: pl.Expr, image: str) -> pl.DataFrame:
    ids = ["annotation_id", "label_id", "sample_id"]
    label = pl.struct(*ids, normal(pl.col(image)).alias("image"), *(column(name) for name in mapping.names))
    hashes = [pl.when(whole).then(each) for each in both_hashes(label, DIGEST)]
    return _summed(rows.select("sample_id", pl.lit(1, pl.UInt32).alias("labels"), *hashes))


def _summed(parts: pl.DataFrame) -> pl.DataFrame:
    """Sums wrap around, which they may: the order of labels means nothing, and two alike must not cancel out."""
    return parts.group_by("sample_id").agg(pl.col("labels", *DIGEST).sum())
