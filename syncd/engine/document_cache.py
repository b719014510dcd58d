"""The document cache: recognises samples' documents that were decoded before, so that a sweep need not decode them.

The cache knows the digest of the labels in a document, by the document's hash. Where the baseline has the same digest
for the sample, the labels are what was agreed, ids and values alike, and the baseline stands for them; every other
document is decoded after all. So the cache is believed only against the baseline as it is now, and cannot be out of
date: a file that is lost, old or damaged means that documents are decoded again.

What the baseline does not hold, tags above all, is decoded from the document, which is kept until the run is over. A
sample is never recognised if tags say something about its labels or a value in it cannot be read.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.ipc

from syncd.diff.reverts import with_stamps
from syncd.diff.settled import Named, digests
from syncd.engine.partitioned import Decode, PartitionedLabels
from syncd.engine.partitions import Chunks, Parts
from syncd.files import whole_file
from syncd.logs import Logger
from syncd.model import Mapping, Side
from syncd.model.snapshot import (
    DIGEST,
    DIGESTS_SCHEMA,
    DOCUMENT_CACHE_SCHEMA,
    DOCUMENTS_SCHEMA,
    HASHED_SCHEMA,
    HASHES,
    schema,
)

SpokenOf = Callable[[pl.DataFrame], Collection[str]]
"""The samples about whose labels a tag says anything."""

UNCHANGED_SCHEMA = {name: type_ for name, type_ in DOCUMENT_CACHE_SCHEMA.items() if name not in (*HASHES, *DIGEST)}

MOST_SAMPLES = 2_000_000
"""A cached sample takes some 250 bytes of memory while both sides are compared: more samples are not cached."""

MOST = 0.5
"""Where a smaller share of a batch is recognised, decoding all of it is faster."""


class CacheLookup:
    """The document cache during one read: the documents that it recognises, and what it learns of the others.

    ``known`` is the content of the cache (``DOCUMENT_CACHE_SCHEMA``), in the order of the samples.
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
        self._learnt.append(learnt.select(*DOCUMENT_CACHE_SCHEMA))

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


class CachedLabels(PartitionedLabels):
    """FiftyOne's labels, partitioned: decoded ones, and beside them documents that the document cache recognised.

    ``save`` replaces the content of the cache (``DOCUMENT_CACHE_SCHEMA``).
    """

    def __init__(self, decoded: Parts, recognised: CacheLookup, save: Callable[[pl.DataFrame], None]) -> None:
        super().__init__(decoded)
        self.recogniser = self.recognised = recognised
        self._save = save

    def clear(self) -> None:
        """Drops what was added and what was recognised."""
        super().clear()
        self.recognised.clear()

    def compare(self, agreed: Callable[[], pl.DataFrame], decode: Decode) -> None:
        """Decodes the recognised documents that do not hold what was agreed; the cache keeps what was learnt."""
        if self.recognised.knows_any:
            self.recognised.compare(agreed())
            for documents in self.recognised.changed():
                self.add(decode(documents))
        known = self.recognised.known_now()
        if known is not None:
            self._save(known)

    @property
    def rows(self) -> int:
        """How many labels there are."""
        return super().rows + self.recognised.labels

    def standing_for(self, baseline: pl.DataFrame) -> pl.DataFrame:
        """The labels in recognised documents that hold what was agreed."""
        return self.recognised.standing_for(baseline)

    def named(self, named: Named, decode: Decode) -> pl.DataFrame:
        """The named labels, as FiftyOne holds them; of recognised documents, all labels of their samples."""
        documents = self.recognised.documents_of(named.sample_ids)
        found = super().named(named, decode)
        return found if documents.is_empty() else pl.concat([found, decode(documents)])

    def stamped(self, stamps: pl.DataFrame) -> pl.DataFrame:
        """The samples with one of these stamps, those of recognised documents included."""
        return pl.concat([super().stamped(stamps), with_stamps(self.recognised.unchanged, stamps)]).unique()


log = Logger(__name__)

FORMAT = "1"
ENDING = ".familiar"
LZ4 = pa.ipc.IpcWriteOptions(compression="lz4")
RULES = b"syncd"
"""The key under which the file names the rules by which documents were decoded."""

FORGOTTEN_S = 30 * 24 * 3600.0
"""A file that nobody used for so long belongs to a dataset that is gone."""


@dataclass(frozen=True)
class DocumentCache:
    """The cache file of one binding and dataset. ``decoding`` identifies how documents are decoded."""

    path: Path
    decoding: str

    @staticmethod
    def of(binding: str, dataset: str, decoding: str) -> DocumentCache | None:
        """The file of a binding's dataset, in this user's cache folder; ``None`` for a user without a home."""
        name = blake2b(f"{binding}\0{dataset}".encode(), digest_size=12).hexdigest()
        folder = cache_folder()
        return None if folder is None else DocumentCache(folder / "documents" / f"{name}{ENDING}", decoding)

    def labels(
        self, decoded: Parts, documents: Path | None, mapping: Mapping, spoken_of: SpokenOf, rules: str
    ) -> CachedLabels:
        """Receives labels, in ``decoded``, and recognised documents, in the folder ``documents`` or in memory.

        ``rules`` are those by which documents are decoded.
        """
        recognised = CacheLookup(documents, mapping, self.load(rules), spoken_of)
        return CachedLabels(decoded, recognised, lambda known: self.save(known, rules))

    def load(self, rules: str) -> pl.DataFrame:
        """The cached documents (``DOCUMENT_CACHE_SCHEMA``), if the same rules decoded them; or nothing."""
        none = pl.DataFrame(schema=DOCUMENT_CACHE_SCHEMA)
        try:
            with pa.ipc.open_file(self.path.read_bytes()) as file:
                table = file.read_all()
            table.validate(full=True)
            os.utime(self.path)
        except (OSError, pa.ArrowException) as error:
            if not isinstance(error, FileNotFoundError):
                log.info("what documents hold cannot be read; all are decoded", file=str(self.path), why=str(error))
            return none
        if (table.schema.metadata or {}).get(RULES) != self._rules(rules) or len(table) == 0:
            return none
        found = pl.DataFrame(pl.from_arrow(table))
        return found if _is_sound(found) else none

    def save(self, known: pl.DataFrame, rules: str) -> None:
        """Replaces the content of the file; where that fails, all documents are decoded the next time."""
        table = known.select(*DOCUMENT_CACHE_SCHEMA).to_arrow()
        table = table.replace_schema_metadata({RULES: self._rules(rules)})
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _forget_old(self.path.parent)
            with (
                whole_file(self.path, private=True) as file,
                pa.ipc.new_file(file, table.schema, options=LZ4) as writer,
            ):
                writer.write_table(table)
        except OSError as error:
            log.info("what documents hold cannot be kept", file=str(self.path), why=error.strerror or str(error))

    def _rules(self, rules: str) -> bytes:
        return f"{FORMAT};{pl.__version__};{self.decoding};{rules}".encode()


def cache_folder() -> Path | None:
    """This user's cache folder by the XDG base directory specification; ``None`` without a home."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    if Path(named).is_absolute():
        return Path(named) / "syncd"
    try:
        return Path("~/.cache/syncd").expanduser()
    except RuntimeError:  # of Path: neither HOME nor the system's list of users names one
        return None


def _is_sound(found: pl.DataFrame) -> bool:
    """Whether this is what was saved: each sample once, in order."""
    if dict(found.schema) != DOCUMENT_CACHE_SCHEMA:
        return False
    ids = found["sample_id"]
    return ids.null_count() == 0 and bool((ids.shift() < ids).all())


def _forget_old(folder: Path) -> None:
    old = time.time() - FORGOTTEN_S
    for each in folder.glob(f"*{ENDING}"):
        if each.stat().st_mtime < old:
            each.unlink(missing_ok=True)
