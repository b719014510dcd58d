"""Lists and reads objects: a part of one, or all of it into a file, continuing where an attempt stopped."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, BinaryIO

import polars as pl
from botocore.exceptions import (
    ClientError,
    ConnectionError,  # noqa: A004  # botocore's, the base of its network errors
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
)

from syncd.adapters.s3.errors import BOTO, LIST, ObjectFault, Place, code_of, failure

PIECE = 256 * 1024
ATTEMPTS = 6
PAUSE_S = 0.2
BROKEN = (IncompleteReadError, HTTPClientError, ConnectionError, FlexibleChecksumError)
"""What boto3 raises when a body ends early; a request that fails as a whole it has already repeated by itself."""

_MD5 = re.compile(r"[0-9a-f]{32}")
_RANGE = re.compile(r"bytes (?P<start>\d+)-\d+/(?P<size>\d+)")


@dataclass(frozen=True)
class Version:
    """One state of an object: its ETag, without quotes, and its size in bytes."""

    etag: str
    size_bytes: int


class Stopped(Exception):
    """The transfer was told to stop."""


def read_range(client: Any, place: Place, start: int, length: int, etag: str | None = None) -> tuple[bytes, Version]:
    """Up to ``length`` bytes from ``start``, and which version they are of; no bytes where the object is empty.

    ``ObjectFault`` where the object is missing, denied or no longer the one with this ETag.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _range(client, place, start, length, etag)
        except BROKEN as error:
            if attempt == ATTEMPTS:
                raise failure(error, f"Reading {place}", place, endpoint=client.meta.endpoint_url) from error
            time.sleep(PAUSE_S * attempt)
    raise AssertionError("unreachable")


def _range(client: Any, place: Place, start: int, length: int, etag: str | None) -> tuple[bytes, Version]:
    match = {"IfMatch": f'"{etag}"'} if etag else {}
    wanted = f"bytes={start}-{start + length - 1}"
    try:
        answer = client.get_object(Bucket=place.bucket, Key=place.key, Range=wanted, **match)
    except ClientError as error:
        if code_of(error) == "InvalidRange" and start == 0:
            return b"", Version("", 0)
        raise failure(error, f"Reading {place}", place, endpoint=client.meta.endpoint_url) from error
    except BOTO as error:
        raise failure(error, f"Reading {place}", place, endpoint=client.meta.endpoint_url) from error
    with closing(answer["Body"]) as body:
        span = _RANGE.fullmatch(answer.get("ContentRange", ""))
        if span is None:  # a server that does not know ranges sends all of it
            return body.read()[start : start + length], Version(_etag(answer), answer["ContentLength"])
        return body.read(), Version(_etag(answer), int(span["size"]))


def download(client: Any, place: Place, version: Version, file: BinaryIO, stopped: Callable[[], bool]) -> None:
    """Completes ``file``, which may hold the beginning of this version from an earlier attempt.

    The size is checked, and the MD5 where the ETag is one. ``ObjectFault`` where that fails twice, or as `read_range`
    says; `Stopped` as soon as ``stopped`` says so, which leaves what has come for the next time.
    """
    for last in (False, True):
        digest, plain = _complete(client, place, version, file, stopped)
        if file.tell() == version.size_bytes and (not plain or digest == version.etag):
            return
        _from_the_start(file)
        if last:
            raise ObjectFault(f"{place} arrived twice with another checksum than S3 has for it ({version.etag}).")


def _complete(
    client: Any, place: Place, version: Version, file: BinaryIO, stopped: Callable[[], bool]
) -> tuple[str, bool]:
    """The MD5 of the file when all has come, and whether S3's ETag is one."""
    digest = _digest_of(file)
    plain = bool(_MD5.fullmatch(version.etag))
    failed = 0
    while file.tell() < version.size_bytes:
        before = file.tell()
        error: Exception | None = None
        try:
            answer = _open(client, place, version, before)
            plain = plain and not _is_encrypted(answer)
            if before and not answer.get("ContentRange", "").startswith(f"bytes {before}-"):
                digest = _from_the_start(file)
            _copy(answer["Body"], file, digest, stopped)
        except BROKEN as broken:
            error = broken
            if isinstance(error, FlexibleChecksumError):
                digest = _from_the_start(file)
        failed = 1 if file.tell() > before else failed + 1
        if failed == ATTEMPTS:
            error = error or IncompleteReadError(actual_bytes=file.tell(), expected_bytes=version.size_bytes)
            raise failure(error, f"Reading {place}", place, endpoint=client.meta.endpoint_url) from error
        if file.tell() < version.size_bytes:
            time.sleep(PAUSE_S * failed)
    return digest.hexdigest(), plain


def _copy(body: Any, file: BinaryIO, digest: Any, stopped: Callable[[], bool]) -> None:
    with closing(body):
        while piece := body.read(PIECE):
            if stopped():
                raise Stopped
            digest.update(piece)
            left = memoryview(piece)
            while left:  # an unbuffered file may take less at a time
                left = left[file.write(left) :]


def _digest_of(file: BinaryIO) -> Any:
    digest = hashlib.md5(usedforsecurity=False)
    file.seek(0)
    while piece := file.read(PIECE):
        digest.update(piece)
    return digest


def _open(client: Any, place: Place, version: Version, start: int) -> dict[str, Any]:
    from_here = {"Range": f"bytes={start}-"} if start else {}
    try:
        answer: dict[str, Any] = client.get_object(
            Bucket=place.bucket, Key=place.key, IfMatch=f'"{version.etag}"', **from_here
        )
    except BOTO as error:
        raise failure(error, f"Reading {place}", place, endpoint=client.meta.endpoint_url) from error
    return answer


def _from_the_start(file: BinaryIO) -> Any:
    file.seek(0)
    file.truncate()
    return hashlib.md5(usedforsecurity=False)


def _is_encrypted(answer: dict[str, Any]) -> bool:
    """Whether the ETag, though it looks like one, is no MD5: so with keys of KMS or the customer's own."""
    return "kms" in answer.get("ServerSideEncryption", "") or "SSECustomerAlgorithm" in answer


def _etag(answer: dict[str, Any]) -> str:
    return str(answer.get("ETag", "")).strip('"')


SCHEMA = {"location": pl.String, "etag": pl.String, "size_bytes": pl.Int64}


def pages(client: Any, prefix: Place) -> Iterator[pl.DataFrame]:
    """The objects whose keys begin with the prefix, up to 1 000 a page: s3 URI, ETag without quotes, bytes.

    Folder markers (keys that end with a slash) are left out. SyncdError where the bucket is missing or may not be
    listed.
    """
    try:
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=prefix.bucket, Prefix=prefix.key):
            found = [each for each in page.get("Contents", ()) if not each["Key"].endswith("/")]
            yield pl.DataFrame(
                {
                    "location": [f"s3://{prefix.bucket}/{each['Key']}" for each in found],
                    "etag": [each["ETag"].strip('"') for each in found],
                    "size_bytes": [each["Size"] for each in found],
                },
                schema=SCHEMA,
            )
    except BOTO as error:
        endpoint = client.meta.endpoint_url
        raise failure(error, f"Listing {prefix}", prefix_place(prefix), action=LIST, endpoint=endpoint) from error


def prefix_place(prefix: Place) -> Place:
    """The prefix as a place of many objects, also where it ends within a name."""
    return prefix if prefix.whole else Place(prefix.bucket, prefix.key[: prefix.key.rfind("/") + 1])


FIRST, NEXT = 64 * 1024, 1024 * 1024
"""Bytes of the first request, in which the header of nearly every image is, and of each later one."""


class RangedFile:
    """``read``, ``seek`` and ``tell`` over one object; making it is the first request.

    ``version`` says which object it is; should it be replaced meanwhile, reading on raises ``ObjectChanged``.
    """

    def __init__(self, client: Any, place: Place) -> None:
        self._client = client
        self._place = place
        self._at = 0
        self._start = 0
        self._held, self.version = read_range(client, place, 0, FIRST)

    def read(self, size: int = -1) -> bytes:
        """The next bytes; all that are left where ``size`` is negative."""
        left = max(self.version.size_bytes - self._at, 0)
        wanted = left if size < 0 else min(size, left)
        if not wanted:
            return b""
        if not self._start <= self._at or self._at + wanted > self._start + len(self._held):
            self._held, _ = read_range(self._client, self._place, self._at, max(wanted, NEXT), self.version.etag)
            self._start = self._at
        offset = self._at - self._start
        piece = self._held[offset : offset + wanted]
        self._at += len(piece)
        return piece

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As of a file."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.version.size_bytes}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def tell(self) -> int:
        """As of a file."""
        return self._at


__all__ = ["FIRST", "NEXT", "RangedFile", "Version"]
