"""Snapshots: the annotations of one side at one moment, as columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from syncd.model.kinds import Kind, dtype
from syncd.model.mapping import Mapping, Side
from syncd.model.plan import Edited

TIMESTAMP_DTYPE = dtype(Kind.TIMESTAMP)

PREFIX = "value."
"""Prefix of a mapped field's column, so that an attribute may bear any name."""


def column(name: str) -> str:
    """Name of the column that holds the mapped field ``name``."""
    return PREFIX + name


META: dict[Side, dict[str, pl.DataType]] = {
    Side.FIFTYONE: {
        "annotation_id": pl.String(),
        "label_id": pl.String(),
        "sample_id": pl.String(),
        "media": pl.String(),
        "frame": pl.String(),
        "edited_at": TIMESTAMP_DTYPE,
        "actor": pl.String(),
        "tags": pl.List(pl.String),
        "sample_tags": pl.List(pl.String),
        "user": pl.String(),
        "problems": pl.String(),
    },
    Side.DATABASE: {
        "annotation_id": pl.String(),
        "media": pl.String(),
        "frame": pl.String(),
        "edited_at": TIMESTAMP_DTYPE,
        "actor": pl.String(),
        "problems": pl.String(),
    },
}
"""Columns of a snapshot besides the fields.

``problems`` is null, or a JSON object {field: raw value as text} of the values that could not be read as the
field's kind; such a field is null in its own column and must not be taken for a cleared value. ``tags`` are the
label's and ``sample_tags`` its sample's: null where there is none. ``actor`` is who the label itself names as its
editor, ``user`` who FiftyOne says touched its sample last (most often it does not know). ``frame`` is null except of
crops: the image that they were cut from, while ``media`` is what ties each to its row.
"""

SAMPLES_SCHEMA: dict[str, pl.DataType] = {
    "sample_id": pl.String(),
    "media": pl.String(),
    "occupied": pl.Boolean(),
    "edited_at": TIMESTAMP_DTYPE,
}
"""Samples that were looked up: ``occupied`` says that a single-label field already holds a label."""


def schema(side: Side, mapping: Mapping) -> dict[str, pl.DataType]:
    """The exact columns of a snapshot of that side, in order."""
    return META[side] | {column(each.name): dtype(each.kind) for each in mapping.fields}


def baseline_schema(mapping: Mapping) -> dict[str, pl.DataType]:
    """Columns of a baseline frame; ``known.<field>`` is false where no value was ever agreed for that field.

    ``image`` names the image on which the label stood when its row was compared with it last.
    """
    ids: dict[str, pl.DataType] = {
        "annotation_id": pl.String(),
        "label_id": pl.String(),
        "sample_id": pl.String(),
        "image": pl.String(),
    }
    values = {column(each.name): dtype(each.kind) for each in mapping.fields}
    known: dict[str, pl.DataType] = {known_column(each.name): pl.Boolean() for each in mapping.fields}
    return ids | values | known


def known_column(name: str) -> str:
    """Name of the baseline column that says whether a value of the field was ever agreed."""
    return "known." + name


@dataclass(frozen=True)
class Snapshot:
    """What one side held when it was read.

    ``complete`` is true only where every annotation of the side was read without an error: deletions are inferred
    from complete snapshots alone. ``as_of`` is the server's clock when the read began; ``touched`` are the samples
    that an incremental read found stamped, those among them included that hold no label (any more). ``scanned`` is
    the number of annotations read, where ``rows`` holds only those that are not settled. ``hidden`` are annotations
    that belong to what was read and whose rows are in the table (or may be, where nobody can tell), although the view
    or the policy through which it is read does not show them: they are neither there nor deleted. ``deleted`` are
    annotations that the side itself names as deleted since, with who did it and when, as far as it tells. That
    nominates them and proves nothing: what is not found by its id either counts as deleted.
    """

    side: Side
    rows: pl.DataFrame
    complete: bool
    as_of: datetime
    touched: frozenset[str] = frozenset()
    scanned: int | None = None
    hidden: frozenset[str] = frozenset()
    deleted: dict[str, Edited] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Number of annotations read."""
        return self.rows.height if self.scanned is None else self.scanned


FEW = 500


def distinct(name: str, *frames: pl.DataFrame) -> set[str]:
    """The different texts in a column of some frames."""
    found = {each for frame in frames for each in _few(frame[name]).to_list()}
    found.discard(None)
    return found


def _few(values: pl.Series) -> pl.Series:
    """Python strings are expensive to make: many values are made unique first; for few values that costs more."""
    return values if len(values) <= FEW else values.unique()


def empty(side: Side, mapping: Mapping) -> pl.DataFrame:
    """A snapshot's frame without rows."""
    return pl.DataFrame(schema=schema(side, mapping))


def empty_samples() -> pl.DataFrame:
    """A frame of looked-up samples without rows."""
    return pl.DataFrame(schema=SAMPLES_SCHEMA)


@dataclass(frozen=True)
class Mark:
    """The newest entry of syncd's change log when it last wrote, by number and hash, and its ``run``.

    ``first`` is the first run of the binding, which distinguishes one installation of syncd from another.
    """

    first: str
    run: str
    seq: int
    hash: str


@dataclass(frozen=True)
class Origin:
    """What a side is, beyond its rows: distinguishes a dataset that was rebuilt from one that was edited.

    ``identity`` is the dataset's own id and collection, or the table's name with its database and server; ``rows`` a
    cheap count; ``deleted_at`` the side's own hint that something was deleted; ``mark`` what syncd has left there.
    """

    identity: str
    rows: int | None = None
    deleted_at: datetime | None = None
    notes: tuple[str, ...] = field(default=())
    mark: Mark | None = None


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

DOCUMENT_CACHE_SCHEMA: dict[str, pl.DataType] = HASHED_SCHEMA | DIGESTS_SCHEMA | {"edited_at": TIMESTAMP_DTYPE}
"""What a document of that hash holds, as it was found when it was decoded. ``edited_at`` is null without labels."""
