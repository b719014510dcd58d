"""Settled annotations, which need no look: both sides hold what was agreed, where it was agreed.

They are left out of what the diff is given, together with everything that belongs to them; the plan stays the same.
That makes a run over half a million annotations without changes as cheap as one over none.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import polars as pl

from syncd.diff.images import is_known_image, is_other_image
from syncd.diff.joined import EXPRESSIONS, B, D, F, any_difference, is_known, unreadable
from syncd.model.fields import Mapping
from syncd.model.snapshot import distinct

PLACE = ["sample_id", "label_id"]


@dataclass(frozen=True)
class Named:
    """Ids of what is unsettled: everything with one of these ids, or in one of these samples, goes through the diff."""

    annotation_ids: frozenset[str] = frozenset()
    sample_ids: frozenset[str] = frozenset()
    label_ids: frozenset[str] = frozenset()

    def with_(self, other: Named) -> Named:
        """The union of both."""
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
