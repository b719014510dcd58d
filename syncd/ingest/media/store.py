"""The media of a binding: where each is, which are there, and fetching them to where FiftyOne can read them."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from importlib.machinery import PathFinder
from pathlib import Path, PurePosixPath
from typing import Protocol

import polars as pl

from syncd.adapters.connect import fiftyone_database
from syncd.adapters.fiftyone.media import paths_under
from syncd.adapters.s3.client import s3_client
from syncd.adapters.s3.errors import Place
from syncd.config import BindingConfig, Config, S3Prefix
from syncd.ingest.media import locate
from syncd.ingest.media.bucket import S3, Bucket, place_of
from syncd.ingest.media.cache import Cache
from syncd.ingest.media.folder import Listing, check_folder, fetch_files
from syncd.ingest.media.probe import FETCHED, media_suffixes
from syncd.ingest.media.quota import InUse, Room
from syncd.model.canonical import respelt

Progress = Callable[[int], None]
"""Called in the caller's thread with how many more are done, not with how many in all; with 0 while that takes long.

What it raises ends the work.
"""


@dataclass(frozen=True)
class Survey:
    """Which locations are not there; how many media under the root no location names, None without a root.

    ``spelt`` says where those are that are there in another Unicode normal form: a Mac decomposes the names of files.
    """

    missing: frozenset[str]
    unnamed: int | None
    spelt: Mapping[str, str] = field(default_factory=dict)


class MediaStore(Protocol):
    """What ingest needs of the media."""

    def locate(self, keys: pl.Series) -> pl.DataFrame:
        """A row per key, in order: key, location (absolute path, or s3:// URI; null where faulty), fault."""

    def check(self) -> None:
        """SyncdError where the root is not there or may not be listed; without a root there is nothing to check."""

    def survey(self, locations: pl.Series, progress: Progress) -> Survey:
        """Lists the root once, or without one the folders and prefixes of the locations.

        SyncdError where it is not there or may not be listed.
        """

    def fetch(self, located: pl.DataFrame, progress: Progress) -> pl.DataFrame:
        """Makes the media readable for FiftyOne; ``located`` has key and location, without faults.

        A row per key, in order: key, path (what the sample's filepath gets), uri, etag, size_bytes, mime_type, width,
        height, num_channels, fault (a sentence; then path is null) and note. SyncdError where all of it fails.
        """


def open_media(config: Config, binding: BindingConfig, *, in_use: InUse | None = None) -> MediaStore:
    """The media of a binding. Nothing is connected to before it is needed.

    ``in_use`` gives the files in the cache folder that samples refer to, which are never removed; by default those of
    every dataset in FiftyOne's MongoDB.
    """
    return Media(config, binding.ingest.media, in_use or (lambda folder: _paths_of_samples(config, folder)))


def _paths_of_samples(config: Config, folder: Path) -> frozenset[str]:
    with fiftyone_database(config) as database:
        return paths_under(database, folder)


class Media:
    """The media below a root, or, without one, wherever absolute paths and s3:// URIs say."""

    def __init__(self, config: Config, root: Path | S3Prefix | None, in_use: InUse) -> None:
        self._config = config
        self._root = root
        self._in_use = in_use

    def locate(self, keys: pl.Series) -> pl.DataFrame:
        """As `MediaStore.locate`."""
        return locate.locate(keys, self._root)

    def check(self) -> None:
        """As `MediaStore.check`."""
        if isinstance(self._root, S3Prefix):
            self._bucket.check(Place(*self._root))
        elif self._root is not None:
            check_folder(locate.folder_text(self._root))

    def survey(self, locations: pl.Series, progress: Progress) -> Survey:
        """As `MediaStore.survey`."""
        wanted = locations.drop_nulls().unique()
        listing = self._files(wanted, progress)
        there = pl.concat([pl.Series("location", listing.files, pl.String), self._objects(wanted, progress)])
        absent = wanted.filter(~wanted.is_in(there.implode()))
        others = there.filter(~there.is_in(wanted.implode()))
        spelt = _spelt(others, absent)
        gone = (each for each in absent if each not in spelt)
        missing = frozenset(each for each in gone if each.startswith(S3) or listing.lacks(each))
        if self._root is None:
            return Survey(missing, None, spelt)
        suffixes, meant = media_suffixes(), set(spelt.values())
        unnamed = (each for each in others if each not in meant)
        return Survey(missing, sum(PurePosixPath(each).suffix.lower() in suffixes for each in unnamed), spelt)

    def fetch(self, located: pl.DataFrame, progress: Progress) -> pl.DataFrame:
        """As `MediaStore.fetch`."""
        every = located["location"].unique(maintain_order=True)
        remote = every.str.starts_with(S3)
        rows = [fetch_files(every.filter(~remote).to_list(), progress)]
        if remote.any():
            rows.append(self._bucket.fetch(every.filter(remote).to_list(), progress))
        found = located.select("key", "location").join(
            pl.concat(rows), on="location", how="left", maintain_order="left"
        )
        return found.select("key", *[each for each in FETCHED if each != "location"])

    @cached_property
    def _bucket(self) -> Bucket:
        settings = self._config.s3
        cache = None
        if edition(self._config) is Edition.OPEN_SOURCE:
            folder = Path(locate.folder_text(settings.cache))
            cache = Cache(folder, Room(folder, settings.cache_size, self._in_use))
        prefix = Place(*self._root) if isinstance(self._root, S3Prefix) else None
        endpoint = settings.endpoint_url or ""
        return Bucket(s3_client(settings), endpoint, settings.connections, cache, prefix)

    def _files(self, wanted: pl.Series, progress: Progress) -> Listing:
        listing = Listing(progress)
        if isinstance(self._root, Path):
            listing.below(locate.folder_text(self._root))
        else:
            for folder in sorted({os.path.dirname(each) for each in wanted if not each.startswith(S3)}):  # noqa: PTH120
                listing.within(folder)
        return listing

    def _objects(self, wanted: pl.Series, progress: Progress) -> pl.Series:
        remote: pl.Series = wanted.filter(wanted.str.starts_with(S3))
        if isinstance(self._root, S3Prefix):
            return self._bucket.survey([Place(*self._root)], progress)
        if not remote.len():
            return remote
        return self._bucket.survey(_prefixes(remote.to_list()), progress)


def _spelt(there: pl.Series, absent: pl.Series) -> dict[str, str]:
    """Where absent locations are in another Unicode normal form; not where two files could be meant."""
    if absent.is_empty() or (absent.str.len_bytes() == absent.str.len_chars()).all():
        return {}
    found = respelt(there, absent)
    several = Counter(found.values())
    return {asked: each for each, asked in found.items() if several[asked] == 1}


def _prefixes(uris: Sequence[str]) -> list[Place]:
    """Of each bucket the longest prefix, up to a slash, that all its keys share."""
    keys: dict[str, list[str]] = {}
    for place in map(place_of, uris):
        keys.setdefault(place.bucket, []).append(place.key)
    return [Place(bucket, _shared(min(found), max(found))) for bucket, found in sorted(keys.items())]


def _shared(first: str, last: str) -> str:
    """What the first and the last of some sorted keys, and so all between, begin with, up to a slash."""
    same = next((at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    return first[: first.rfind("/", 0, same) + 1]


MARK = "fiftyone.management"
"""The package that only Enterprise has."""


class Edition(Enum):
    """The two FiftyOnes."""

    OPEN_SOURCE = "open_source"
    ENTERPRISE = "enterprise"


def edition(config: Config) -> Edition:
    """As `fiftyone.edition` says; with ``auto``, as installed."""
    if config.fiftyone.edition != "auto":
        return Edition(config.fiftyone.edition)
    return Edition.ENTERPRISE if _has_mark() else Edition.OPEN_SOURCE


def _has_mark() -> bool:
    if MARK in sys.modules:
        return True
    # Asked for by its full name, find_spec would import FiftyOne, which takes seconds.
    package = importlib.util.find_spec(MARK.partition(".")[0])
    return package is not None and PathFinder.find_spec(MARK, package.submodule_search_locations) is not None
