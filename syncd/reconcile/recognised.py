"""The document cache: recognises samples' documents that were decoded before, so that a sweep need not decode them.

The cache knows the digest of the labels in a document, by the document's hash. Where the baseline has the same digest
for the sample, the labels are what was agreed, ids and values alike, and the baseline stands for them; every other
document is decoded after all. So the cache is believed only against the baseline as it is now, and cannot be out of
date: a file that is lost, old or damaged means that documents are decoded again.

What the baseline does not hold, tags above all, is decoded from the document, which is kept until the run is over. A
sample is never recognised if tags say something about its labels or a value in it cannot be read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import polars as pl

from syncd.diff.digests import digests
from syncd.model import Mapping, Side
from syncd.model.documents import DIGEST, DIGESTS_SCHEMA, DOCUMENTS_SCHEMA, FAMILIAR_SCHEMA, HASHED_SCHEMA, HASHES
from syncd.model.snapshot import schema
from syncd.reconcile.parts import Chunks

SpokenOf = Callable[[pl.DataFrame], Collection[str]]
"""The samples about whose labels a tag says anything."""

UNCHANGED_SCHEMA = {name: type_ for name, type_ in FAMILIAR_SCHEMA.items() if name not in (*HASHES, *DIGEST)}

MOST_SAMPLES = 2_000_000
"""A cached sample takes some 250 bytes of memory while both sides are compared: more samples are not cached."""

MOST = 0.5
"""Where a smaller share of a batch is recognised, decoding all of it is faster."""


class Recognised:
    """The document cache during one read: the documents that it recognises, and what it learns of the others.

    ``known`` is the content of the cache (``FAMILIAR_SCHEMA``), in the order of the samples.
    """

    def __init__(self, folder: Path | None, mapping: Mapping, known: pl.DataFrame, spoken_of: SpokenOf) -> None:
        self._mapping = mapping
        self._known = known
        self._spoken_of = spoken_of
        self._documents = Chunks(folder, DOCUMENTS_SCHEMA)
        self._met: list[pl.Series] = []
        self._learnt: list[pl.DataFrame] = []
        self._count_learnt = 0
        self.unchanged = pl.DataFrame(schema=UNCHANGED_SCHEMA)
        """The recognised documents that hold what was agreed; empty before :meth:`compare`."""

    @property
    def _are_too_many(self) -> bool:
        return self._count_met() + self._count_learnt > MOST_SAMPLES

    @property
    def knows_any(self) -> bool:
        """Whether the cache holds anything."""
        return not self._known.is_empty()

    def recognise(self, documents: pl.DataFrame) -> list[str]:
        """Keeps the documents that the cache knows; returns the samples of the others, in order."""
        ids = documents["sample_id"]
        if ids.is_empty():
            return []
        known = self._known["sample_id"]
        first, last = known.search_sorted(ids[0], "left"), known.search_sorted(ids[-1], "right")
        near = self._known[first:last].select(*HASHED_SCHEMA, pl.int_range(first, last, dtype=pl.UInt32).alias("at"))
        met = near.join(documents.select(*HASHED_SCHEMA), on=list(HASHED_SCHEMA), how="semi")
        if met.height < MOST * documents.height:
            return ids.to_list()
        self._met.append(met["at"])
        self._documents.add(documents.join(met, on="sample_id", how="semi"))
        others = documents.select("sample_id").join(met, on="sample_id", how="anti", maintain_order="left")
        return others["sample_id"].to_list()

    def decoded(self, rows: pl.DataFrame, documents: pl.DataFrame) -> None:
        """Learns what these documents hold; not of a document whose meaning depends on more than its labels."""
        self._count_learnt += documents.height
        if self._are_too_many:
            self._learnt.clear()
            return
        more = rows.filter(pl.col("problems").is_not_null())["sample_id"].to_list()
        more += self._spoken_of(rows)
        times = rows.group_by("sample_id").agg(pl.col("edited_at").first())
        learnt = (
            documents.filter(~pl.col("sample_id").is_in(more))
            .join(digests(rows, self._mapping), on="sample_id", how="left")
            .with_columns(pl.col("labels", *DIGEST).fill_null(0))
            .join(times, on="sample_id", how="left")
        )
        self._learnt.append(learnt.select(*FAMILIAR_SCHEMA))

    def clear(self) -> None:
        """Drops what this read has added: a read that failed begins anew."""
        self._documents.clear()
        self._met.clear()
        self._learnt.clear()
        self._count_learnt = 0

    def compare(self, agreed: pl.DataFrame) -> None:
        """Finds the recognised documents that hold what was ``agreed`` (``DIGESTS_SCHEMA``)."""
        met = self._known_and_met().drop(HASHES)
        both = met.join(agreed, on="sample_id", how="left", suffix="_agreed")
        same = [pl.col(name) == pl.col(f"{name}_agreed").fill_null(0) for name in DIGESTS_SCHEMA if name != "sample_id"]
        self.unchanged = both.filter(same).select(*UNCHANGED_SCHEMA)

    def changed(self) -> Iterator[pl.DataFrame]:
        """Yields the recognised documents that do not hold what was agreed, some at a time."""
        if self.unchanged.height == self._count_met():
            return
        for each in self._documents:
            changed = each.join(self.unchanged, on="sample_id", how="anti")
            if changed.height:
                yield changed

    @property
    def labels(self) -> int:
        """The number of labels in documents that hold what was agreed."""
        return int(self.unchanged["labels"].sum())

    def standing_for(self, baseline: pl.DataFrame) -> pl.DataFrame:
        """The rows of the baseline that stand for labels in documents which hold them, as rows of a snapshot."""
        held = baseline.join(self.unchanged.drop("labels"), on="sample_id", how="inner")
        held = held.rename({"image": self._mapping.image})
        return held.select(
            pl.col(name) if name in held.columns else pl.lit(None, type_).alias(name)
            for name, type_ in schema(Side.FIFTYONE, self._mapping).items()
        )

    def documents_of(self, sample_ids: Collection[str]) -> pl.DataFrame:
        """The documents of these samples that hold what was agreed."""
        wanted = self.unchanged.select("sample_id").filter(pl.col("sample_id").is_in(list(sample_ids)))
        found = [each.join(wanted, on="sample_id", how="semi") for each in self._documents]
        return pl.concat([pl.DataFrame(schema=DOCUMENTS_SCHEMA), *found])

    def known_now(self) -> pl.DataFrame | None:
        """The content of the cache after this read; ``None`` if unchanged, and empty if there are too many samples."""
        if self._are_too_many:
            return self._known.clear() if self.knows_any else None
        if self._count_met() == self._known.height and not any(each.height for each in self._learnt):
            return None
        return pl.concat([self._known_and_met(), *self._learnt]).sort("sample_id")

    def _count_met(self) -> int:
        return sum(len(each) for each in self._met)

    def _known_and_met(self) -> pl.DataFrame:
        if self._count_met() == self._known.height:
            return self._known
        return self._known[pl.concat([pl.Series(dtype=pl.UInt32), *self._met])]
