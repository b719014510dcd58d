"""Whether a manifest and its images have arrived completely. No single look at a file decides that."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISREG

from syncd.config import BindingConfig
from syncd.ingest.inbox.check import plain, why_outside
from syncd.ingest.inbox.manifest import CELL, MAGIC, read_manifest
from syncd.ingest.inbox.values import IMAGE
from syncd.model import Kind

Signature = tuple[int, int, int]
"""Size, time of modification (ns) and inode: what changes while a file is being written or replaced."""


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds.

    A file is whole when ``settle_s`` passed without a change, one whose end looks cut off after ``longer_s``. Images
    are waited for until the manifest is ``grace_s`` old. ``poll_s`` is between two looks.
    """

    settle_s: float = 3.0
    longer_s: float = 30.0
    grace_s: float = 600.0
    poll_s: float = 5.0


@dataclass(frozen=True)
class Verdict:
    """``waiting`` says what is being waited for, and is null where the manifest can be checked; ``soon``: not long."""

    waiting: str | None = None
    soon: bool = False


@dataclass
class _Seen:
    signature: Signature
    since: float
    first: float
    last: float


@dataclass
class Arrivals:
    """What earlier looks at the inbox have seen, so that the next one can tell what has changed.

    ``image_columns`` are the names that the column of images may have.
    """

    image_columns: frozenset[str]
    patience: Patience = field(default_factory=Patience)
    _files: dict[str, _Seen] = field(default_factory=dict)
    _named: dict[str, tuple[Signature, tuple[str, ...]]] = field(default_factory=dict)

    def look(self, manifest: Path) -> Verdict:
        """Whether a manifest, and every image it names, has been there unchanged for long enough."""
        now = time.monotonic()
        seen = self._seen(manifest, now)
        if seen is None:
            return Verdict("it is gone again", soon=True)
        names = self._names(manifest, seen.signature)
        absent, moving = self._images(manifest.parent, names, now)
        quiet = now - seen.since
        if quiet < self.patience.settle_s:
            return Verdict("it may still be being written", soon=True)
        age = max(quiet, _age(manifest))
        if not _ends_well(manifest) and age < (
            self.patience.grace_s if _is_parquet(manifest) else self.patience.longer_s
        ):
            return Verdict("its end has not arrived")
        if absent and max(now - seen.first, _age(manifest)) < self.patience.grace_s:
            return Verdict(f"{len(absent):,} of its {len(names):,} images have not arrived, such as {absent[0]}")
        if moving:
            return Verdict(f"{len(moving):,} of its images may still be being written", soon=True)
        return Verdict()

    def forget_unseen(self, since: float) -> None:
        """Forgets files that were not looked at since (``time.monotonic``): they are not there any more."""
        self._files = {path: seen for path, seen in self._files.items() if seen.last >= since}
        self._named = {path: named for path, named in self._named.items() if path in self._files}

    def names(self, manifest: Path) -> tuple[str, ...]:
        """The images that a manifest was last seen to name."""
        return self._named.get(str(manifest), ((0, 0, 0), ()))[1]

    def _seen(self, path: Path, now: float) -> _Seen | None:
        signature = signature_of(path)
        known = self._files.get(str(path))
        if signature is None:
            self._files.pop(str(path), None)
            return None
        if known is None or known.signature != signature:
            known = _Seen(signature, now, now if known is None else known.first, now)
            self._files[str(path)] = known
        known.last = now
        return known

    def _names(self, manifest: Path, signature: Signature) -> tuple[str, ...]:
        """The images that the manifest names; read again only when it has changed."""
        known = self._named.get(str(manifest))
        if known is None or known[0] != signature:
            known = (signature, tuple(named_images(manifest, self.image_columns)))
            self._named[str(manifest)] = known
        return known[1]

    def _images(self, folder: Path, names: Sequence[str], now: float) -> tuple[list[str], list[str]]:
        """Which of the images are not there, and which have changed a moment ago."""
        absent, moving = [], []
        for name in names:
            seen = self._seen(folder / name, now)
            if seen is None:
                absent.append(name)
            elif now - seen.since < self.patience.settle_s:
                moving.append(name)
        return absent, moving


def image_columns(binding: BindingConfig) -> frozenset[str]:
    """The names that a manifest's column of images may have."""
    return frozenset((IMAGE, binding.columns.media.name))


def named_images(manifest: Path, columns: frozenset[str]) -> Iterator[str]:
    """The images below its folder that a manifest names, as far as it can be read by now."""
    try:
        read = read_manifest(manifest)
    except OSError:
        return
    name = next((each for each in read.columns if each in columns), None)
    if name is None or read.kinds[name] is not Kind.TEXT:
        return
    for each in read.rows[CELL + name].drop_nulls().unique(maintain_order=True):
        if why_outside(each) is None:
            yield plain(each)


def signature_of(path: Path) -> Signature | None:
    """What tells two states of a file apart; ``None`` where there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_size, found.st_mtime_ns, found.st_ino) if S_ISREG(found.st_mode) else None


def _age(path: Path) -> float:
    """Seconds since the file arrived: a copy may keep an old time of modification, but is a new file."""
    try:
        found = path.stat()
    except OSError:
        return 0.0
    return time.time() - max(found.st_mtime, found.st_ctime)


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() == ".parquet"


def _ends_well(path: Path) -> bool:
    """Whether the file ends as a whole one does: CSV with a line break, Parquet with its four letters."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(-min(size, len(MAGIC)), os.SEEK_END)
            end = file.read()
    except OSError:
        return False
    return end == MAGIC if _is_parquet(path) else end.endswith((b"\n", b"\r"))
