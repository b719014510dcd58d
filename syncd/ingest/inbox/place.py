"""Where the images of a manifest go: below the media root, never over another file."""

from __future__ import annotations

import os
import secrets
import shutil
from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import polars as pl

from syncd.adapters.s3 import errors as s3
from syncd.adapters.s3.client import s3_client
from syncd.adapters.s3.upload import fingerprint, other_content, stored, upload
from syncd.config import BindingConfig, Config, S3Prefix
from syncd.ingest.inbox.check import sha256_of
from syncd.ingest.inbox.faults import InboxError
from syncd.ingest.media.locate import folder_text
from syncd.ingest.media.parallel import in_parallel

SAME, ABSENT, OTHER = "same", "absent", "other"
"""What is at a location: the image, nothing, or something else."""

THREADS = 4
HASHED = 12
"""Digits of the SHA-256 in the name of an image whose own name is taken."""

Progress = Callable[[int], None]


class Place(Protocol):
    """The media root of a binding, as the inbox fills it. Locations are absolute paths or s3:// URIs."""

    base: str
    """What every location begins with; ends with a slash."""

    workers: int

    @abstractmethod
    def found(self, path: str, sha256: str, location: str) -> str:
        """Whether the image at ``path`` is at the location: ``SAME``, ``ABSENT`` or ``OTHER``."""

    @abstractmethod
    def put(self, path: str, sha256: str, location: str) -> None:
        """Brings the image there, whole or not at all. Raises SyncdError, ``OSError``."""


def open_place(config: Config, binding: BindingConfig) -> Place:
    """The place of a binding's media; ``InboxError`` where it has none."""
    root = binding.ingest.media
    if root is None:
        raise InboxError(
            f"The inbox of {binding.name!r} has no place to put its images.",
            remedy="Set `ingest.media` of the binding: a folder, or s3://bucket/prefix.",
        )
    if isinstance(root, S3Prefix):
        return Bucket(s3_client(config.s3), root, config.s3.connections)
    return Folder(root)


def choose(place: Place, images: pl.DataFrame, name: str, progress: Progress) -> pl.DataFrame:
    """A ``location`` for each of the images (``image``, ``path``, ``sha256``).

    It is ``name/image`` below the root or, where that name is taken by other bytes, the same with a part of the
    image's own SHA-256; so a second call chooses as the first did.
    """

    def one(row: dict[str, Any], _: Callable[[], bool]) -> str:
        first = f"{place.base}{name}/{row['image']}"
        if place.found(row["path"], row["sha256"], first) != OTHER:
            return first
        own = PurePosixPath(row["image"])
        second = str(own.with_name(f"{own.stem}.{row['sha256'][:HASHED]}{own.suffix}"))
        return f"{place.base}{name}/{second}"

    chosen = in_parallel(one, images.to_dicts(), workers=place.workers, progress=progress)
    return images.with_columns(location=pl.Series(chosen, dtype=pl.String()))


def put_all(place: Place, images: pl.DataFrame, progress: Progress) -> None:
    """Brings every image (``path``, ``sha256``, ``location``) to its location."""

    def one(row: dict[str, Any], stopped: Callable[[], bool]) -> None:
        if not stopped():
            place.put(row["path"], row["sha256"], row["location"])

    in_parallel(one, images.to_dicts(), workers=place.workers, progress=progress)


class Folder:
    """A local or mounted media root."""

    workers = THREADS

    def __init__(self, root: Path) -> None:
        self.base = folder_text(root).rstrip("/") + "/"

    def found(self, path: str, sha256: str, location: str) -> str:
        """As `Place.found`."""
        there = Path(location)
        if not os.path.lexists(there):
            return ABSENT
        if not there.is_file() or there.stat().st_size != Path(path).stat().st_size:
            return OTHER
        return SAME if sha256_of(there) == sha256 else OTHER

    def put(self, path: str, sha256: str, location: str) -> None:
        """As `Place.put`; what is there already is never overwritten."""
        found = self.found(path, sha256, location)
        if found == OTHER:
            raise _taken(location)
        if found == SAME:
            return
        if not Path(self.base).is_dir():
            raise InboxError(
                f"The media root {self.base} is not there.", remedy="Make or mount it, then run `syncd inbox` again."
            )
        target = Path(location)
        target.parent.mkdir(parents=True, exist_ok=True)
        # Not by mkstemp, whose files nobody else may read: these get the rights that the umask, or an ACL of the
        # folder, gives to any new file.
        part = target.parent / f".syncd-{secrets.token_hex(8)}.part"
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            with os.fdopen(descriptor, "wb") as copy, Path(path).open("rb") as original:
                shutil.copyfileobj(original, copy, 1 << 20)
                copy.flush()
                os.fsync(copy.fileno())
            if sha256_of(part) != sha256:
                raise InboxError(f"{path} changed while it was being copied.", remedy="Run `syncd inbox` again.")
            _link(part, target)
        finally:
            part.unlink(missing_ok=True)


def _link(part: Path, target: Path) -> None:
    """Gives the copy its name, unless something has it."""
    try:
        os.link(part, target)
    except FileExistsError:
        raise _taken(str(target)) from None
    except OSError:
        # A file system without hard links.
        if os.path.lexists(target):
            raise _taken(str(target)) from None
        part.rename(target)


def _taken(location: str) -> InboxError:
    return InboxError(
        f"{location} holds something else, and is left as it is.",
        remedy="Run `syncd inbox` again: the image gets another name.",
    )


class Bucket:
    """A media root on S3."""

    def __init__(self, client: Any, root: S3Prefix, connections: int) -> None:
        self.base = str(root)
        self.workers = connections
        self._client = client

    def found(self, path: str, sha256: str, location: str) -> str:
        """As `Place.found`; by size and checksum."""
        del sha256
        there = stored(self._client, _object(location))
        if there is None:
            return ABSENT
        return SAME if fingerprint(Path(path), _never).proves(there) else OTHER

    def put(self, path: str, sha256: str, location: str) -> None:
        """As `Place.put`."""
        found = self.found(path, sha256, location)
        if found == OTHER:
            raise other_content(_object(location))
        if found == ABSENT:
            upload(self._client, Path(path), _object(location), _never)


def _object(location: str) -> s3.Place:
    bucket, _, key = location.removeprefix("s3://").partition("/")
    return s3.Place(bucket, key)


def _never() -> bool:
    return False
