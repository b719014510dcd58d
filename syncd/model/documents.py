"""Samples' documents that are told by a hash of what the server sends, so that they need not be decoded again."""

from __future__ import annotations

import polars as pl

from syncd.model.kinds import TIMESTAMP_DTYPE

HASHES = ("hash_1", "hash_2")
"""Columns of a document's hash: two numbers of 64 bits."""

DIGEST = ("digest_1", "digest_2")
"""Columns of a digest of all labels of one sample."""

HASHED_SCHEMA: dict[str, pl.DataType] = {"sample_id": pl.String()} | {name: pl.UInt64() for name in HASHES}
"""A document that was met, and its hash."""

DOCUMENTS_SCHEMA: dict[str, pl.DataType] = HASHED_SCHEMA | {"document": pl.Binary()}
"""The same with the document itself, not decoded."""

DIGESTS_SCHEMA: dict[str, pl.DataType] = {
    "sample_id": pl.String(),
    "labels": pl.UInt32(),
    **{name: pl.UInt64() for name in DIGEST},
}
"""What labels a sample holds: their number, and a digest of their ids and values."""

FAMILIAR_SCHEMA: dict[str, pl.DataType] = HASHED_SCHEMA | DIGESTS_SCHEMA | {"edited_at": TIMESTAMP_DTYPE}
"""What a document of that hash holds, as it was found when it was decoded. ``edited_at`` is null without labels."""
