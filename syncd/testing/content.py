"""The annotations that a side in memory holds, and how they are read."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any, TypeAlias

import polars as pl

from syncd.model import Mapping, Value
from syncd.model.snapshot import DOCUMENTS_SCHEMA, HASHES, both_hashes
from syncd.model.values import canonical_value

Content: TypeAlias = "dict[str, Value]"


def utc_now() -> datetime:
    """This machine's clock."""
    return datetime.now(timezone.utc)


def canonical_values(mapping: Mapping, values: Content, problems: dict[str, str]) -> Content:
    """All mapped values in canonical form; what is absent, and what cannot be read, is null."""
    return {
        each.name: None if each.name in problems else canonical_value(each.kind, values.get(each.name))
        for each in mapping.fields
    }


def problems_json(problems: dict[str, str]) -> str | None:
    """The ``problems`` of one annotation as a snapshot has them."""
    return json.dumps(problems, separators=(",", ":"), ensure_ascii=False) if problems else None


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
