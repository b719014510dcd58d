"""Both sides of a complete read and the baseline, partitioned; keeps of them what the rules call unsettled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from syncd.adapters.base import Recogniser
from syncd.diff.inputs import STAMPS_SCHEMA
from syncd.diff.reverts import with_stamps
from syncd.diff.settled import (
    Named,
    Rules,
    agreed_digests,
    is_named,
    met_schema,
    places,
    remembered,
    settled_by_sample,
    shared_places,
    together,
    without_settled,
)
from syncd.engine.partitions import Parts
from syncd.model import Mapping, Side
from syncd.model.snapshot import baseline_schema, empty_samples, schema

TOGETHER = 500_000
"""Digests of parts of samples that are held before they are added up."""

Decode = Callable[[pl.DataFrame], pl.DataFrame]
"""Decodes documents from the document cache into labels."""


@dataclass(frozen=True)
class Left:
    """The unsettled annotations: what both sides and the baseline hold of them, and their ids."""

    fiftyone: pl.DataFrame
    database: pl.DataFrame
    baseline: pl.DataFrame
    named: Named


class PartitionedBaseline:
    """The baseline, partitioned, and digests of what it holds of each sample."""

    def __init__(self, folder: Path, mapping: Mapping, count: int | None, *, digested: bool) -> None:
        self._mapping = mapping
        self._digested = digested
        self._digests: list[pl.DataFrame] = []
        self.parts = Parts(folder, baseline_schema(mapping), count)

    def add(self, frame: pl.DataFrame) -> None:
        """Adds rows of the baseline."""
        self.parts.add(frame)
        if self._digested:
            self._digests.append(agreed_digests(frame, self._mapping))
            # The labels of a sample come in many frames: as many digests as labels would be too much to hold.
            if sum(each.height for each in self._digests[1:]) > TOGETHER:
                self._digests = [together(self._digests)]

    def clear(self) -> None:
        """Drops what was added."""
        self.parts.clear()
        self._digests.clear()

    def digests(self) -> pl.DataFrame:
        """Digests of everything that was added, by sample."""
        return together(self._digests)


class PartitionedLabels:
    """FiftyOne's labels, partitioned; all of them decoded."""

    recogniser: Recogniser | None = None
    """What recognises documents, which then are not decoded."""

    def __init__(self, decoded: Parts) -> None:
        self.decoded = decoded

    def add(self, frame: pl.DataFrame) -> None:
        """Adds labels."""
        self.decoded.add(frame)

    def clear(self) -> None:
        """Drops what was added: a read that failed begins anew."""
        self.decoded.clear()

    def compare(self, agreed: Callable[[], pl.DataFrame], decode: Decode) -> None:
        """Finds the labels for which the baseline stands, by the digests of what was ``agreed``."""

    @property
    def rows(self) -> int:
        """How many labels there are."""
        return self.decoded.rows

    def standing_for(self, baseline: pl.DataFrame) -> pl.DataFrame:  # noqa: ARG002 - all are decoded
        """The labels for which these rows of the baseline stand, as rows of a snapshot: not decoded, and agreed."""
        return self.decoded.none

    def part(self, number: int, baseline: pl.DataFrame) -> pl.DataFrame:
        """All labels of one partition. ``baseline`` is all of that partition; some of it stands for labels."""
        return pl.concat([self.decoded.part(number), self.standing_for(baseline)])

    def named(self, named: Named, decode: Decode) -> pl.DataFrame:  # noqa: ARG002 - all are decoded
        """The named labels, as FiftyOne holds them."""
        return self.decoded.filter(is_named(named))

    def stamped(self, stamps: pl.DataFrame) -> pl.DataFrame:
        """The samples with one of these stamps (:data:`syncd.diff.inputs.STAMPS_SCHEMA`)."""
        found = [with_stamps(part, stamps) for part in self.decoded]
        return pl.concat([pl.DataFrame(schema=STAMPS_SCHEMA), *found]).unique()


class Partitioned:
    """Both sides and the baseline, partitioned; and, in another folder, first meetings that need no look.

    ``count`` is the number of partitions; ``None`` where everything stays in memory.
    """

    def __init__(
        self, folder: Path, kept: Path, mapping: Mapping, count: int | None, labels: PartitionedLabels
    ) -> None:
        self.fiftyone = labels
        self.database = Parts(folder / "database", schema(Side.DATABASE, mapping.in_database), count)
        digested = labels.recogniser is not None and labels.recogniser.knows_any
        self.baseline = PartitionedBaseline(folder / "baseline", mapping, count, digested=digested)
        self.met = Parts(kept, met_schema(mapping), count)
        self.absent = Parts(folder / "absent", {"annotation_id": pl.String()}, count)

    def compare(self, decode: Decode) -> None:
        """Compares documents with the baseline; call it once, when everything has been added."""
        self.fiftyone.compare(self.baseline.digests, decode)

    def unsettled(self, rules: Rules, find_samples: Callable[[list[str]], pl.DataFrame]) -> Named:
        """Finds unsettled annotations, partition by partition; keeps first meetings and rows without a sample apart.

        ``find_samples`` says which samples FiftyOne has for some media.
        """
        found = remembered(rules)
        numbers = []
        for part in range(self.baseline.parts.count):
            known, rows = self.baseline.parts.part(part), self.database.part(part)
            decoded, standing = self.fiftyone.decoded.part(part), self.fiftyone.standing_for(known)
            numbers += [places(decoded), places(standing)]
            at_once = settled_by_sample(rules, standing, decoded, rows)
            known, rows, standing = (
                frame.join(at_once, on="annotation_id", how="anti") for frame in (known, rows, standing)
            )
            unsettled_part = without_settled(rules, known, pl.concat([decoded, standing]), rows)
            found = found.with_(unsettled_part.named)
            self.met.add(unsettled_part.met)
            media = unsettled_part.new["media"].drop_nulls().unique().to_list()
            samples = find_samples(media) if media else empty_samples()
            found = found.with_(
                Named.of(unsettled_part.new.join(samples, on="media", how="semi").select("annotation_id"))
            )
            self.absent.add(unsettled_part.new.join(samples, on="media", how="anti").select("annotation_id"))
        shared = shared_places(pl.concat(numbers))
        if shared:
            for part, baseline in enumerate(self.baseline.parts):
                labels = self.fiftyone.part(part, baseline)
                found = found.with_(Named.of(labels.filter(places(labels).is_in(list(shared)))))
        return found

    def not_ingested(self, named: Named) -> int:
        """Counts the rows without a sample that are not named."""
        return sum(
            part.filter(~pl.col("annotation_id").is_in(list(named.annotation_ids))).height for part in self.absent
        )

    def stamped(self, stamps: pl.DataFrame) -> pl.DataFrame:
        """The samples with one of these stamps, settled ones included (:data:`syncd.diff.inputs.STAMPS_SCHEMA`)."""
        return pl.DataFrame(schema=STAMPS_SCHEMA) if stamps.is_empty() else self.fiftyone.stamped(stamps)

    def closed(self, named: Named, decode: Decode) -> Left:
        """Labels, rows and baseline of the named annotations and of all that belongs to them, which is named too."""
        if named == Named():
            return Left(self.fiftyone.decoded.none, self.database.none, self.baseline.parts.none, named)
        while True:
            # The baseline says where a label of a recognised document stands.
            found = self.fiftyone.decoded.filter(is_named(named))
            known = self.baseline.parts.filter(is_named(named))
            more = named.with_(Named.of(found, known))
            if more == named:
                break
            named = more
        labels = self.fiftyone.named(named, decode)
        bears = pl.col("annotation_id").is_in(list(named.annotation_ids))
        # A row without an id is no annotation's, but is counted.
        rows = self.database.filter(bears | pl.col("annotation_id").is_null())
        return Left(labels, rows, known, named)
