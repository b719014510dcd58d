"""Cuts annotations out of their frames, one image file each, and cuts those again whose box or frame has changed."""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from bson import ObjectId
from PIL import Image, ImageOps
from pymongo import UpdateOne

from syncd.adapters.fiftyone.adapter import READING, WRITING
from syncd.adapters.fiftyone.compat import BUMP, CLASS, IMAGE_METADATA
from syncd.adapters.fiftyone.errors import asking
from syncd.adapters.fiftyone.samples import METADATA
from syncd.config import Config
from syncd.diff.images import normal
from syncd.errors import SyncdError
from syncd.ingest.context import Work
from syncd.ingest.dataset_setup import FRAME, FRAME_BOX
from syncd.ingest.judge import FAULTS, no_faults
from syncd.ingest.media.probe import RAISED, one_at_a_time, open_image
from syncd.ingest.source import FRAME as FRAME_COLUMN
from syncd.ingest.source import FRAME_BOX as BOX_COLUMN

CUT: dict[str, pl.DataType] = {
    "key": pl.String(),
    "path": pl.String(),
    "uri": pl.String(),
    "etag": pl.String(),
    "size_bytes": pl.Int64(),
    "mime_type": pl.String(),
    "width": pl.Int64(),
    "height": pl.Int64(),
    "num_channels": pl.Int64(),
    FRAME: pl.String(),
    FRAME_BOX: pl.List(pl.Float64),
}
"""Columns of the media that cutting makes; ``key`` is the annotation id, ``uri`` and ``etag`` are the frame's."""

THREADS = 4
_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Knife:
    """Where crops go, and how much is left around a box, as a share of its larger side."""

    folder: Path
    margin: float


def folder_of_crops(config: Config, dataset: str) -> Path:
    """The folder of a dataset's crops: beside the cache, whose files come and go."""
    return config.s3.cache.expanduser().absolute().parent / "crops" / _PLAIN.sub("_", dataset)


def cut(knife: Knife, rows: pl.DataFrame, frames: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Cuts every row out of its frame (``key``, ``path`` and the rest of a fetched medium).

    Returns the media of the crops, and faults of rows that could not be cut. A crop that is there already, from the
    same frame, box and margin, is taken as it is. SyncdError where crops cannot be written at all.
    """
    try:
        knife.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(knife, error) from error
    here = rows.select("annotation_id", "media", FRAME_COLUMN, BOX_COLUMN).join(
        frames, left_on=FRAME_COLUMN, right_on="key", how="inner"
    )
    groups = here.partition_by("path", maintain_order=True)
    with ThreadPoolExecutor(THREADS, thread_name_prefix="crop") as pool:
        results = [result for found in pool.map(lambda group: list(_frame(knife, group)), groups) for result in found]
    media = [each for each in results if isinstance(each, dict)]
    bad = [each for each in results if isinstance(each, tuple)]
    return pl.DataFrame(media, schema=CUT, orient="row"), pl.DataFrame(bad, schema=FAULTS, orient="row")


def _frame(knife: Knife, group: pl.DataFrame) -> Iterator[dict[str, Any] | tuple[str, str, str, str]]:
    """The crops of one frame, which is decoded once."""
    with ExitStack() as held:
        yield from _crops(knife, group, held)


def _crops(knife: Knife, group: pl.DataFrame, held: ExitStack) -> Iterator[dict[str, Any] | tuple[str, str, str, str]]:
    rows = list(group.iter_rows(named=True))
    targets = [knife.folder / _name(knife, row) for row in rows]
    frame: Image.Image | None = None
    for row, target in zip(rows, targets, strict=True):
        size = _size(target)
        if size is None:
            try:
                frame = frame or held.enter_context(_decoded(row["path"]))
                crop = _storable(frame.crop(pixels(row[BOX_COLUMN], frame.size, knife.margin)))
            except RAISED as error:
                yield row["annotation_id"], row["media"], "unusable media", f"{row[FRAME_COLUMN]}: {error}"
                continue
            try:
                _save(crop, target)
            except OSError as error:
                # It is no fault of the frame, and the next one would not fare better.
                raise _unwritable(knife, error) from error
            size = (crop.width, crop.height, len(crop.getbands()))
        yield _medium(row, target, *size)


@contextmanager
def _decoded(path: str) -> Iterator[Image.Image]:
    """A frame, upright. Of any size that the probe lets through, which is more than Image.open takes."""
    with Path(path).open("rb") as file:
        image = open_image(file)
        if image is None:
            raise OSError("it is not an image that can be read")
        with one_at_a_time(image.width * image.height):
            image.load()
            yield upright(image)


def upright(image: Image.Image) -> Image.Image:
    """The image as its EXIF block says that it is to be looked at."""
    try:
        return ImageOps.exif_transpose(image)
    except RAISED:
        # A damaged EXIF block says nothing of the orientation.
        return image


def _size(target: Path) -> tuple[int, int, int] | None:
    """Width, height and channels of a crop that is there; None where it is not, or damaged: then it is cut again."""
    try:
        with target.open("rb") as file:
            crop = open_image(file)
            return None if crop is None else (crop.width, crop.height, len(crop.getbands()))
    except RAISED:
        return None


def _storable(crop: Image.Image) -> Image.Image:
    """The crop in a mode that a PNG holds."""
    return crop if crop.mode in ("1", "L", "LA", "I;16", "I", "P", "RGB", "RGBA") else crop.convert("RGB")


def _unwritable(knife: Knife, error: OSError) -> SyncdError:
    return SyncdError(
        f"The crops cannot be kept in {knife.folder}: {error.strerror or error}.",
        remedy="Make room there, or set `s3.cache` (crops lie beside it) to a folder that syncd may write.",
    )


def pixels(box: list[float], size: tuple[int, int], margin: float) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a relative box in pixels: grown by the margin, whole pixels, within the frame."""
    left, top, width, height = box[0] * size[0], box[1] * size[1], box[2] * size[0], box[3] * size[1]
    around = margin * max(width, height)
    edges = (left - around, top - around, left + width + around, top + height + around)
    # What is a whole number but for the rounding of floats is that number.
    low = [math.floor(round(edge, 6)) for edge in edges[:2]]
    high = [math.ceil(round(edge, 6)) for edge in edges[2:]]
    x, y = (min(max(edge, 0), limit - 1) for edge, limit in zip(low, size, strict=True))
    right, bottom = (max(min(edge, limit), start + 1) for edge, limit, start in zip(high, size, (x, y), strict=True))
    return x, y, right, bottom


def _name(knife: Knife, row: dict[str, Any]) -> str:
    """A file name that another box, frame or margin would not have."""
    about = repr((row["path"], row["etag"], row[BOX_COLUMN], knife.margin, row["annotation_id"]))
    shown = _PLAIN.sub("_", row["annotation_id"])[:80]
    return f"{shown}.{hashlib.blake2b(about.encode(), digest_size=6).hexdigest()}.png"


def _save(crop: Image.Image, target: Path) -> None:
    """Whole or not at all: another process may be writing the same crop."""
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        crop.save(part, format="PNG")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _medium(row: dict[str, Any], target: Path, width: int, height: int, channels: int) -> dict[str, Any]:
    return {
        "key": row["media"],
        "path": str(target),
        "uri": row["uri"],
        "etag": row["etag"],
        "size_bytes": target.stat().st_size,
        "mime_type": "image/png",
        "width": width,
        "height": height,
        "num_channels": channels,
        FRAME: row[FRAME_COLUMN],
        FRAME_BOX: row[BOX_COLUMN],
    }


def recut(work: Work, located: pl.DataFrame, progress: Callable[[int, int], None], *, dry_run: bool) -> pl.DataFrame:
    """Cuts again what has another box or frame by now; returns the rows concerned, those without a fault.

    ``located`` are the frames with where each is. A row whose new box cannot be cut keeps its old crop, and is no fault
    of this ingest: the next one tries again.
    """
    if not work.crops:
        return no_faults().select("annotation_id")
    moved = _moved(work)
    wanted = located.filter(pl.col("key").is_in(moved[FRAME_COLUMN].unique().to_list()))
    if dry_run or moved.is_empty() or wanted.is_empty():
        return moved.select("annotation_id")
    frames = work.media.fetch(wanted.select("key", "location"), lambda _: None).filter(pl.col("fault").is_null())
    knife = Knife(folder_of_crops(work.config, work.binding.dataset), work.binding.ingest.crop_margin)
    crops, _ = cut(knife, moved.with_columns(pl.col("annotation_id").alias("media")), frames)
    found = crops.join(moved, left_on="key", right_on="annotation_id")
    operations = [_operation(row) for row in found.iter_rows(named=True)]
    if operations:
        with asking(WRITING):
            work.fiftyone.samples.bulk_write(operations, ordered=False)
    progress(found.height, moved.height)
    return found.select(pl.col("key").alias("annotation_id"))


def _moved(work: Work) -> pl.DataFrame:
    """Annotations whose sample was cut from another box, or another frame, than the table has now."""
    path = work.fiftyone.labels.media_path
    with asking(READING):
        samples = list(work.fiftyone.samples.find({FRAME_BOX: {"$type": "array"}}, {path: 1, FRAME: 1, FRAME_BOX: 1}))
    schema = {"annotation_id": pl.String(), "sample_id": pl.String(), "old": pl.List(pl.Float64)}
    schema["old_frame"] = pl.String()
    there = pl.DataFrame(
        [(str(each.get(path)), str(each["_id"]), each[FRAME_BOX], each.get(FRAME)) for each in samples],
        schema=schema,
        orient="row",
    )
    rows = work.source.every({FRAME_COLUMN, BOX_COLUMN}).select("annotation_id", FRAME_COLUMN, BOX_COLUMN)
    both = rows.drop_nulls().join(there, on="annotation_id")
    other_frame = normal(pl.col(FRAME_COLUMN)) != normal(pl.col("old_frame"))
    return both.filter((pl.col(BOX_COLUMN) != pl.col("old")) | other_frame)


def _operation(row: dict[str, Any]) -> UpdateOne:
    """Another crop for the sample, if it is still the one that was looked at."""
    metadata = {CLASS: IMAGE_METADATA} | {name: row[name] for name in METADATA if row[name] is not None}
    seen = {"_id": ObjectId(row["sample_id"]), FRAME_BOX: row["old"], FRAME: row["old_frame"]}
    sets = {"filepath": row["path"], "metadata": metadata, FRAME: row[FRAME], FRAME_BOX: row[FRAME_BOX]}
    return UpdateOne(seen, {"$set": sets} | BUMP)
