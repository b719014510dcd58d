"""Files of images, on a disk or in S3: what says cheaply that one may have changed, and its bytes."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from syncd_embedding.errors import ExtraMissing, MediaError

_THREADS = 16
_S3 = "s3://"


class Media:
    """Where images are read; ``s3`` makes a client of boto3; without it the environment says how."""

    def __init__(self, s3: Callable[[], Any] | None = None) -> None:
        self._make_client = s3 or client_of_the_environment
        self._s3: Any = None

    def stamps(self, places: Iterable[str]) -> dict[str, str | MediaError]:
        """What changes whenever a file does, for each: its size and time, or S3's ETag; or why there is none."""
        local: list[str] = []
        remote: list[str] = []
        for place in dict.fromkeys(places):
            (remote if place.startswith(_S3) else local).append(place)
        found: dict[str, str | MediaError] = {place: _stamp(place) for place in local}
        if remote:
            found |= self._tags(remote)
        return found

    def read(self, place: str) -> bytes:
        """The bytes of a file. Raises MediaError."""
        if not place.startswith(_S3):
            try:
                return Path(place).read_bytes()
            except OSError as error:
                raise _not_there(error) from None
        bucket, key = _parts(place)
        try:
            content: bytes = self._client().get_object(Bucket=bucket, Key=key)["Body"].read()
        except self._errors() as error:
            raise MediaError(f"cannot be read from S3: {error}") from None
        return content

    def digests(self, places: Iterable[str]) -> dict[str, str | MediaError]:
        """What each file's bytes are, as :func:`digest`; or why they cannot be read."""

        def told(place: str) -> str | MediaError:
            try:
                return digest(self.read(place))
            except MediaError as error:
                return error

        wanted = list(places)
        with ThreadPoolExecutor(_THREADS) as pool:
            return dict(zip(wanted, pool.map(told, wanted), strict=True))

    def _tags(self, places: list[str]) -> dict[str, str | MediaError]:
        """ETags, by listing each folder once: a thousand a request."""
        folders: defaultdict[tuple[str, str], dict[str, str]] = defaultdict(dict)
        for place in places:
            bucket, key = _parts(place)
            folders[bucket, key.rpartition("/")[0]][key] = place
        found: dict[str, str | MediaError] = {}
        for (bucket, folder), keys in folders.items():
            tags: dict[str, str] = {}
            try:
                pages = self._client().get_paginator("list_objects_v2")
                for page in pages.paginate(Bucket=bucket, Prefix=f"{folder}/" if folder else "", Delimiter="/"):
                    tags |= {each["Key"]: each["ETag"].strip('"') for each in page.get("Contents", ())}
            except self._errors() as error:
                found |= dict.fromkeys(keys.values(), MediaError(f"cannot be listed in S3: {error}"))
                continue
            for key, place in keys.items():
                found[place] = f"etag:{tags[key]}" if key in tags else MediaError("is not there")
        return found

    def _client(self) -> Any:
        if self._s3 is None:
            self._s3 = self._make_client()
        return self._s3

    @staticmethod
    def _errors() -> tuple[type[Exception], ...]:
        from botocore.exceptions import BotoCoreError, ClientError

        return BotoCoreError, ClientError


def client_of_the_environment() -> Any:
    """A client of S3 as boto3 finds its own settings. Raises ExtraMissing."""
    try:
        import boto3
    except ImportError:
        raise ExtraMissing("What is in S3 needs the package boto3.", remedy="pip install boto3") from None
    return boto3.client("s3")


def digest(content: bytes) -> str:
    """What tells bytes apart: blake2b, 32 hexadecimal digits."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _stamp(place: str) -> str | MediaError:
    try:
        told = Path(place).stat()
    except OSError as error:
        return _not_there(error)
    return f"{told.st_size}:{told.st_mtime_ns}"


def _not_there(error: OSError) -> MediaError:
    if isinstance(error, FileNotFoundError):
        return MediaError("is not there")
    return MediaError(f"cannot be read: {error.strerror or error}")


def _parts(place: str) -> tuple[str, str]:
    bucket, _, key = place.removeprefix(_S3).partition("/")
    return bucket, key
