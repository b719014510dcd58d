"""Uploads local files to their objects in S3; what is there already is compared and not sent again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from syncd.adapters.s3.errors import ObjectFault, Place
from syncd.adapters.s3.listing import SCHEMA as LISTED
from syncd.adapters.s3.listing import pages
from syncd.adapters.s3.upload import Fingerprint, fingerprint, other_content, stored, upload
from syncd.config import S3Prefix
from syncd.media.parallel import in_parallel

SENT, PRESENT, FAILED = "sent", "present", "failed"

Report = Callable[[str, int, int], None]
"""Called with the phase, how much of it is done, and how much there is."""


@dataclass(frozen=True)
class Outcome:
    """What became of one file. ``etag`` is the object's, without quotes; ``reason`` is why it failed."""

    path: str
    uri: str | None
    status: str
    size_bytes: int = 0
    etag: str | None = None
    reason: str | None = None


def transfer(
    client: Any, planned: pl.DataFrame, to: S3Prefix, *, workers: int, dry_run: bool, report: Report
) -> list[Outcome]:
    """The outcome of every file of ``planned`` (see `destinations`), in order.

    Every object that an outcome names holds its file, by size and checksum; in a dry run by size, or it is still to be
    sent. SyncdError where S3 takes nothing.
    """
    if planned.is_empty():
        return []
    report("listing what is in S3", 0, 0)
    listed = pl.concat([pl.DataFrame(schema=LISTED), *pages(client, Place(to.bucket, to.prefix))])
    rows = planned.join(listed, left_on="uri", right_on="location", how="left", maintain_order="left").to_dicts()
    done = 0

    def count(more: int) -> None:
        nonlocal done
        done += more
        report("looking at files" if dry_run else "uploading", done, len(rows))

    work = _look if dry_run else _Transfer(client)
    return in_parallel(work, rows, workers=workers, progress=count)


@dataclass(frozen=True)
class _Transfer:
    client: Any

    def __call__(self, row: dict[str, Any], stopped: Callable[[], bool]) -> Outcome:
        return _judged(row, lambda path, place: self._bring(path, place, row, stopped))

    def _bring(self, path: Path, place: Place, row: dict[str, Any], stopped: Callable[[], bool]) -> Outcome:
        if row["etag"] is None:
            now = upload(self.client, path, place, stopped)
            return Outcome(row["path"], row["uri"], SENT, now.size_bytes, now.etag)
        if path.stat().st_size != row["size_bytes"]:
            raise other_content(place)
        file = fingerprint(path, stopped)
        if not file.proves(Fingerprint(row["size_bytes"], row["etag"], None)):
            # A listing has no checksums; an ETag is none where the object is encrypted, or was sent in other parts.
            there = stored(self.client, place)
            if there is None or not file.proves(there):
                raise other_content(place)
        return Outcome(row["path"], row["uri"], PRESENT, row["size_bytes"], row["etag"])


def _look(row: dict[str, Any], _: Callable[[], bool]) -> Outcome:
    """What a transfer would do, as far as sizes tell."""

    def judge(path: Path, place: Place) -> Outcome:
        size = path.stat().st_size
        if row["etag"] is None:
            return Outcome(row["path"], row["uri"], SENT, size)
        if size != row["size_bytes"]:
            raise other_content(place)
        return Outcome(row["path"], row["uri"], PRESENT, size)

    return _judged(row, judge)


def _judged(row: dict[str, Any], bring: Callable[[Path, Place], Outcome]) -> Outcome:
    """The outcome, also where this one file cannot be brought."""
    path, reason = row["path"], row["fault"]
    if reason is None:
        try:
            return bring(Path(path), _place(row["uri"]))
        except ObjectFault as fault:
            reason = fault.message
        except FileNotFoundError:
            reason = f"{path} is not there."
        except OSError as error:
            reason = f"{path} cannot be read: {error.strerror or type(error).__name__}."
    return Outcome(path, row["uri"], FAILED, reason=reason)


def _place(uri: str) -> Place:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return Place(bucket, key)
