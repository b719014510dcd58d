"""Vectors on disk: append-only shards of Arrow IPC, memory-mapped, the newest row of a key in force.

Vectors of different settings (model, pixels, pooling) cannot be compared: readers are given those of one setting alone,
by default the one that was appended last.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from syncd_embedding import shards
from syncd_embedding.errors import StoreError

Vectors = npt.NDArray[np.floating[Any]]

_VECTOR = "vector"
_COLUMNS = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("sample_id", pa.string(), nullable=False),
        pa.field("settings", pa.string(), nullable=False),
        pa.field("stamp", pa.string(), nullable=False),
        pa.field("digest", pa.string(), nullable=False),
        pa.field("box", pa.list_(pa.float64(), 4)),
        pa.field("margin", pa.float64(), nullable=False),
    ]
)


@dataclass(frozen=True)
class Row:
    """What is known of one vector.

    ``key`` is the id of the sample, or of the label where boxes are embedded; ``stamp`` says cheaply that the file may
    have changed (size and time, or S3's ETag), ``digest`` (blake2b of its bytes) that it has. ``box`` is x, y, width,
    height relative to the image, ``None`` for the whole image; ``margin`` is a share of the box's longer side.
    """

    key: str
    sample_id: str
    stamp: str = ""
    digest: str = ""
    box: tuple[float, float, float, float] | None = None
    margin: float = 0.0


@dataclass(frozen=True)
class _Newest:
    """Rows in force of one setting; where their vectors are: the n-th of all that ``pieces`` hold."""

    rows: pa.Table
    pieces: tuple[Vectors, ...]
    places: npt.NDArray[np.int64]

    def vectors(self, chosen: npt.NDArray[np.int64] | None = None) -> Vectors:
        """Those at these positions of ``rows``; without them all, mapped where they are one whole file."""
        stored = sum(len(piece) for piece in self.pieces)
        if chosen is None and len(self.pieces) == 1 and len(self.places) == stored:
            return self.pieces[0]
        places = self.places if chosen is None else self.places[chosen]
        kind = np.result_type(*(piece.dtype for piece in self.pieces)) if self.pieces else np.dtype(np.float16)
        found: Vectors = np.empty((len(places), self.pieces[0].shape[1] if self.pieces else 0), kind)
        begin = 0
        for piece in self.pieces:
            within = np.flatnonzero((places >= begin) & (places < begin + len(piece)))
            found[within] = piece[places[within] - begin]
            begin += len(piece)
        return found


class VectorStore:
    """The vectors of one model for one binding, in a folder of its own; any number of readers and writers at once.

    ``dtype`` is what new vectors are stored as: ``float16`` (a cosine changes by less than 1e-6) or ``float32``. The
    folder is made when something is appended. An open store sees what it saw when it last looked; ``refresh`` looks.
    """

    def __init__(self, folder: str | os.PathLike[str], *, dtype: str = "float16") -> None:
        if dtype not in {"float16", "float32"}:
            raise StoreError(f"Vectors cannot be stored as {dtype!r}.", remedy="Give float16 or float32.")
        self.folder = Path(folder)
        self.dtype = np.dtype(dtype)
        self._opened: tuple[shards.Shard, ...] | None = None
        self._newest: dict[str, _Newest] = {}

    def append(
        self,
        vectors: npt.ArrayLike,
        rows: Sequence[Row],
        *,
        settings: str,
        description: dict[str, Any] | None = None,
    ) -> Path:
        """Add one shard, durable when this returns; gives its file.

        ``vectors``: (len(rows), D), finite. ``settings``: fingerprint of model and settings; only vectors of equal
        settings are ever returned together. ``description``: what the fingerprint stands for, kept for people.
        Raises StoreError for vectors that are none, not finite, of another shape, or of another D than those of the
        same settings; OSError where the disk is full.
        """
        array = self._checked(vectors, rows)
        self._check_width(settings, array.shape[1])
        metadata = {"settings": settings, "description": json.dumps(description or {}, sort_keys=True)}
        place = shards.append(self.folder, _as_table(array, rows, settings).replace_schema_metadata(metadata))
        self.refresh()
        return place

    def compact(self, keep: Collection[str] | None = None) -> bool:
        """Put all shards into one, with the newest row of each key alone; gives whether anything was done.

        ``keep``: keys that stay, all others are dropped (samples that are no more); ``None`` keeps all. Rows of former
        settings are dropped. Other processes may go on reading and appending.
        """
        if not self.folder.is_dir():
            return False
        shards.remove_abandoned(self.folder)
        self.refresh()
        opened = self._look()
        settings = self.settings
        if settings is None:
            return False
        newest = self._in_force(settings)
        chosen = np.arange(newest.rows.num_rows)
        if keep is not None:
            kept = pc.is_in(newest.rows["key"], value_set=pa.array(list(keep), pa.string()))
            chosen = np.flatnonzero(kept.to_numpy())
        if len(opened) == 1 and len(chosen) == opened[0].table.num_rows:
            return False
        table = _with_vectors(newest.rows.take(pa.array(chosen)), newest.vectors(chosen))
        done = shards.replace(self.folder, opened, table.replace_schema_metadata(opened[-1].table.schema.metadata))
        self.refresh()
        return done

    def refresh(self) -> None:
        """Look at the folder again: what other processes appended is seen from now on."""
        self._opened = None
        self._newest.clear()

    @property
    def settings(self) -> str | None:
        """The fingerprint of settings that was appended last; ``None`` where nothing is stored."""
        opened = self._look()
        return _settings(opened[-1].table) if opened else None

    @property
    def description(self) -> dict[str, Any]:
        """What the settings in force stand for: model, pixels, pooling, runtime, deviation."""
        opened = self._look()
        if not opened:
            return {}
        described = json.loads(opened[-1].table.schema.metadata.get(b"description", b"{}"))
        return described if isinstance(described, dict) else {}

    @property
    def files(self) -> int:
        """How many files the vectors are in; :meth:`compact` makes it one."""
        return len(self._look())

    def __len__(self) -> int:
        return self.rows().num_rows  # type: ignore[no-any-return] # pyarrow has no types

    def keys(self, settings: str | None = None) -> list[str]:
        """The keys that have a vector, of ``settings`` (default: those appended last)."""
        keys: list[str] = self.rows(settings)["key"].to_pylist()
        return keys

    def rows(self, settings: str | None = None) -> pa.Table:
        """Everything but the vectors, as columns, a row for each key, in the order of :meth:`vectors`.

        ``key``, ``sample_id``, ``settings``, ``stamp``, ``digest``, ``box`` (four numbers or null), ``margin``.
        """
        settings = settings or self.settings
        return _COLUMNS.empty_table() if settings is None else self._in_force(settings).rows

    def vectors(self, keys: Iterable[str] | None = None, settings: str | None = None) -> tuple[list[str], Vectors]:
        """Give keys and their vectors, (N, D), of ``settings`` (default: those appended last).

        Without ``keys``: all of them; where they lie in one file (after :meth:`compact`) the array is mapped from it,
        read-only, and nothing is copied. With ``keys``: those that there are, in the order given.
        """
        settings = settings or self.settings
        if settings is None:
            return [], np.empty((0, 0), self.dtype)
        newest = self._in_force(settings)
        if keys is None:
            return newest.rows["key"].to_pylist(), newest.vectors()
        wanted = pa.array(list(keys), pa.string())
        places = pc.index_in(wanted, value_set=newest.rows["key"].combine_chunks())
        there = places.is_valid()
        chosen = places.filter(there).to_numpy(zero_copy_only=False).astype(np.int64)
        return wanted.filter(there).to_pylist(), newest.vectors(chosen)

    def _checked(self, vectors: npt.ArrayLike, rows: Sequence[Row]) -> Vectors:
        given = np.asarray(vectors)
        if given.ndim != 2 or given.shape[0] != len(rows) or 0 in given.shape:
            raise StoreError(f"{len(rows)} rows need vectors of the shape ({len(rows)}, D), not {given.shape}.")
        with np.errstate(over="ignore"):  # told below, with the key
            array = given.astype(self.dtype)
        bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
        if len(bad):
            raise StoreError(
                f"The vector of {rows[int(bad[0])].key!r} is not finite as {self.dtype} (one of {len(bad)}).",
                remedy="Nothing was stored. Store float32, or leave these out.",
            )
        return array

    def _check_width(self, settings: str, width: int) -> None:
        for shard in self._look():
            there = shard.table.schema.field(_VECTOR).type.list_size
            if _settings(shard.table) == settings and there != width:
                raise StoreError(
                    f"{self.folder} holds vectors of {there} numbers under the settings {settings!r}, not of {width}.",
                    remedy="Give other settings another fingerprint.",
                )

    def _look(self) -> tuple[shards.Shard, ...]:
        if self._opened is None:
            self._opened = shards.opened(self.folder)
        return self._opened

    def _in_force(self, settings: str) -> _Newest:
        if settings not in self._newest:
            tables = [shard.table for shard in self._look() if _settings(shard.table) == settings]
            self._newest[settings] = _newest_per_key(tables)
        return self._newest[settings]


def _settings(table: pa.Table) -> str:
    return (table.schema.metadata or {}).get(b"settings", b"").decode()  # type: ignore[no-any-return] # untyped


def _as_table(array: Vectors, rows: Sequence[Row], settings: str) -> pa.Table:
    columns = [
        pa.array([row.key for row in rows], pa.string()),
        pa.array([row.sample_id for row in rows], pa.string()),
        pa.array([settings] * len(rows), pa.string()),
        pa.array([row.stamp for row in rows], pa.string()),
        pa.array([row.digest for row in rows], pa.string()),
        pa.array([None if row.box is None else list(row.box) for row in rows], pa.list_(pa.float64(), 4)),
        pa.array([row.margin for row in rows], pa.float64()),
    ]
    return _with_vectors(pa.table(columns, schema=_COLUMNS), array)


def _with_vectors(table: pa.Table, array: Vectors) -> pa.Table:
    kind = pa.float16() if array.dtype == np.float16 else pa.float32()
    flat = pa.array(np.ascontiguousarray(array).reshape(-1), kind)
    vector = pa.field(_VECTOR, pa.list_(kind, array.shape[1]), nullable=False)
    return table.append_column(vector, pa.FixedSizeListArray.from_arrays(flat, type=vector.type))


def _newest_per_key(tables: list[pa.Table]) -> _Newest:
    """Each key's newest row, in the order of writing."""
    if not tables:
        return _Newest(_COLUMNS.empty_table(), (), np.empty(0, np.int64))
    pieces = tuple(piece for table in tables for piece in _pieces(table))
    rows = pa.concat_tables([table.drop_columns([_VECTOR]).replace_schema_metadata(None) for table in tables])
    codes = rows["key"].combine_chunks().dictionary_encode().indices.to_numpy()
    newest = np.empty(int(codes.max(initial=-1)) + 1, np.int64)
    newest[codes] = np.arange(len(codes))  # of a repeated place numpy keeps what is assigned last
    newest.sort()
    return _Newest(rows if len(newest) == len(codes) else rows.take(pa.array(newest)), pieces, newest)


def _pieces(table: pa.Table) -> list[Vectors]:
    width = table.schema.field(_VECTOR).type.list_size
    return [chunk.flatten().to_numpy(zero_copy_only=True).reshape(-1, width) for chunk in table[_VECTOR].chunks]
