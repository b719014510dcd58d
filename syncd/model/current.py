"""The current values of some annotations on both sides, and where each annotation is known to stand.

A person's command looks annotations up here. Unlike a snapshot for the diff, this says nothing of other annotations.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import polars as pl

from syncd.model.kinds import Value
from syncd.model.mapping import Mapping
from syncd.model.snapshot import column

Row: TypeAlias = "dict[str, Any]"
"""One row of a snapshot or of the baseline, by column."""


@dataclass(frozen=True)
class Present:
    """``labels`` are all labels of every sample concerned, ``rows`` the database's, ``known`` the baseline.

    ``samples`` has the form of :data:`syncd.model.snapshot.SAMPLES_SCHEMA`, and holds besides those of the labels the
    samples of the images that rows name and their labels do not; ``hidden`` are the annotations whose rows the
    database keeps and does not show, ``not_given_yet`` the ids of labels that the owner of ids is still to give.
    """

    labels: pl.DataFrame
    rows: pl.DataFrame
    known: pl.DataFrame
    samples: pl.DataFrame
    hidden: frozenset[str] = frozenset()
    not_given_yet: frozenset[str] = frozenset()

    def label_at(self, sample_id: str | None, label_id: str | None) -> Row | None:
        """The label of that id in that sample; ``None`` where there is none, or more than one."""
        found = self._by_place.get((sample_id, label_id), ())
        return found[0] if len(found) == 1 else None

    def labels_of(self, annotation_id: str | None) -> tuple[Row, ...]:
        """Every label that bears the annotation id."""
        return () if annotation_id is None else self._by_id.get(annotation_id, ())

    def rows_of(self, annotation_id: str | None) -> tuple[Row, ...]:
        """Every row that bears the annotation id: one, if all is well."""
        return () if annotation_id is None else self._rows.get(annotation_id, ())

    def row(self, annotation_id: str | None) -> Row | None:
        """The row of the annotation; ``None`` where there is none, or more than one."""
        found = self.rows_of(annotation_id)
        return found[0] if len(found) == 1 else None

    def label(self, annotation_id: str | None) -> Row | None:
        """The label of the annotation: the one in its known place, else the only one; ``None`` in doubt."""
        found = self.labels_of(annotation_id)
        home = self.home(annotation_id)
        if home is not None:
            at_home = self.label_at(home["sample_id"], home["label_id"])
            if at_home is not None and at_home["annotation_id"] == annotation_id:
                return at_home
        return found[0] if len(found) == 1 else None

    def home(self, annotation_id: str | None) -> Row | None:
        """The annotation's row of the baseline."""
        return None if annotation_id is None else self._homes.get(annotation_id)

    def sample(self, sample_id: str | None) -> Row | None:
        """The sample of that id: its ``media``, and whether a single-label field is ``occupied``."""
        return None if sample_id is None else self._samples.get(sample_id)

    def samples_of(self, media: str | None) -> tuple[Row, ...]:
        """The samples that were looked up for the media of a row."""
        return tuple(each for each in self._samples.values() if media is not None and each["media"] == media)

    @cached_property
    def _by_place(self) -> dict[tuple[str | None, str | None], tuple[Row, ...]]:
        found: dict[tuple[str | None, str | None], tuple[Row, ...]] = {}
        for row in self.labels.iter_rows(named=True):
            place = (row["sample_id"], row["label_id"])
            found[place] = (*found.get(place, ()), row)
        return found

    @cached_property
    def _by_id(self) -> dict[str, tuple[Row, ...]]:
        return _grouped(self.labels)

    @cached_property
    def _rows(self) -> dict[str, tuple[Row, ...]]:
        return _grouped(self.rows)

    @cached_property
    def _homes(self) -> dict[str, Row]:
        return {row["annotation_id"]: row for row in self.known.iter_rows(named=True)}

    @cached_property
    def _samples(self) -> dict[str, Row]:
        return {row["sample_id"]: row for row in self.samples.iter_rows(named=True)}


def _grouped(frame: pl.DataFrame) -> dict[str, tuple[Row, ...]]:
    found: dict[str, tuple[Row, ...]] = {}
    for row in frame.filter(pl.col("annotation_id").is_not_null()).iter_rows(named=True):
        found[row["annotation_id"]] = (*found.get(row["annotation_id"], ()), row)
    return found


def content(mapping: Mapping, row: Row) -> dict[str, Value]:
    """All mapped values of a row by field name."""
    return {name: row[column(name)] for name in mapping.names}
