"""Checks a binding's media: whether they can be read, and written where an inbox puts images."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from syncd.adapters.s3.client import s3_client
from syncd.adapters.s3.errors import Place
from syncd.adapters.s3.objects import pages, read_range
from syncd.config import S3Prefix
from syncd.doctor.finding import Check, Verdict, count, fault, ok, warning
from syncd.doctor.subject import Subject
from syncd.ingest.media.folder import check_folder
from syncd.ingest.media.locate import folder_text
from syncd.ingest.media.store import Edition, edition

ATTEMPTS, ANSWER_S = 2, 10.0
"""Of a request to S3: a person waits for the answer."""

READABLE, WRITABLE = os.R_OK | os.X_OK, os.R_OK | os.W_OK | os.X_OK


def checks(subject: Subject) -> Iterator[Check]:
    """Of a binding that names where its media are, or an inbox."""
    media = subject.binding.ingest.media
    if isinstance(media, S3Prefix):
        yield Check("Media in S3", lambda: _bucket(subject, media))
        if edition(subject.servers.config) is Edition.OPEN_SOURCE:
            yield Check("Cache of media", lambda: _cache(subject))
    elif media is not None:
        yield Check("Media folder", lambda: _folder(subject, folder_text(media)))
    if subject.binding.ingest.inbox is not None:
        yield Check("Inbox", lambda: _inbox(subject, subject.binding.ingest.inbox or Path()))


def _bucket(subject: Subject, prefix: S3Prefix) -> Verdict:
    """Lists the first objects and reads a byte of one; keys, bucket and rights that are missing come out as errors."""
    client = s3_client(subject.servers.config.s3, attempts=ATTEMPTS, read_timeout_s=ANSWER_S)
    first = next(pages(client, Place(*prefix)), None)
    note = "; whether it may be written, as the inbox does, is not tried" if subject.binding.ingest.inbox else ""
    if first is None or first.is_empty():
        return warning(
            f"{prefix} can be listed, and holds nothing{note}",
            f"Put the media there, or mend {subject.place}.ingest.media.",
        )
    key = str(first["location"][0]).removeprefix(f"s3://{prefix.bucket}/")
    read_range(client, Place(prefix.bucket, key), 0, 1)
    return ok(f"{prefix} can be listed and read{note}")


def _cache(subject: Subject) -> Verdict:
    settings = subject.servers.config.s3
    folder = Path(folder_text(settings.cache))
    there = next(each for each in (folder, *folder.parents) if each.exists())
    if not there.is_dir() or not os.access(there, WRITABLE):
        return fault(
            f"{folder}, where FiftyOne is to find copies of the objects, cannot be made or written: {there} is "
            f"{'read-only for this user' if there.is_dir() else 'no folder'}",
            f"Name a folder of this user in `s3.cache`, or give it the right: chmod u+rwx {there}",
        )
    return ok(f"{folder}, of at most {settings.cache_size / 1e9:,.0f} GB")


def _folder(subject: Subject, folder: str) -> Verdict:
    check_folder(folder)
    if not os.access(folder, READABLE):
        return fault(f"{folder} can be listed, and its files not be opened", f"Run: chmod u+rx {folder}")
    if subject.binding.ingest.inbox is not None and not os.access(folder, os.W_OK):
        return fault(
            f"{folder} cannot be written, where the inbox puts images",
            f"Run: chmod u+w {folder}   (or have its owner let this user write there)",
        )
    if not os.listdir(folder):  # noqa: PTH208  # its names alone, which are quickly read
        return warning(f"{folder} is empty", f"Put the media there, mount it, or mend {subject.place}.ingest.media.")
    unreadable = _unreadable(folder)
    if unreadable:
        return fault(
            f"{unreadable[0]} and {count(len(unreadable) - 1, 'other file')} in {folder} may not be read",
            f"Run: chmod -R u+r {folder}   (as their owner)",
        )
    return ok(f"{folder} can be {'read and written' if subject.binding.ingest.inbox else 'read'}")


def _unreadable(folder: str, looked_at: int = 100) -> list[str]:
    """Of the first files those that may not be read."""
    with os.scandir(folder) as entries:
        files = [each.path for each, _ in zip(entries, range(looked_at), strict=False) if each.is_file()]
    return [each for each in files if not os.access(each, os.R_OK)]


def _inbox(subject: Subject, folder: Path) -> Verdict:
    place = folder.expanduser().absolute()
    if not place.is_dir():
        return fault(f"{place} is no folder", f"Run: mkdir -p {place}   (or mend {subject.place}.ingest.inbox)")
    if not os.access(place, WRITABLE):
        return fault(
            f"{place} cannot be read and written: manifests that are loaded, or rejected, are moved within it",
            f"Run: chmod u+rwx {place}   (or have its owner let this user write there)",
        )
    return ok(str(place))
