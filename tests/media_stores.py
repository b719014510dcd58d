"""Media stores as a configuration opens them, what they say of keys, and images to fill folders and buckets with."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
from PIL import Image

from syncd.config import parse_config
from syncd.ingest.media.quota import InUse
from syncd.ingest.media.store import MediaStore, Survey, open_media

Fill = Callable[..., None]


def open_store(
    media: object,
    cache: Path,
    *,
    edition: str = "open_source",
    in_use: InUse | None = lambda folder: frozenset(),
    **s3: Any,
) -> MediaStore:
    """The store of a binding whose `ingest.media` is ``media``; ``s3`` goes into the section of that name."""
    binding = {
        "name": "plankton",
        "dataset": "plankton",
        "label_field": "label",
        "table": "annotation",
        "columns": {"id": "id", "label": "label", "media": "media"},
        "ingest": {"media": None if media is None else str(media)},
    }
    config = parse_config(
        {
            "database": {"url": "postgresql://lab@localhost/lab"},
            "fiftyone": {"edition": edition},
            "s3": {"cache": str(cache), **s3},
            "bindings": [binding],
        }
    )
    return open_media(config, config.binding("plankton"), in_use=in_use)


def image(
    form: str = "PNG", size: tuple[int, int] = (40, 30), seed: int = 0, mode: str = "RGB", **options: Any
) -> bytes:
    """An image file; another for each seed."""
    out = io.BytesIO()
    plain = Image.radial_gradient("L").resize(size).point(lambda value: (value + seed) % 256)
    plain.convert(mode).save(out, form, **options)
    return out.getvalue()


def nothing(_: int) -> None:
    """No progress."""


def located(store: MediaStore, *keys: str) -> pl.DataFrame:
    """Key and location of keys without faults."""
    found = store.locate(pl.Series("key", list(keys), pl.String))
    assert found["fault"].is_null().all(), found["fault"].to_list()
    return found.select("key", "location")


def surveyed(store: MediaStore, *keys: str) -> Survey:
    """What a survey of these keys finds."""
    return store.survey(located(store, *keys)["location"], nothing)


def fetched(store: MediaStore, *keys: str) -> list[dict[str, Any]]:
    """The row of each key."""
    return store.fetch(located(store, *keys), nothing).to_dicts()
