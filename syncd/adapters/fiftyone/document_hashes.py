"""Samples' documents as the server sends them: taken apart and hashed, without being decoded.

A document's hash is that of its elements, so that it is the same whether or not the server was asked to append what
it thinks of them (:data:`syncd.adapters.fiftyone.fast_decode.STRANGE`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

import polars as pl
import pyarrow as pa

from syncd.model.snapshot import DOCUMENTS_SCHEMA, HASHES, both_hashes

LENGTH = struct.Struct("<i")
ID_ELEMENT = b"\x07_id\x00"
"""How a document begins, after its length: with an ObjectId called ``_id``, which takes the next twelve bytes."""
ID_AT = LENGTH.size + len(ID_ELEMENT)
ID_BYTES = 12
END = b"\x00"


def documents(batches: Iterable[bytes], appended: str | None = None) -> pl.DataFrame:
    """The documents of raw batches (``DOCUMENTS_SCHEMA``), in their order.

    ``appended`` names a truth value that the server has put at the end of each, and that is not hashed. Of a document
    that does not begin or end as it should, id and hash are null.
    """
    flag = b"" if appended is None else b"\x08" + appended.encode() + b"\x00"
    tail = len(flag) + bool(flag)
    raw = pl.col("document")
    begins = raw.bin.slice(LENGTH.size, len(ID_ELEMENT)) == ID_ELEMENT
    ends = raw.bin.slice(raw.bin.size() - tail - len(END), len(flag)) == flag
    elements = raw.bin.slice(LENGTH.size, raw.bin.size() - LENGTH.size - tail - len(END))
    told = [raw.bin.slice(ID_AT, ID_BYTES).bin.encode("hex").alias("sample_id"), *both_hashes(elements, HASHES)]
    found = pl.concat([pl.DataFrame(schema={"document": pl.Binary()}), *map(_split, batches)])
    return found.with_columns(pl.when(begins & ends).then(each) for each in told).select(*DOCUMENTS_SCHEMA)


def joined(documents: pl.DataFrame) -> bytes:
    """The documents one behind the other, as a raw batch holds them."""
    held = documents["document"].rechunk().to_arrow().cast(pa.large_binary())
    if not len(held):
        return b""
    _, offsets, values = held.buffers()
    places = pa.Array.from_buffers(pa.int64(), len(held) + 1, [None, offsets], offset=held.offset)
    return bytes(memoryview(values)[places[0].as_py() : places[-1].as_py()])


def _split(batch: bytes) -> pl.DataFrame:
    """The documents of one batch; they stay where they are."""
    starts, at = [0], 0
    while at < len(batch):
        (length,) = LENGTH.unpack_from(batch, at)
        at += max(length, 1)
        starts.append(at)
    if at != len(batch):
        raise ValueError("a batch of documents ends in the middle of one")
    offsets = pa.array(starts, pa.int64()).buffers()[1]
    held = pa.Array.from_buffers(pa.large_binary(), len(starts) - 1, [None, offsets, pa.py_buffer(batch)])
    return pl.DataFrame({"document": pl.Series(held, dtype=pl.Binary)})
