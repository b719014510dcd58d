"""Columns for samples' documents that the document cache recognises by a hash, so that they are not decoded again."""

from __future__ import annotations

import polars as pl

from syncd.model.snapshot import TIMESTAMP_DTYPE

HASHES = ("hash_1", "hash_2")
"""Columns of a document's hash: two numbers of 64 bits."""

DIGEST = ("digest_1", "digest_2")
"""Columns of a digest of all labels of one sample."""


def both_hashes(value: pl.Expr, names: tuple[str, str]) -> list[pl.Expr]:
    """Two hashes of a column under these names, which agree by chance less often than one would."""
    return [value.hash(seed).alias(name) for seed, name in enumerate(names, start=1)]


HASHED_SCHEMA: dict[str, pl.DataType] = {"sample_id": pl.String()} | {name: pl.UInt64() for name in HASHES}
"""A document that was met, and its hash; all null where it is not as FiftyOne makes them, and cannot be told."""

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
