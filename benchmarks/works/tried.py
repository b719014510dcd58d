"""Other ways to find out whether anything has changed, beside reading columns: what was tried, and what it costs.

None of them is what syncd does; docs/performance.md says why. Each would still need what it found the last time, from
which only what differs would be read: that comes on top.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.place import BINDING, LABEL_FIELD, SCHEMA, TABLE, Place
from benchmarks.works.bare import Bare, bare
from benchmarks.works.work import Trial, Work

RANGES = 256
LENGTH = struct.Struct("<i")

_DIGEST = """
SELECT get_byte(decode(md5({key}), 'hex'), 0) AS range, count(*), sum(hashtextextended(ROW({columns})::text, 0))
FROM {table} AS t {where} GROUP BY 1"""
TABLE_DIGEST = _DIGEST.format(
    key="annotation_id::text",
    columns="annotation_id, media_uri, label, x, y, w, h, depth_m, verified",
    table=TABLE,
    where="",
)
BASELINE_DIGEST = _DIGEST.format(
    key="annotation_id",
    columns="annotation_id, label_id, sample_id, fields::text",
    table=f"{SCHEMA}.baseline",
    where=f"WHERE binding = '{BINDING}'",
)


def hashed(found: Bare, place: Place) -> int:
    """A hash of each sample as the server sends it, not decoded. Keys in another order would only be a false alarm."""
    wanted = {LABEL_FIELD: 1, found.labels.media_path: 1, "tags": 1, "last_modified_at": 1}
    samples = 0
    for batch in found.samples.find_raw_batches({}, wanted):
        start = 0
        while start < len(batch):
            (length,) = LENGTH.unpack_from(batch, start)
            hashlib.blake2b(batch[start : start + length], digest_size=16).digest()
            start += length
            samples += 1
    return _as_labels(samples, place)


def digested_by_mongodb(found: Bare, place: Place) -> int:
    """A digest of each range of samples, made in the server.

    Its hash leaves fractions out, so that numbers must become text first.
    """
    held = f"${found.labels.path}"

    def text(label: str) -> dict[str, Any]:
        box = {"$map": {"input": {"$ifNull": [f"{label}.bounding_box", []]}, "in": {"$toString": "$$this"}}}
        names = [found.labels.id_attribute, "label", "_id", "depth", "verified", "tags"]
        plain = [f"{label}.{name}" for name in names if name != "depth"]
        return {"values": [*plain, {"$toString": f"{label}.depth"}, box]}

    each = {"$map": {"input": held, "as": "label", "in": text("$$label")}} if found.labels.is_list else text(held)
    of_sample = [{"$toString": "$_id"}, f"${found.labels.media_path}", "$tags", each]
    key = {"$toHashedIndexKey": "$_id"}
    stages: list[dict[str, Any]] = [
        {"$project": {"range": {"$mod": [key, RANGES]}, "hash": {"$toHashedIndexKey": of_sample}}},
        {"$group": {"_id": "$range", "samples": {"$sum": 1}, "digest": {"$sum": {"$toDecimal": "$hash"}}}},
    ]
    return _as_labels(sum(group["samples"] for group in found.samples.aggregate(stages)), place)


def digested_by_postgresql(statement: str) -> Callable[[Bare, Place], int]:
    """A digest of each range of rows, made in the server."""

    def read(found: Bare, _: Place) -> int:
        with found.postgres.cursor() as cursor:
            cursor.execute(statement)
            return int(sum(cursor.fetch_arrow_table().column(1).to_pylist()))

    return read


def _as_labels(samples: int, place: Place) -> int:
    """The number of labels where all samples were met."""
    per_sample = place.shape.per_sample
    if samples != -(-place.labels // per_sample):
        raise BenchmarkError(f"met {samples:,} samples, which is not where {place.labels:,} labels are")
    return place.labels


def _work(name: str, title: str, read: Callable[[Bare, Place], int], basis: str) -> Work:
    @contextmanager
    def opened(place: Place) -> Iterator[Trial]:
        with bare(place) as found:

            def run() -> int:
                labels = read(found, place)
                if labels != place.labels:
                    raise BenchmarkError(f"{name} met {labels:,} of {place.labels:,} labels")
                return labels

            yield Trial(run)

    return Work(name, title, opened, basis=basis)


WORKS = (
    _work("tried-bson-hashed", "tried: FiftyOne's documents, not decoded, each hashed", hashed, "bare-fiftyone"),
    _work("tried-digest-fiftyone", "tried: digests of ranges, made in MongoDB", digested_by_mongodb, "bare-fiftyone"),
    _work(
        "tried-digest-database",
        "tried: digests of ranges of the table, made in PostgreSQL",
        digested_by_postgresql(TABLE_DIGEST),
        "bare-database",
    ),
    _work(
        "tried-digest-baseline",
        "tried: digests of ranges of the baseline, made in PostgreSQL",
        digested_by_postgresql(BASELINE_DIGEST),
        "bare-baseline",
    ),
)
