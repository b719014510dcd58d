"""Files of a store: written completely or not at all, numbered in the order of writing, memory-mapped.

A shard is written beside its place and then renamed. Its name is the range of numbers that it stands for:
``00000007-00000007.arrow`` was appended seventh, ``00000001-00000007.arrow`` is those seven after compaction. A shard
whose range lies within another one's counts no more, so that a compaction may be killed anywhere. Numbers are taken,
and shards are looked up, under a lock on a file, which is held for milliseconds and which the system releases with its
process.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from syncd_embedding.errors import StoreError

_NAME = re.compile(r"(\d{8})-(\d{8})\.arrow")
_ABANDONED_AFTER = 3600.0
"""Seconds after which a half-written file is a dead process's."""


@dataclass(frozen=True)
class Shard:
    """One file, mapped, and the numbers of the appends that are in it."""

    path: Path
    first: int
    last: int
    table: pa.Table


def opened(folder: Path) -> tuple[Shard, ...]:
    """The shards of a folder in the order of writing. StoreError where one is damaged."""
    if not folder.is_dir():
        return ()
    with _locked(folder, fcntl.LOCK_SH):
        return tuple(
            Shard(folder / name, first, last, _mapped(folder / name)) for name, first, last in _in_force(folder)
        )


def append(folder: Path, table: pa.Table) -> Path:
    """Write a table as the next shard; durable when this returns. Gives its file."""
    folder.mkdir(parents=True, exist_ok=True)
    with _written(folder, table) as half, _locked(folder, fcntl.LOCK_EX):
        number = 1 + max((last for _, _, last in _in_force(folder)), default=0)
        return half.replace(_place(folder, number, number))


def replace(folder: Path, shards: tuple[Shard, ...], table: pa.Table) -> bool:
    """Put one shard in the place of several consecutive ones; ``False``: another process compacted meanwhile."""
    first, last = shards[0].first, shards[-1].last
    with _written(folder, table) as half, _locked(folder, fcntl.LOCK_EX):
        there = {name for name, _, _ in _in_force(folder)}
        if not there.issuperset(shard.path.name for shard in shards):
            return False
        place = half.replace(_place(folder, first, last))
        for shard in shards:
            if shard.path != place:
                shard.path.unlink()
        return True


def remove_abandoned(folder: Path) -> None:
    """Remove what killed processes left: half-written files, and shards that a compaction had put together."""
    with _locked(folder, fcntl.LOCK_EX):
        kept = {name for name, _, _ in _in_force(folder)}
        for path in folder.iterdir():
            is_half = path.suffix == ".part" and time.time() - path.stat().st_mtime > _ABANDONED_AFTER
            if is_half or (_NAME.fullmatch(path.name) and path.name not in kept):
                path.unlink()


def _place(folder: Path, first: int, last: int) -> Path:
    return folder / f"{first:08d}-{last:08d}.arrow"


def _in_force(folder: Path) -> list[tuple[str, int, int]]:
    """Names with their ranges, without those that a compaction put together; the caller holds the lock."""
    matches = [match for match in (_NAME.fullmatch(path.name) for path in folder.iterdir()) if match]
    found = [(match[0], int(match[1]), int(match[2])) for match in matches]
    kept: list[tuple[str, int, int]] = []
    for name, first, last in sorted(found, key=lambda shard: (shard[1], -shard[2])):
        if not kept or last > kept[-1][2]:
            kept.append((name, first, last))
    return kept


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    try:
        handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except PermissionError:
        if how == fcntl.LOCK_EX:
            raise
        handle = os.open(folder / ".lock", os.O_RDONLY | os.O_CLOEXEC)  # of somebody else's, to read
    try:
        fcntl.flock(handle, how)
        yield
    finally:
        os.close(handle)


@contextmanager
def _written(folder: Path, table: pa.Table) -> Iterator[Path]:
    """A file with the table, on the disk, under a name that no reader looks at; the block gives it its own."""
    half = folder / f".{secrets.token_hex(8)}.part"
    try:
        with half.open("wb") as file:
            with pa.ipc.new_file(file, table.schema) as writer:
                writer.write_table(table.combine_chunks())
            file.flush()
            os.fsync(file.fileno())
        yield half
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    finally:
        half.unlink(missing_ok=True)


def _mapped(path: Path) -> pa.Table:
    try:
        return pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    except (pa.ArrowInvalid, OSError) as error:
        raise StoreError(
            f"{path} is damaged: {error}.",
            remedy="Remove the file; the next `syncd embed` computes its vectors again.",
        ) from None
