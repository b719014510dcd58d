"""Media that the binding's store itself keeps: fetched by http(s) into the media cache, each once."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import httpx
import polars as pl

from syncd.adapters.base import OpenStore
from syncd.config import Config
from syncd.errors import SyncdError
from syncd.ingest.media import locate
from syncd.ingest.media.parallel import in_parallel
from syncd.ingest.media.probe import FETCHED, Row, fetched, probe
from syncd.ingest.media.store import Progress, Survey

CONNECTIONS = 16
TRIES = 3
AT_A_TIME = 500
"""Addresses that are asked for together, right before their images are fetched: they expire."""

_STRANGE = re.compile(r"[^\w.\- ]")


class StoreMedia:
    """Images under ``<s3.cache>/<kind of store>``. What is there already is not fetched again."""

    def __init__(self, config: Config, store: OpenStore, kind: str) -> None:
        self._store = store
        self._folder = Path(locate.folder_text(config.s3.cache)) / kind

    def locate(self, keys: pl.Series) -> pl.DataFrame:
        """Every key has a place in the cache."""
        names = keys.cast(pl.String)
        places = [None if each is None else str(self._place(each)) for each in names]
        return pl.DataFrame({"key": names, "location": places, "fault": [None] * len(names)}, schema=locate.SCHEMA)

    def check(self) -> None:
        """Nothing: the store has answered already."""

    def survey(self, locations: pl.Series, progress: Progress) -> Survey:  # noqa: ARG002
        """Nothing is missed before it is asked for."""
        return Survey(frozenset(), None)

    def fetch(self, located: pl.DataFrame, progress: Progress) -> pl.DataFrame:
        """Fetches what is not in the cache yet."""
        places = dict(located.select("location", "key").unique("location", maintain_order=True).iter_rows())
        rows: list[Row] = []
        items = list(places.items())
        with httpx.Client(timeout=httpx.Timeout(120, connect=10), follow_redirects=True) as http:
            for start in range(0, len(items), AT_A_TIME):
                rows += self._some(http, items[start : start + AT_A_TIME], progress)
        found = located.select("key", "location").join(fetched(rows), on="location", how="left", maintain_order="left")
        return found.select("key", *[each for each in FETCHED if each != "location"])

    def _some(self, http: httpx.Client, items: Sequence[tuple[str, str]], progress: Progress) -> list[Row]:
        wanted = [key for place, key in items if not Path(place).exists()]
        addresses = self._store.image_addresses(wanted) if wanted else {}

        def one(item: tuple[str, str], stopped: Callable[[], bool]) -> Row:
            place, key = item
            if not Path(place).exists():
                if key not in addresses:
                    return {"location": place, "fault": "the store keeps no image of it"}
                fault = _download(http, addresses[key], Path(place), stopped)
                if fault is not None:
                    return {"location": place, "fault": fault}
            facts = probe(place)
            if isinstance(facts, str):
                return {"location": place, "fault": facts}
            return {"location": place, "path": place, **asdict(facts)}

        return in_parallel(one, items, workers=CONNECTIONS, progress=progress)

    def _place(self, key: str) -> Path:
        """Where an image of that name is kept; readable, and another for each."""
        digest = hashlib.blake2b(key.encode(), digest_size=8).hexdigest()
        stem, ending = os.path.splitext(key.rsplit("/", 1)[-1])  # noqa: PTH122
        return self._folder / digest[:2] / f"{_STRANGE.sub('_', stem)[:100] or '_'}.{digest}{ending[:12]}"


def _download(http: httpx.Client, address: str, place: Path, stopped: Callable[[], bool]) -> str | None:
    """Puts the image in place, whole or not at all; why it could not be fetched. The address is never shown."""
    part = place.with_name(f"{place.name}.{os.getpid()}.part")
    why = ""
    for attempt in range(TRIES):
        if attempt:
            time.sleep(0.5 * attempt)
        if stopped():
            return "stopped"
        try:
            with http.stream("GET", address) as answer:
                if answer.status_code in (403, 404, 410):
                    return f"the store's image is not given out: HTTP {answer.status_code}"
                answer.raise_for_status()
                place.parent.mkdir(parents=True, exist_ok=True)
                with part.open("wb") as file:
                    for piece in answer.iter_bytes():
                        file.write(piece)
            part.replace(place)
        except httpx.HTTPStatusError as error:
            why = f"HTTP {error.response.status_code}"
        except httpx.TransportError as error:
            why = type(error).__name__
        except OSError as error:
            raise SyncdError(
                f"The media cache {place.parent} cannot be written: {error.strerror or error}.",
                remedy="Set `s3.cache` to a folder that syncd may write.",
            ) from error
        else:
            return None
    return f"the store's image could not be fetched: {why}"
