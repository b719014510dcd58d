"""The FiftyOne side of a binding, read and written in its MongoDB without the SDK's sample objects, which go stale."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import polars as pl
from bson import ObjectId
from pymongo.database import Database

from syncd.adapters.base import Meanwhile, Recogniser, Sink
from syncd.adapters.fiftyone.bulk_write import send
from syncd.adapters.fiftyone.compat import CLASS, STAMP
from syncd.adapters.fiftyone.dataset import DatasetChanged, describe, leave_mark
from syncd.adapters.fiftyone.document_hashes import documents
from syncd.adapters.fiftyone.errors import asking
from syncd.adapters.fiftyone.invalid_text import exact, is_text, shown_by_bytes, within
from syncd.adapters.fiftyone.mapping import LabelMapping
from syncd.adapters.fiftyone.read import one_moment, read_labels, with_users
from syncd.adapters.fiftyone.read_all import decode, read_all_labels
from syncd.adapters.fiftyone.values import stored_forms, stored_id_forms
from syncd.adapters.fiftyone.write import Writer
from syncd.adapters.fiftyone.write_tags import tag_operations
from syncd.model import ID_FIELD, SAMPLE_FIELD, Action, Change, Mapping, Mark, Origin, Side, Snapshot, TagEdit
from syncd.model.canonical import other_forms, respelt
from syncd.model.result import Result
from syncd.model.snapshot import SAMPLES_SCHEMA, column, distinct, empty
from syncd.pipelining import ahead

CHUNK = 10_000
"""Ids per ``$in``: well below MongoDB's 16 MB for one command."""

READING, WRITING = "Reading from", "Writing to"

__all__ = ["DatasetChanged", "FiftyOneAdapter"]


class FiftyOneAdapter:
    """Annotations as labels inside the samples of one dataset."""

    side = Side.FIFTYONE

    def __init__(
        self,
        database: Database[dict[str, Any]],
        dataset: str,
        identity: str,
        labels: LabelMapping,
        mapping: Mapping,
        encoding: str | None = None,
    ) -> None:
        """``encoding`` is that of the database which is to hold ids and names, where it does not hold every text."""
        self.encoding = encoding
        self.database = database = shown_by_bytes(database)
        self.dataset = dataset
        self.identity = identity
        self.labels = labels
        self.mapping = mapping
        self.samples = database[identity.partition("/")[2]]
        self.writer = Writer(self.samples, labels, mapping)
        self._replica_set: bool | None = None

    @property
    def replica_set(self) -> bool:
        """Whether the server can read at one moment (and has change streams)."""
        if self._replica_set is None:
            with asking(READING):
                hello = self.database.client.admin.command("hello")
                # A router of a sharded cluster says so in another way, and can do the same.
                self._replica_set = "setName" in hello or hello.get("msg") == "isdbgrid"
        return self._replica_set

    def origin(self) -> Origin:
        """The dataset's own id and collection, its number of samples, and when it last deleted any."""
        info = describe(self.database, self.dataset, self.labels.label_field)
        with asking(READING):
            count = self.samples.estimated_document_count()
        mark = info.marks.get(self.mapping.binding)
        return Origin(info.identity, count, info.last_deletion_at, mark=mark)

    def leave_mark(self, mark: Mark) -> None:
        """Writes how far the change log has come beside the dataset; no sample is touched."""
        with asking(WRITING):
            leave_mark(self.database, self.identity.partition("/")[0], self.mapping.binding, mark)

    def now(self) -> datetime:
        """The time by MongoDB's clock, in UTC."""
        with asking(READING):
            moment: datetime = self.database.client.admin.command("hello")["localTime"]
        return moment.replace(tzinfo=timezone.utc)

    def read_all(self) -> Snapshot:
        """Every label. The dataset is looked at before and after: one that changed under the read is no snapshot."""
        self._check_identity()
        as_of = self.now()
        rows = self._read({})
        self._check_identity()
        return Snapshot(self.side, rows, complete=True, as_of=as_of)

    def read_all_to(self, sink: Sink, recogniser: Recogniser | None = None) -> datetime:
        """Every label, some samples at a time; on a replica set all as they are at one moment."""
        self._check_identity()
        as_of = self.now()
        with asking(READING):
            read_all_labels(
                self.samples,
                self.labels,
                self.mapping,
                sink,
                recogniser,
                self._with_users,
                replica_set=self.replica_set,
            )
        self._check_identity()
        return as_of

    def decode(self, documents: pl.DataFrame) -> pl.DataFrame:
        """The labels in these documents."""
        with asking(READING):
            return self._with_users(decode(self.samples, self.labels, self.mapping, documents))

    def read_since(self, since: datetime, meanwhile: Meanwhile | None = None) -> Snapshot:
        """All labels of samples stamped at or after ``since``; an indexed range read."""
        match = _stamped(since)
        as_of = self.now()
        # A sample whose last label was deleted yields no row, and is all the more worth a look. Looked up before the
        # labels are read: a sample stamped in between must not seem to have none.
        touched = self._sample_ids(match)
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="labels") as reader:
            reading = reader.submit(self._partial, [match], as_of) if touched else None
            if meanwhile is not None:
                meanwhile(touched)
            if reading is None:
                return Snapshot(self.side, empty(self.side, self.mapping), complete=False, as_of=as_of)
            snapshot = reading.result()
        return replace(snapshot, touched=touched | distinct("sample_id", snapshot.rows))

    def count_since(self, since: datetime, at_most: int) -> int:
        """The number of samples stamped at or after ``since``, from the index, up to ``at_most``."""
        with asking(READING):
            return self.samples.count_documents(_stamped(since), limit=at_most)

    def read_ids(self, ids: Collection[str]) -> Snapshot:
        """All labels of the samples in which these annotation ids stand."""
        path = f"{self.labels.path}.{self.labels.id_attribute}"
        forms = (form for each in ids for form in stored_id_forms(self.labels.id_kind, each))
        return self._partial({path: {"$in": chunk}} for chunk in _chunks(forms))

    def read_samples(self, sample_ids: Collection[str]) -> Snapshot:
        """All labels of these samples."""
        wanted = (ObjectId(each) for each in sample_ids if ObjectId.is_valid(each))
        return self._partial({"_id": {"$in": chunk}} for chunk in _chunks(wanted))

    def read_labels(self, label_ids: Collection[str]) -> Snapshot:
        """All labels of the samples in which labels of these ids stand; no index helps with that."""
        wanted = (ObjectId(each) for each in label_ids if ObjectId.is_valid(each))
        return self._partial({f"{self.labels.path}._id": {"$in": chunk}} for chunk in _chunks(wanted))

    def find_samples(self, media: Collection[str]) -> pl.DataFrame:
        """The samples with these media; ``occupied`` where a single-label field holds a label already.

        Those whose media are spelt in another Unicode normal form are found too, where no other is.
        """
        every = (form for each in media for name in (each, *other_forms(each)) for form in stored_forms(name))
        found = self._samples({self.labels.media_path: {"$in": chunk}} for chunk in _chunks(every))
        return _as_asked(found, media)

    def look_up_samples(self, sample_ids: Collection[str]) -> pl.DataFrame:
        """The same of the samples with these ids."""
        wanted = (ObjectId(each) for each in sample_ids if ObjectId.is_valid(each))
        return self._samples({"_id": {"$in": chunk}} for chunk in _chunks(wanted))

    def _samples(self, matches: Iterable[dict[str, Any]]) -> pl.DataFrame:
        path = self.labels.media_path
        rows = []
        projection = {path: 1, f"{self.labels.label_field}.{CLASS}": 1, STAMP: 1}
        for match in matches:
            with asking(READING):
                found = list(exact(self.samples).find(match, projection))
            for document in found:
                held = document.get(self.labels.label_field) is not None
                medium, stamp = _dig(document, path), document.get(STAMP)
                if isinstance(medium, str) and not is_text(medium):
                    medium = None
                rows.append(
                    {
                        "sample_id": str(document["_id"]),
                        "media": None if medium is None else str(medium),
                        "occupied": held and not self.labels.is_list,
                        "edited_at": stamp.replace(tzinfo=timezone.utc) if isinstance(stamp, datetime) else None,
                    }
                )
        return pl.DataFrame(rows, schema=SAMPLES_SCHEMA, orient="row")

    def write(self, changes: Sequence[Change]) -> list[Result]:
        """Writes, then reads the touched samples back: what is there now is what counts."""
        return self.write_slices([changes]) if changes else []

    def write_slices(self, slices: Iterable[Sequence[Change]]) -> list[Result]:
        """The same, slice by slice: each is read back while the next one is on its way."""
        results: list[Result] = []

        def written() -> Iterator[tuple[Sequence[Change], dict[int, str]]]:
            for changes in slices:
                self._check_identity()
                with asking(WRITING):
                    refused = self.writer.write(changes)
                yield changes, refused

        ahead(written(), lambda slice_: results.extend(self._read_back(*slice_)))
        return results

    def _read_back(self, changes: Sequence[Change], refused: dict[int, str]) -> list[Result]:
        targets = [str(each.new) for each in changes if each.field == SAMPLE_FIELD]
        rows = self.read_samples([*(str(each.sample_id) for each in changes), *targets]).rows
        # Of all labels of these samples, those that are meant: going through rows one by one takes long.
        named = pl.col("label_id").is_in([str(each.label_id) for each in changes])
        meant = named | pl.col("annotation_id").is_in([str(each.annotation_id) for each in changes])
        by_label, by_id = {}, {}
        for found in rows.filter(meant).iter_rows(named=True):
            by_label[found["sample_id"], found["label_id"]] = found
            by_id[found["sample_id"], found["annotation_id"]] = found
        results = []
        for position, change in enumerate(changes):
            sample = str(change.sample_id)
            if change.action is Action.INSERT:
                row = by_id.get((sample, str(change.annotation_id)))
            else:
                row = by_label.get((sample, str(change.label_id)))
            if row is None and change.field == SAMPLE_FIELD:
                row = by_label.get((str(change.new), str(change.label_id)))
            results.append(self._result(change, row, refused.get(position)))
        return results

    def write_tags(self, edits: Sequence[TagEdit]) -> None:
        """Puts tags on labels and samples and takes them off, one by one and never the list as a whole."""
        if edits:
            self._check_identity()
            with asking(WRITING):
                send(self.samples, tag_operations(self.labels, edits))

    def _result(self, change: Change, row: dict[str, Any] | None, refused: str | None) -> Result:
        if row is None:
            return Result(change, present=False, refused=refused)
        if change.field == ID_FIELD:
            after = row["annotation_id"]
        elif change.field == SAMPLE_FIELD:
            after = row["sample_id"]
        elif change.field is None:
            after = {name: row[column(name)] for name in self.mapping.names}
        else:
            after = row[column(change.field)]
        return Result(change, present=True, after=after, label_id=row["label_id"], refused=refused)

    def _sample_ids(self, match: dict[str, Any]) -> frozenset[str]:
        with asking(READING), one_moment(self.samples, replica_set=self.replica_set) as session:
            found = documents(self.samples.find_raw_batches(match, {"_id": 1}, session=session))
        return frozenset(found["sample_id"].drop_nulls())

    def _partial(self, matches: Iterable[dict[str, Any]], as_of: datetime | None = None) -> Snapshot:
        as_of = as_of or self.now()
        frames = [self._read(match) for match in matches]
        rows = pl.concat(frames) if frames else empty(self.side, self.mapping)
        if len(frames) > 1:
            # A sample may hold ids of two chunks; its labels must not be there twice.
            rows = _once(rows, frames)
        return Snapshot(self.side, rows, complete=False, as_of=as_of)

    def _read(self, match: dict[str, Any]) -> pl.DataFrame:
        with asking(READING):
            rows = read_labels(self.samples, self.labels, self.mapping, match, replica_set=self.replica_set)
            return self._with_users(rows)

    def _with_users(self, rows: pl.DataFrame) -> pl.DataFrame:
        rows = with_users(self.database, self.identity.partition("/")[0], rows)
        return rows if self.encoding is None else within(self.encoding, rows)

    def _check_identity(self) -> None:
        found = describe(self.database, self.dataset, self.labels.label_field).identity
        if found != self.identity:
            raise DatasetChanged(
                f"The dataset {self.dataset!r} was replaced by another of the same name meanwhile.",
                remedy="Run `syncd reconcile --full` to look at it as it is now.",
            )


def _stamped(since: datetime) -> dict[str, Any]:
    return {STAMP: {"$gte": since.astimezone(timezone.utc).replace(tzinfo=None)}}


def _once(rows: pl.DataFrame, frames: list[pl.DataFrame]) -> pl.DataFrame:
    """Keeps each sample's labels from the first frame that holds the sample."""
    part = pl.concat([pl.Series("part", [index] * frame.height, pl.Int32) for index, frame in enumerate(frames)])
    first = rows.with_columns(part).with_columns(pl.col("part").min().over("sample_id").alias("first"))
    return first.filter(pl.col("part") == pl.col("first")).drop("part", "first")


def _as_asked(samples: pl.DataFrame, media: Collection[str]) -> pl.DataFrame:
    """The samples that were asked for, by the names by which they were."""
    wanted, names = set(media), samples["media"].drop_nulls()
    if all(each in wanted for each in names):
        return samples
    meant = respelt(names, wanted)
    known = samples.filter(pl.col("media").is_in([*wanted, *meant]))
    return known.with_columns(pl.col("media").replace(meant))


def _chunks(values: Iterable[Any]) -> Iterator[list[Any]]:
    """The different values, in an order that does not depend on that of their set."""
    by_type: dict[str, list[Any]] = {}
    for each in set(values):
        by_type.setdefault(type(each).__name__, []).append(each)
    ordered = [value for name in sorted(by_type) for value in sorted(by_type[name])]
    for start in range(0, len(ordered), CHUNK):
        yield ordered[start : start + CHUNK]


def _dig(document: dict[str, Any], path: str) -> Any:
    found: Any = document
    for part in path.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found
