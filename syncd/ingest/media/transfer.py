"""Uploads local files to their objects in S3; what is there already is compared and not sent again."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from syncd.adapters.s3.errors import ObjectFault, Place
from syncd.adapters.s3.objects import SCHEMA as LISTED
from syncd.adapters.s3.objects import pages
from syncd.adapters.s3.upload import Fingerprint, fingerprint, other_content, stored, upload
from syncd.config import S3Prefix
from syncd.ingest.media.locate import folder_text
from syncd.ingest.media.parallel import in_parallel

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


LONGEST_KEY = 1024
"""Bytes of a key in UTF-8 that S3 takes."""

_UNUSUAL = r"/\.{0,2}(?:/|$)"
"""An empty segment, `.` or `..`."""

SCHEMA = {"path": pl.String, "uri": pl.String, "fault": pl.String}


def destinations(files: pl.DataFrame, to: S3Prefix, root: Path | None, media: S3Prefix | None = None) -> pl.DataFrame:
    """A row per file: path, uri (s3://…) or else a fault, which is a sentence.

    ``files`` has ``path``, each once, and ``known_uri``, the URI that its samples carry, or null. A file whose URI lies
    under ``to`` keeps it, so that a second call sees what the first did; one that came from ``media`` in S3 keeps its
    key below it. All others keep their path relative to ``root``; None stands for the folder that they share. No two
    files become one object.
    """
    bases = _bases(files["path"], root)
    below = [
        pl.when(pl.col("path").str.starts_with(base)).then(pl.col("path").str.strip_prefix(base)) for base in bases
    ]
    known = pl.col("known_uri")
    kept: list[pl.Expr] = [pl.when(known.str.starts_with(str(to))).then(known)]
    if media is not None:
        came = pl.when(known.str.starts_with(str(media))).then(known.str.strip_prefix(str(media)))
        kept.append(pl.lit(str(to)) + came)
    placed = files.select("path", uri=pl.coalesce(*kept, pl.lit(str(to)) + pl.coalesce(below)))
    length = pl.col("uri").str.len_bytes() - len(f"s3://{to.bucket}/")
    shared = pl.col("uri").is_not_null() & (pl.len().over("uri") > 1)
    fault = (
        pl.when(~pl.col("path").str.starts_with("/") | pl.col("path").str.contains(_UNUSUAL))
        .then(pl.col("path") + " is no plain absolute path.")
        .when(pl.col("uri").is_null())
        .then(pl.col("path") + f" lies outside the media root {bases[0]}.")
        .when(length > LONGEST_KEY)
        .then(pl.format("{} would have a key of {} bytes; S3 takes {}.", "path", length, pl.lit(LONGEST_KEY)))
        .when(shared)
        .then(pl.format("{} would become the same object as another file: {}.", "path", "uri"))
    )
    judged = placed.with_columns(fault=fault)
    return judged.with_columns(uri=pl.when(pl.col("fault").is_null()).then("uri")).select(*SCHEMA)


def _bases(paths: pl.Series, root: Path | None) -> list[str]:
    """What the paths are relative to, as text that ends with a slash; a root behind a link counts too."""
    if root is not None:
        text = folder_text(root)
        return list(dict.fromkeys(each.rstrip("/") + "/" for each in (text, os.path.realpath(text))))
    folders = paths.filter(paths.str.starts_with("/")).str.replace(r"/[^/]*$", "/").unique().to_list()
    return [os.path.commonpath(folders).rstrip("/") + "/" if folders else "/"]


@dataclass(frozen=True)
class Failed:
    """A file that did not get to S3, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class UploadResult:
    """Counts of files: ``sent`` now (in a dry run: to be sent) and ``present`` from before; of samples: all others.

    ``elsewhere`` point to no local file, ``to_rewrite`` to one that is in S3; ``rewritten`` now point to S3, and
    ``overtaken`` got another path meanwhile. ``refusal`` is why a rewrite is not possible, if it is not.
    """

    binding: str
    dataset: str
    to: str
    dry_run: bool
    rewrite: bool
    samples: int
    elsewhere: int
    sent: int
    sent_bytes: int
    present: int
    failed: tuple[Failed, ...]
    to_rewrite: int
    refusal: str | None = None
    rewritten: int = 0
    overtaken: int = 0
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """1 where a file or a sample was left behind, else 0."""
        return 1 if self.failed or self.overtaken else 0

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "binding": self.binding,
            "dataset": self.dataset,
            "to": self.to,
            "dry_run": self.dry_run,
            "rewrite": self.rewrite,
            "samples": {
                "all": self.samples,
                "elsewhere": self.elsewhere,
                "to_rewrite": self.to_rewrite,
                "rewritten": self.rewritten,
                "overtaken": self.overtaken,
            },
            "files": {"sent": self.sent, "sent_bytes": self.sent_bytes, "present": self.present},
            "failed": [{"path": each.path, "reason": each.reason} for each in self.failed],
            "rewrite_refused": self.refusal,
            "seconds": round(self.seconds, 3),
        }
