"""Media in S3: copied to the cache for the open-source FiftyOne, read in place by Enterprise."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

import polars as pl

from syncd.adapters.s3.errors import GET, ObjectChanged, ObjectDenied, ObjectFault, Place, S3Busy, denied
from syncd.adapters.s3.objects import SCHEMA as LISTED
from syncd.adapters.s3.objects import RangedFile, Stopped, Version, download, pages, read_range
from syncd.ingest.media.cache import Cache
from syncd.ingest.media.parallel import in_parallel
from syncd.ingest.media.probe import ImageFacts, Row, fetched, probe, probe_header

S3 = "s3://"
MANY_DENIED = 20
"""So many objects denied before the first that is not: then it is no matter of single objects."""

PAUSES_S = (1, 2, 4, 6, 8, 10, 10, 10)
"""Before an object is tried again that S3 refused because it is busy. boto3 repeats requests too, but of all a client's
requests together no more than some hundred, which many threads have soon used up."""

REPLACED = 3
"""How often an object may be replaced while it is read."""


def place_of(uri: str) -> Place:
    """The bucket and key of an s3:// URI."""
    bucket, _, key = uri.removeprefix(S3).partition("/")
    return Place(bucket, key)


class Bucket:
    """The objects of S3. ``cache`` is None where FiftyOne reads them itself; ``prefix`` is the media root, if any."""

    def __init__(
        self, client: Any, endpoint: str, connections: int, cache: Cache | None, prefix: Place | None = None
    ) -> None:
        self._client = client
        self._endpoint = endpoint
        self._connections = connections
        self._cache = cache
        self._prefix = prefix
        self._listed = pl.DataFrame(schema=LISTED)
        self._guard = threading.Lock()
        self._granted = False
        self._denied = 0

    def check(self, prefix: Place) -> None:
        """SyncdError where the prefix may not be listed; one page is asked for."""
        next(pages(self._client, prefix), None)

    def survey(self, prefixes: Sequence[Place], progress: Callable[[int], None]) -> pl.Series:
        """The URIs of all that is there under the prefixes; their versions are kept for `fetch`."""
        self._listed = pl.concat([pl.DataFrame(schema=LISTED), *self._pages(prefixes, progress)])
        return self._listed["location"]

    def _pages(self, prefixes: Sequence[Place], progress: Callable[[int], None]) -> Iterator[pl.DataFrame]:
        for prefix in prefixes:
            for page in pages(self._client, prefix):
                progress(page.height)
                yield page

    def fetch(self, locations: Sequence[str], progress: Callable[[int], None]) -> pl.DataFrame:
        """Brings the objects where FiftyOne can read them; `columns.FETCHED`, one row per location, in order.

        SyncdError where S3 fails as a whole, or where no object at all may be read.
        """
        versions = self._versions(locations)

        def work(uri: str, stopped: Callable[[], bool]) -> Row:
            if stopped():
                return {}
            try:
                found = self._fetch_patiently(uri, versions.get(uri), stopped)
            except Stopped:
                return {}
            except ObjectDenied as error:
                self._count_denied(uri, error)
                return {"location": uri, "fault": error.message, "denied": error}
            except ObjectFault as error:
                return {"location": uri, "fault": error.message}
            self._granted = self._granted or found.pop("read", False) is True
            return found

        rows = in_parallel(work, locations, workers=self._connections, progress=progress)
        refused = [row for row in rows if "denied" in row]
        if refused and not self._granted and all("fault" in row for row in rows):
            raise self._all_denied(str(refused[0]["location"]), refused[0]["denied"])
        return fetched(rows)

    def _versions(self, locations: Sequence[str]) -> dict[str, Version]:
        asked = pl.DataFrame({"location": locations}, schema={"location": pl.String})
        known = self._listed.join(asked, on="location", how="semi")
        return {uri: Version(etag, size) for uri, etag, size in known.iter_rows()}

    def _fetch_patiently(self, uri: str, version: Version | None, stopped: Callable[[], bool]) -> dict[str, object]:
        for pause in PAUSES_S:
            try:
                return self._fetch(uri, version, stopped)
            except S3Busy:
                if stopped():
                    raise
                time.sleep(pause)
        return self._fetch(uri, version, stopped)

    def _fetch(self, uri: str, version: Version | None, stopped: Callable[[], bool]) -> dict[str, object]:
        place = place_of(uri)
        if self._cache is None:
            return self._look(uri, place)
        for again in range(REPLACED):
            if version is None or again:
                _, version = read_range(self._client, place, 0, 1)
            try:
                return self._bring(uri, place, version, self._cache, stopped)
            except ObjectChanged:
                if again == REPLACED - 1:
                    raise
        raise AssertionError("unreachable")

    def _bring(
        self, uri: str, place: Place, version: Version, cache: Cache, stopped: Callable[[], bool]
    ) -> dict[str, object]:
        if not version.size_bytes:
            return {"location": uri, "fault": f"{uri} is empty (0 bytes)."}
        path = cache.path_of(self._endpoint, place.bucket, place.key, version.etag)
        here = cache.has(path, version.size_bytes)
        if not here:
            cache.fill(
                path, version.size_bytes, lambda file: download(self._client, place, version, file, stopped), stopped
            )
        facts = probe(str(path))
        if isinstance(facts, str):
            # The fault is that of the object, the name of the copy says nothing to whoever mends it.
            facts = facts.replace(str(path), uri)
        return _row(uri, str(path), version.etag, facts) | {"read": not here}

    def _look(self, uri: str, place: Place) -> dict[str, object]:
        file = RangedFile(self._client, place)
        facts = probe_header(file, uri, file.version.size_bytes)
        return _row(uri, uri, file.version.etag, facts) | {"read": True}

    def _count_denied(self, uri: str, error: ObjectDenied) -> None:
        with self._guard:
            self._denied += 1
            if self._denied >= MANY_DENIED and not self._granted:
                raise self._all_denied(uri, error)

    def _all_denied(self, uri: str, error: object) -> Exception:
        place = place_of(uri)
        prefix = self._prefix or Place(place.bucket, place.key[: place.key.rfind("/") + 1])
        return denied(prefix, GET, error)


def _row(uri: str, path: str, etag: str, facts: ImageFacts | str) -> dict[str, object]:
    if isinstance(facts, str):
        return {"location": uri, "etag": etag, "fault": facts}
    return {"location": uri, "path": path, "uri": uri, "etag": etag} | asdict(facts)
