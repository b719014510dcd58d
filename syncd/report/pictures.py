"""Pictures of changed annotations: which ones, where their images are, and the small ones for the page."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from syncd.adapters.connect import fiftyone_database
from syncd.adapters.fiftyone.adapter import FiftyOneAdapter
from syncd.adapters.fiftyone.dataset import describe
from syncd.adapters.fiftyone.media import boxes_of, media_of
from syncd.adapters.s3.client import s3_client
from syncd.adapters.s3.objects import RangedFile
from syncd.config import Config
from syncd.engine.session import open_session
from syncd.errors import SyncdError
from syncd.ingest.dataset_setup import S3_URI
from syncd.ingest.media.bucket import S3, place_of
from syncd.ingest.media.probe import RAISED, Readable
from syncd.model import Kind
from syncd.model.result import Status
from syncd.model.snapshot import column
from syncd.report.thumbnails import TooLarge, data_uri, thumbnails

BUDGET = 8_000_000
"""Bytes that all pictures together take in the page."""

NAMED = 3
"""Images that are too large and are named; the others are counted."""

THREADS = 4
KEY = ["binding", "annotation_id"]


@dataclass(frozen=True)
class Picture:
    """An annotation as it looks (``uri`` holds the image itself) and the change of it that the picture stands for."""

    binding: str
    annotation_id: str
    uri: str
    old: str | None
    new: str | None
    actor: str | None
    at: datetime


@dataclass(frozen=True)
class Pictures:
    """The pictures, and the annotations (binding, id) whose image could not be had.

    ``left_out`` pictures would not have fitted the budget; ``notes`` say why a binding has none.
    """

    shown: tuple[Picture, ...] = ()
    missing: tuple[tuple[str, str], ...] = ()
    left_out: int = 0
    notes: tuple[str, ...] = ()


def take(config: Config, changes: pl.DataFrame, number: int, *, budget: int = BUDGET) -> Pictures:
    """Pictures of up to ``number`` changed annotations, chosen for variety; ``budget`` in bytes.

    A binding that cannot be opened, or an image that is not there, is told and is no failure.
    """
    wanted = chosen(changes, number)
    shown: dict[tuple[str, str], bytes] = {}
    notes = []
    client = _Client(config)
    for name in wanted["binding"].unique(maintain_order=True).to_list():
        rows = wanted.filter(pl.col("binding") == name)
        try:
            with open_session(config, name) as session:
                places = _places(session.fiftyone, rows) if isinstance(session.fiftyone, FiftyOneAdapter) else None
        except SyncdError as error:
            notes.append(f"{name}: no pictures, because {error.message}")
            continue
        if places is not None:
            found, too_large = _cut(places, client)
            shown |= {(name, key): webp for key, webp in found.items()}
            notes += _told(name, too_large)
    return _within(wanted, shown, budget, tuple(notes))


def chosen(changes: pl.DataFrame, number: int) -> pl.DataFrame:
    """The changes to picture: of each transition the latest, then the next of each, the most frequent first. Pure."""
    applied = changes.filter(
        pl.col("status") == Status.APPLIED,
        pl.col("annotation_id").is_not_null(),
        pl.col("old_label").is_not_null() | pl.col("new_label").is_not_null(),
    )
    pair = ["old_label", "new_label"]
    ranked = (
        applied.sort("seq", descending=True)
        .unique(KEY, keep="first", maintain_order=True)
        .with_columns(turn=pl.int_range(pl.len()).over(pair), frequent=pl.len().over(pair))
    )
    order = ranked.sort("turn", "frequent", *pair, "seq", descending=[False, True, False, False, True])
    return order.head(max(number, 0))


@dataclass(frozen=True)
class Place:
    """Where an annotation's image is: a path or an s3:// URI, and another where that fails; ``box`` within it.

    ``annotation_id`` is its name for whoever asks.
    """

    annotation_id: str
    path: str
    uri: str | None
    box: list[float] | None


def cut(config: Config, places: list[Place], *, outlined: bool = False) -> dict[str, str]:
    """Small pictures of what these boxes show, as addresses that need no network, by name.

    ``outlined`` draws the box. Where there is no image, or one that is too large to be decoded, there is none.
    """
    shown, _ = _cut(places, _Client(config), outlined=outlined)
    return {name: data_uri(webp) for name, webp in shown.items()}


@dataclass(frozen=True)
class PlacedLabel:
    """A label of which a picture is wanted: its sample, its own id, and the box to show where the label is gone."""

    sample_id: str
    label_id: str | None
    box: tuple[float, ...] | None = None


def of_labels(config: Config, name: str, labels: Collection[PlacedLabel]) -> dict[PlacedLabel, str]:
    """Pictures of labels of the binding's field as they are now, with their boxes, as addresses that need no network.

    One whose image cannot be had is left out.
    """
    binding = config.binding(name)
    with fiftyone_database(config) as database:
        info = describe(database, binding.dataset, binding.label_field)
        samples = database[info.collection]
        media = media_of(samples, {each.sample_id for each in labels}, S3_URI)
        boxes = boxes_of(samples, info, {each.sample_id for each in labels})
    keys = {str(number): each for number, each in enumerate(labels) if each.sample_id in media}
    places = [
        Place(key, *media[each.sample_id], boxes.get((each.sample_id, each.label_id), _given(each.box)))
        for key, each in keys.items()
    ]
    return {keys[key]: uri for key, uri in cut(config, places, outlined=True).items()}


def _given(box: tuple[float, ...] | None) -> list[float] | None:
    return None if box is None else list(box)


class _Client:
    """The S3 client, made when the first image is looked for there."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._made: Any = None

    def open(self, uri: str) -> RangedFile:
        if self._made is None:
            self._made = s3_client(self._config.s3)
        return RangedFile(self._made, place_of(uri))


def _places(fiftyone: FiftyOneAdapter, rows: pl.DataFrame) -> list[Place]:
    """By annotation id where the label is now; where it is gone, by the sample and box that the log has."""
    boxes = [each.name for each in fiftyone.mapping.fields if each.kind is Kind.BOX]
    now = fiftyone.read_ids(rows["annotation_id"].to_list()).rows
    there = {row["annotation_id"]: row for row in now.iter_rows(named=True) if row["annotation_id"] is not None}
    samples = {*(row["sample_id"] for row in there.values()), *rows["sample_id"].drop_nulls()}
    media = media_of(fiftyone.samples, samples, S3_URI)
    found = []
    for row in rows.iter_rows(named=True):
        label = there.get(row["annotation_id"])
        sample = row["sample_id"] if label is None else label["sample_id"]
        box = _logged_box(row, boxes) if label is None else next((label[column(name)] for name in boxes), None)
        if sample in media:
            found.append(Place(row["annotation_id"], *media[sample], box))
    return found


def _logged_box(row: Mapping[str, Any], boxes: list[str]) -> list[float] | None:
    for side in ("old", "new"):
        whole = json.loads(row[side]) if row["field"] is None and row[side] is not None else None
        if isinstance(whole, dict) and boxes and isinstance(whole.get(boxes[0]), list):
            box: list[float] = whole[boxes[0]]
            return box
    return None


def _cut(places: list[Place], client: _Client, *, outlined: bool = False) -> tuple[dict[str, bytes], list[str]]:
    """Small pictures by annotation, of those that have an image, and images that are too large; each is read once."""
    by_image: dict[tuple[str, str | None], list[Place]] = {}
    for each in places:
        by_image.setdefault((each.path, each.uri), []).append(each)
    shown: dict[str, bytes] = {}
    too_large = []
    with ThreadPoolExecutor(THREADS, thread_name_prefix="picture") as pool:
        for found in pool.map(lambda group: _of_one_image(group, client, outlined), by_image.values()):
            if isinstance(found, str):
                too_large.append(found)
            else:
                shown |= found
    return shown, too_large


def _of_one_image(group: list[Place], client: _Client, outlined: bool) -> dict[str, bytes] | str:
    """The pictures by annotation, or what image is too large.

    Nothing where it is not there or damaged: a report is no place to fail for that.
    """
    try:
        with _opened(group[0], client) as file:
            found = [] if file is None else thumbnails(file, [each.box for each in group], outlined=outlined)
        return {each.annotation_id: webp for each, webp in zip(group, found, strict=bool(found))}
    except TooLarge as error:
        return f"{group[0].path} ({error})"
    except (*RAISED, SyncdError):
        return {}


@contextmanager
def _opened(place: Place, client: _Client) -> Iterator[Readable | None]:
    if not place.path.startswith(S3) and Path(place.path).is_file():
        with Path(place.path).open("rb") as file:
            yield file
        return
    uri = place.path if place.path.startswith(S3) else place.uri
    yield None if uri is None else client.open(uri)


def _told(binding: str, too_large: list[str]) -> list[str]:
    """That images are too large for pictures, in one sentence."""
    if not too_large:
        return []
    more = f" and {len(too_large) - NAMED:,} more" if len(too_large) > NAMED else ""
    return [f"{binding}: no pictures of images that are too large to be decoded: {', '.join(too_large[:NAMED])}{more}"]


def _within(
    wanted: pl.DataFrame, shown: Mapping[tuple[str, str], bytes], budget: int, notes: tuple[str, ...]
) -> Pictures:
    """The pictures in the order of their choice, as far as they fit."""
    pictures, missing, left_out, taken = [], [], 0, 0
    for row in wanted.iter_rows(named=True):
        key = (row["binding"], row["annotation_id"])
        webp = shown.get(key)
        if webp is None:
            missing.append(key)
            continue
        uri = data_uri(webp)
        if taken + len(uri) > budget:
            left_out += 1
            continue
        taken += len(uri)
        about = (row["old_label"], row["new_label"], row["actor"], row["applied_at"])
        pictures.append(Picture(*key, uri, *about))
    return Pictures(tuple(pictures), tuple(missing), left_out, notes)
