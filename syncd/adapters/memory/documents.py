"""Samples in memory as documents with hashes, like FiftyOne's."""

from __future__ import annotations

from typing import Any

import polars as pl

from syncd.model.documents import DOCUMENTS_SCHEMA, HASHES, both_hashes

Rows = list[dict[str, Any]]


class Documents:
    """The documents of one reading."""

    def __init__(self, samples: dict[str, Rows]) -> None:
        self._held = {repr((sample_id, rows)).encode(): rows for sample_id, rows in sorted(samples.items())}
        found = pl.DataFrame(
            {"sample_id": sorted(samples), "document": list(self._held)},
            schema={"sample_id": pl.String(), "document": pl.Binary()},
        )
        self.frame = found.with_columns(both_hashes(pl.col("document"), HASHES)).select(*DOCUMENTS_SCHEMA)
        """One row per sample (``DOCUMENTS_SCHEMA``)."""

    def rows_of(self, documents: pl.DataFrame) -> Rows:
        """The labels in some of them."""
        return [row for document in documents["document"] for row in self._held[document]]
