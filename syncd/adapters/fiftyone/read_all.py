"""Reading every label, some samples at a time; a document that holds what is known of it is not decoded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import polars as pl
from bson import ObjectId
from pymongo.client_session import ClientSession
from pymongo.errors import OperationFailure

from syncd.adapters.base import Recogniser, Sink
from syncd.adapters.fiftyone.document_hashes import documents, joined
from syncd.adapters.fiftyone.fast_decode import STRANGE, can_be_plain, fetch, plain
from syncd.adapters.fiftyone.mapping import LabelMapping
from syncd.adapters.fiftyone.read import CHUNK, SNAPSHOT_UNAVAILABLE, Documents, flattened, framed, one_moment
from syncd.model import Mapping

PAGE = 20_000
"""Samples read at a time."""


Finish = Callable[[pl.DataFrame], pl.DataFrame]
"""What is still to be done with a snapshot's frame."""


def read_all_labels(
    samples: Documents,
    labels: LabelMapping,
    mapping: Mapping,
    sink: Sink,
    recogniser: Recogniser | None,
    finish: Finish,
    *,
    replica_set: bool,
) -> None:
    """All labels but those in documents that are recognised; on a replica set all as they are at one moment."""
    try:
        with one_moment(samples, replica_set=replica_set) as session:
            _Reading(samples, labels, mapping, sink, recogniser, finish, session).read()
            return
    except OperationFailure as error:
        if error.code not in SNAPSHOT_UNAVAILABLE:
            raise
    # The server has no such moment (an index was just built): each document is still read whole.
    sink.clear()
    _Reading(samples, labels, mapping, sink, recogniser, finish, None).read()


def decode(samples: Documents, labels: LabelMapping, mapping: Mapping, kept: pl.DataFrame) -> pl.DataFrame:
    """The labels of documents that were recognised. All of it is plain, or they would not have been."""
    return framed(samples, labels, mapping, plain([joined(kept)], labels).rows, None)


@dataclass(frozen=True)
class _Reading:
    """One reading, in the order of the samples' ids, which never change: none is met twice or passed over."""

    samples: Documents
    labels: LabelMapping
    mapping: Mapping
    sink: Sink
    recogniser: Recogniser | None
    finish: Finish
    session: ClientSession | None

    def read(self) -> None:
        if not can_be_plain(self.labels):
            self._add_unwound({})
            return
        match: dict[str, Any] = {}
        while True:
            read, last = self._page(match, sort=[("_id", 1)], limit=PAGE)
            if read < PAGE:
                return
            match = {"_id": {"$gt": last}}

    def _page(self, match: dict[str, Any], **options: Any) -> tuple[int, ObjectId | None]:
        """Reads some samples. How many there were, and the last of them."""
        if self.recogniser is None or not self.recogniser.knows_any:
            return self._decode(match, **options)
        met = documents(self._fetch(match, checked=False, **options))
        if met.is_empty():
            return 0, None
        if met["sample_id"].null_count():
            return self._decode(match, **options)
        ids = [ObjectId(each) for each in self.recogniser.recognise(met)]
        if len(ids) == met.height:
            self._decode({"_id": {"$gte": ids[0], "$lte": ids[-1]}})
        else:
            for start in range(0, len(ids), CHUNK):
                self._decode({"_id": {"$in": ids[start : start + CHUNK]}})
        return met.height, ObjectId(met["sample_id"][-1])

    def _decode(self, match: dict[str, Any], **options: Any) -> tuple[int, ObjectId | None]:
        batches = self._fetch(match, checked=True, **options)
        found = plain(batches, self.labels)
        rows = self._framed(found.rows)
        self.sink.add(rows)
        if self.recogniser is not None:
            strange = [str(each) for each in found.others]
            met = documents(batches, appended=STRANGE).drop("document").drop_nulls()
            self.recogniser.decoded(rows, met.filter(~pl.col("sample_id").is_in(strange)))
        for start in range(0, len(found.others), CHUNK):
            self._add_unwound({"_id": {"$in": found.others[start : start + CHUNK]}})
        return found.read, found.last

    def _add_unwound(self, match: dict[str, Any]) -> None:
        self.sink.add(self._framed(flattened(self.samples, self.labels, match, self.session)))

    def _fetch(self, match: dict[str, Any], *, checked: bool, **options: Any) -> list[bytes]:
        return fetch(self.samples, self.labels, match, self.session, checked=checked, **options)

    def _framed(self, raw: pl.DataFrame) -> pl.DataFrame:
        return self.finish(framed(self.samples, self.labels, self.mapping, raw, self.session))
