"""The cache quota: how much the cache holds, and what it drops when it is full (what no sample uses, oldest first)."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from syncd.errors import SyncdError

PART = ".part"
DAY_S = 86_400.0
"""As long a file is left alone after its last use: whoever asked for it may be about to give it to a sample."""

LOOK_AGAIN = 0.05
"""The share of the bound after whose filling the folder is measured anew: other processes fill it too, so that each may
exceed the bound by as much."""

SLACK = 0.9
"""When full, the cache is emptied down to this share of its bound, rather than a file at a time."""

_OURS = re.compile(r".+\.[0-9a-f]{16}(\.[A-Za-z0-9]{1,10})?(\.part)?", re.DOTALL)

InUse = Callable[[Path], frozenset[str]]


class CacheFull(SyncdError):
    """The media cache has no room left, and nothing in it may be removed."""


@dataclass(frozen=True)
class Kept:
    """A file of the cache: its path, its size in bytes and when it was last used (seconds since 1970)."""

    path: str
    size_bytes: int
    used: float


class Room:
    """Keeps the folder below ``limit`` bytes. ``in_use`` gives the paths in a folder that samples refer to.

    Only files that are named as the cache names its own are counted and removed.
    """

    def __init__(self, folder: Path, limit: int, in_use: InUse) -> None:
        self.folder = folder
        self.limit = limit
        self._in_use = in_use
        self._guard = threading.Lock()
        self._under_way: dict[str, int] = {}
        self._kept = 0
        self._filled = float("inf")

    @contextmanager
    def reserved(self, part: Path, size_bytes: int) -> Iterator[None]:
        """Room for a file that is being written; given back where the block raises. CacheFull where there is none."""
        name = str(part)
        with self._guard:
            # Noted first: what there is of the file already is then not counted beside it.
            self._under_way[name] = size_bytes
            try:
                self._make_sure(size_bytes)
            except BaseException:
                del self._under_way[name]
                raise
        done = False
        try:
            yield
            done = True
        finally:
            with self._guard:
                del self._under_way[name]
                self._kept += size_bytes if done else 0

    def _make_sure(self, size_bytes: int) -> None:
        self._filled += size_bytes
        if self._filled > self.limit * LOOK_AGAIN or self._total() > self.limit:
            self._kept = sum(each.size_bytes for each in self._look())
            self._filled = 0
        if self._total() > self.limit:
            self._make_room(size_bytes)

    def _total(self) -> int:
        return self._kept + sum(self._under_way.values())

    def _look(self) -> list[Kept]:
        """What is there now, without what this process is writing."""
        return [each for each in kept_files(self.folder) if each.path not in self._under_way]

    def _make_room(self, size_bytes: int) -> None:
        # One process at a time: two would each remove enough for both.
        with FileLock(self.folder / ".room.lock"):
            files = self._look()
            used = self._names_in_use()
            old = time.time() - DAY_S
            free = [each for each in files if each.used < old and _name(self.folder, each.path) not in used]
            self._kept = sum(each.size_bytes for each in files)
            for each in sorted(free, key=lambda each: each.used):
                if self._total() <= self.limit * SLACK:
                    break
                if _remove(each):
                    self._kept -= each.size_bytes
        if self._total() > self.limit:
            raise CacheFull(
                f"The media cache {self.folder} is full: it holds {self._total() - size_bytes:,} of {self.limit:,} "
                f"bytes, {size_bytes:,} more are needed, and the rest is used by samples or newer than a day.",
                remedy="Raise `s3.cache_size`, or delete datasets that nobody needs, then run the same command again.",
            )

    def _names_in_use(self) -> frozenset[str]:
        """Relative to the folder, because samples may spell it with or without its symbolic links."""
        spellings = {str(self.folder), os.path.realpath(self.folder)}
        return frozenset(_name(Path(each), path) for each in spellings for path in self._in_use(Path(each)))


def kept_files(folder: Path) -> Iterator[Kept]:
    """The files below a folder that the cache named."""
    folders = [str(folder)]
    while folders:
        try:
            entries = os.scandir(folders.pop())
        except FileNotFoundError:
            continue
        with entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                elif _OURS.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                    found = _kept(entry)
                    if found is not None:
                        yield found


def _kept(entry: os.DirEntry[str]) -> Kept | None:
    try:
        found = entry.stat(follow_symlinks=False)
    except FileNotFoundError:  # another process has put it in place or removed it
        return None
    # Most file systems note a read at most once a day, some never; a use by syncd sets both times.
    return Kept(entry.path, found.st_size, max(found.st_atime, found.st_mtime))


def _remove(kept: Kept) -> bool:
    """Removes the file unless somebody used it since it was looked at."""
    path = Path(kept.path)
    try:
        found = path.stat()
        if max(found.st_atime, found.st_mtime) > kept.used:
            return False
        path.unlink()
    except FileNotFoundError:
        return True
    except PermissionError:  # another user's
        return False
    return True


def _name(folder: Path, path: str) -> str:
    return os.path.relpath(path, folder)
