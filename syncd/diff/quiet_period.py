"""The quiet period: samples that were edited a moment ago are left for the next poll."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from syncd.diff.inputs import Young
from syncd.diff.settled import Named, is_named
from syncd.model.snapshot import distinct

MOST_PERIODS = 10
"""Quiet periods after which an edit is judged in any case, where something touches its sample again and again."""


def young_edits(as_of: datetime, quiet_period: timedelta, put_off: Mapping[str, datetime]) -> Young | None:
    """Which edits are left alone in a read of that time; ``None`` where none is.

    ``put_off`` are samples that were left alone before, each with the time since when.
    """
    if not quiet_period:
        return None
    overdue = frozenset(each for each, since in put_off.items() if as_of - since >= MOST_PERIODS * quiet_period)
    return Young(after=as_of - quiet_period, until=as_of + quiet_period, overdue=overdue)


@dataclass(frozen=True)
class LeftAlone:
    """What is not judged this time. ``count`` is the number of annotations, labels without an id included.

    ``samples`` are those that somebody is at.
    """

    ids: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()
    count: int = 0
    samples: frozenset[str] = frozenset()


def without_young(rows: pl.DataFrame, baseline: pl.DataFrame, young: Young | None) -> tuple[pl.DataFrame, LeftAlone]:
    """Leaves out samples that were edited a moment ago, with all that belongs to the annotations on them.

    An annotation is left alone as a whole, wherever its label, its copies and its known place are: half of it would
    look like a deletion. Whoever is at work there may undo it.
    """
    if young is None:
        return rows, LeftAlone()
    recent = rows.filter(pl.col("edited_at").is_between(young.after, young.until).fill_null(value=False))
    samples = frozenset(distinct("sample_id", recent)) - young.overdue
    if not samples:
        return rows, LeftAlone()
    ids: set[str] = set()
    labels: set[str] = set()
    while True:
        belongs = is_named(Named(frozenset(ids), samples, frozenset(labels)))
        found = [frame.filter(belongs) for frame in (rows, baseline)]
        more_ids = distinct("annotation_id", *found)
        more_labels = distinct("label_id", *found)
        if more_ids == ids and more_labels == labels:
            break
        ids, labels = more_ids, more_labels
    nameless = found[0].filter(pl.col("annotation_id").is_null())
    drawn = nameless.join(found[1].select("label_id"), on="label_id", how="anti").height
    return rows.filter(~belongs), LeftAlone(frozenset(ids), frozenset(labels), len(ids) + drawn, samples)
