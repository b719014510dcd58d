"""The media cache: files of objects from S3 where the open-source FiftyOne can read them; shared by processes, bounded.

All that is known of a file is in its name: ``<bucket>/<key>.<hash of endpoint, bucket, key and ETag>.<ending>``. A
finished file is never written to again; one under way has ``.part`` behind its name and is locked while it grows.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from syncd.adapters.s3.objects import Stopped
from syncd.errors import SyncdError
from syncd.ingest.media.quota import PART, CacheFull, Room

POLL_S = 0.02
LONGEST_NAME = 150
"""Bytes of each part of a key that are kept; file systems take 255, with hash and ending."""

_STRANGE = re.compile(r"[^\w.\- ]")
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,10}")


class Cache:
    """The cache folder."""

    def __init__(self, folder: Path, room: Room) -> None:
        self.folder = folder
        self._room = room

    def path_of(self, endpoint: str, bucket: str, key: str, etag: str) -> Path:
        """Where this version of an object is kept; readable, and another for each."""
        digest = blake2b("\0".join((endpoint, bucket, key, etag)).encode(), digest_size=8).hexdigest()
        *folders, name = [each for each in key.split("/") if each] or ["object"]
        ending = PurePosixPath(name).suffix
        if not _ENDING.fullmatch(ending):
            ending = ""
        stem = name.removesuffix(ending)
        parts = [_shortened(each) for each in (bucket, *folders)]
        return self.folder.joinpath(*parts, f"{_shortened(stem)}.{digest}{ending}")

    def has(self, path: Path, size_bytes: int) -> bool:
        """Whether the file is here and whole; it counts as used now, so that nobody removes it within a day."""
        try:
            os.utime(path)
        except FileNotFoundError:
            return False
        except PermissionError:
            # Another user's file in a shared cache: it is used all the same, and its age is its owner's affair.
            pass
        try:
            return path.stat().st_size == size_bytes
        except FileNotFoundError:
            return False

    def fill(self, path: Path, size_bytes: int, write: Callable[[BinaryIO], None], stopped: Callable[[], bool]) -> None:
        """Lets ``write`` complete the file, which may have a beginning from an earlier attempt, and puts it in place.

        One thread of one process writes it; others wait, and find it done. Nothing is put in place where ``write``
        raises. CacheFull where there is no room.
        """
        part = path.with_name(path.name + PART)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with _claimed(part, stopped) as file:
                if self.has(path, size_bytes):
                    part.unlink()
                    return
                with self._room.reserved(part, size_bytes):
                    write(file)
                    part.replace(path)
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: OSError) -> SyncdError:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return CacheFull(
                f"The disk of the media cache {self.folder} is full.",
                remedy="Make room there, or set `s3.cache` to a folder on a larger disk.",
            )
        return SyncdError(
            f"The media cache {self.folder} cannot be written: {error.strerror or error}.",
            remedy="Set `s3.cache` to a folder that syncd may write.",
        )


def _shortened(name: str) -> str:
    """The name without what a shell, a URL or a file system takes for something else, and not too long."""
    plain = _STRANGE.sub("_", name)
    if plain.strip(".") == "":
        plain = "_"
    return plain.encode("utf-8", "replace")[:LONGEST_NAME].decode("utf-8", "ignore")


@contextmanager
def _claimed(part: Path, stopped: Callable[[], bool]) -> Iterator[BinaryIO]:
    """The open file, locked; unbuffered, so that what was written is there for whoever goes on after a kill."""
    while True:
        file = os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644), "r+b", buffering=0)
        with file:
            while not _try_lock(file):
                if stopped():
                    raise Stopped
                time.sleep(POLL_S)
            # While we waited, the file may have been put in place or removed: then the lock is on something else.
            if _is_still(part, file):
                os.utime(file.fileno())  # nobody who makes room takes it for one given up
                yield file
                return


def _is_still(part: Path, file: BinaryIO) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), part.stat())
    except FileNotFoundError:
        return False


def _try_lock(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
