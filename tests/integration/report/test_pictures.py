"""Pictures of changed annotations, from files and from S3."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from PIL import Image

import s3
from syncd.config import Config, load_config
from syncd.engine.state import open_state
from syncd.ingest.dataset_setup import S3_URI
from syncd.report.pictures import Pictures, chosen, take
from syncd.report.selection import Selection, changes
from syncd.report.thumbnails import EDGE
from unit.report.logs import log, moved
from worlds import World


def config(world: World, folder: Path, **more: Any) -> Config:
    path = folder / "syncd.yaml"
    path.write_text(yaml.safe_dump(world.document() | more), encoding="utf-8")
    return load_config(path)


def logged(settings: Config) -> pl.DataFrame:
    with open_state(settings) as state:
        return changes(state.connection, state.tables, Selection())


def image(pictures: Pictures, annotation_id: str) -> Image.Image:
    (found,) = (each for each in pictures.shown if each.annotation_id == annotation_id)
    kind, _, content = found.uri.partition(",")
    assert kind == "data:image/webp;base64"
    return Image.open(io.BytesIO(base64.b64decode(content)))


@pytest.fixture
def corrected(world: World) -> list[str]:
    """Annotations whose label was corrected."""
    keys = sorted(world.rows())[:3]
    for number, key in enumerate(keys):
        world.review(key, label=f"better {number}")
    world.reconcile()
    return keys


def test_each_annotation_is_shown_as_it_looks_with_the_labels_before_and_after(
    world: World, corrected: list[str], tmp_path: Path
) -> None:
    settings = config(world, tmp_path)
    found = take(settings, logged(settings), 2)
    assert len(found.shown) == 2
    assert {each.annotation_id for each in found.shown} < set(corrected)
    assert found.missing == ()
    for each in found.shown:
        assert each.new is not None
        assert each.new.startswith("better ")
        assert max(image(found, each.annotation_id).size) <= EDGE


def test_an_image_that_is_not_there_is_counted_and_no_failure(
    world: World, corrected: list[str], tmp_path: Path
) -> None:
    settings = config(world, tmp_path)
    world.samples.update_many({}, {"$set": {"filepath": str(tmp_path / "gone.png")}})
    found = take(settings, logged(settings), 10)
    assert found.shown == ()
    assert {key for _, key in found.missing} == set(corrected)


def test_an_image_that_is_not_here_comes_from_s3(
    world: World, corrected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.keys(monkeypatch, tmp_path)
    file = io.BytesIO()
    Image.new("RGB", (640, 320), (200, 30, 30)).save(file, "PNG")
    with s3.server() as endpoint:
        client = s3.plain_client(endpoint)
        client.create_bucket(Bucket="lab")
        client.put_object(Bucket="lab", Key="red.png", Body=file.getvalue())
        world.samples.update_many({}, {"$set": {"filepath": "/gone.png", S3_URI: "s3://lab/red.png"}})
        settings = config(world, tmp_path, s3={"endpoint_url": endpoint})
        found = take(settings, logged(settings), 1)
    (red, green, blue) = image(found, found.shown[0].annotation_id).convert("RGB").getpixel((5, 5))  # type: ignore[misc]
    assert red - max(green, blue) > 100


def test_pictures_beyond_the_budget_are_left_out_and_counted(
    world: World, corrected: list[str], tmp_path: Path
) -> None:
    settings = config(world, tmp_path)
    whole = take(settings, logged(settings), 3)
    found = take(settings, logged(settings), 3, budget=len(whole.shown[0].uri))
    assert len(found.shown) + found.left_out == 3
    assert found.left_out > 0


def test_a_binding_that_cannot_be_opened_is_a_note(world: World, corrected: list[str], tmp_path: Path) -> None:
    settings = config(world, tmp_path)
    found = logged(settings)
    world.mongo["datasets"].delete_one({"name": world.dataset})
    (note,) = take(settings, found, 3).notes
    assert "no pictures, because" in note


def test_every_kind_of_transition_is_pictured_before_any_is_pictured_twice() -> None:
    rows = [moved(number, f"a{number}", "x", "y") for number in range(1, 6)] + [moved(6, "b", "x", "z")]
    assert chosen(log(*rows), 3)["annotation_id"].to_list() == ["a5", "b", "a4"]
    assert chosen(log(*rows), 0).is_empty()


def test_an_image_that_is_too_large_is_named(
    world: World, corrected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = config(world, tmp_path)
    monkeypatch.setattr("syncd.report.thumbnails.MOST_BYTES", 10)
    found = take(settings, logged(settings), 10)
    assert found.shown == ()
    assert {key for _, key in found.missing} == set(corrected)
    (note,) = found.notes
    assert "too large to be decoded" in note
    assert str(world.samples.find_one({})["filepath"]).rpartition("/")[0] in note
