"""Media in a folder: surveyed by one listing, described as FiftyOne does."""

from __future__ import annotations

import os
import threading
import unicodedata
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest
from PIL import Image

from media_stores import fetched, image, located, nothing, open_store, surveyed
from syncd.errors import SyncdError
from syncd.ingest.media.store import Survey

NAMES = ("a.png", "deep/er/b.jpg", "m 106/ü.png", "100%#?+.png")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four images, with names as people give them."""
    root = tmp_path / "media"
    for name in NAMES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(image("JPEG" if name.endswith("jpg") else "PNG"))
    return root


def test_a_survey_tells_what_is_missing_and_what_nobody_names(folder: Path, tmp_path: Path) -> None:
    (folder / "notes.txt").write_text("no media")
    store = open_store(folder, tmp_path / "cache")
    found = surveyed(store, "a.png", "deep/er/b.jpg", "gone.png", "deep/a.png", "deep")
    missing = {f"{folder}/gone.png", f"{folder}/deep/a.png"}
    assert found == Survey(frozenset(missing | {f"{folder}/deep"}), 2)


def test_composed_and_decomposed_names_are_two_files(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "ü.png") for form in ("NFC", "NFD"))
    (tmp_path / composed).write_bytes(image())
    found = surveyed(open_store(tmp_path, tmp_path / "cache"), composed, decomposed)
    assert found == Survey(frozenset({f"{tmp_path}/{decomposed}"}), 0)


def test_a_file_that_a_mac_has_named_is_found_by_its_composed_name(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "Proben/é.png") for form in ("NFC", "NFD"))
    (tmp_path / "Proben").mkdir()
    (tmp_path / decomposed).write_bytes(image())
    (tmp_path / "Proben" / "other.png").write_bytes(image())
    found = surveyed(open_store(tmp_path, tmp_path / "cache"), composed, "ö.png")
    spelt = {f"{tmp_path}/{composed}": f"{tmp_path}/{decomposed}"}
    assert found == Survey(frozenset({f"{tmp_path}/ö.png"}), 1, spelt)


def test_links_lead_anywhere_but_not_in_circles(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "c.png").write_bytes(image())
    (folder / "one").symlink_to(tmp_path / "elsewhere")
    (folder / "two").symlink_to(tmp_path / "elsewhere")
    (folder / "deep" / "round").symlink_to(folder)
    (folder / "broken.png").symlink_to(tmp_path / "nothing")
    store = open_store(folder, tmp_path / "cache")
    assert surveyed(store, "one/c.png", "two/c.png", *NAMES) == Survey(frozenset(), 0)
    assert surveyed(store, "broken.png").missing == {f"{folder}/broken.png"}


def test_without_a_root_the_folders_of_the_files_are_listed(folder: Path, tmp_path: Path) -> None:
    store = open_store(None, tmp_path / "cache")
    keys = [f"{folder}/a.png", f"{folder}/gone.png", f"{tmp_path}/never/b.png", f"{folder}/deep/er/b.jpg"]
    assert surveyed(store, *keys) == Survey(frozenset({keys[1], keys[2]}), None)


def test_a_root_that_is_not_there_ends_it(tmp_path: Path) -> None:
    with pytest.raises(SyncdError, match=r"media folder .*/nowhere cannot be read: No such file"):
        surveyed(open_store(tmp_path / "nowhere", tmp_path / "cache"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_not_called_empty(folder: Path, tmp_path: Path) -> None:
    (folder / "deep").chmod(0)
    try:
        store = open_store(folder, tmp_path / "cache")
        assert surveyed(store, "a.png").missing == frozenset()
        with pytest.raises(SyncdError, match="cannot be read: Permission denied"):
            surveyed(store, "deep/er/b.jpg")
    finally:
        (folder / "deep").chmod(0o755)


def test_progress_is_told_in_steps_that_add_up(folder: Path, tmp_path: Path) -> None:
    store, told = open_store(folder, tmp_path / "cache"), list[int]()
    store.survey(located(store, *NAMES)["location"], told.append)
    assert sum(told) == len(NAMES)
    told.clear()
    store.fetch(located(store, *NAMES), told.append)
    assert sum(told) == len(NAMES)


def test_every_key_has_its_row_in_order(folder: Path, tmp_path: Path) -> None:
    (folder / "cut.jpg").write_bytes(image("JPEG", size=(300, 200))[:-500])
    (folder / "empty.png").touch()
    (folder / "text.png").write_text("image,label")
    (folder / "really.png").write_bytes(image("JPEG"))
    keys = ["really.png", "a.png", "cut.jpg", "empty.png", "gone.png", "text.png", "./a.png", "a.png"]
    rows = fetched(open_store(folder, tmp_path / "cache"), *keys)
    assert [row["key"] for row in rows] == keys
    assert [row["fault"] is None for row in rows] == [True, True, False, False, False, False, True, True]
    assert [row["path"] is None for row in rows] == [row["fault"] is not None for row in rows]
    assert [row["note"] is not None for row in rows] == [True, *[False] * 7]
    assert rows[0]["mime_type"] == "image/jpeg"
    assert rows[1] == rows[7] == rows[6] | {"key": "a.png"}
    size = (folder / "a.png").stat().st_size
    assert (rows[1]["path"], rows[1]["size_bytes"], rows[1]["width"]) == (f"{folder}/a.png", size, 40)
    assert (rows[1]["uri"], rows[1]["etag"]) == (None, None)


def test_the_columns_are_the_promised_ones_even_of_nothing(tmp_path: Path) -> None:
    store = open_store(tmp_path, tmp_path / "cache")
    found = store.fetch(located(store), nothing)
    assert found.is_empty()
    assert found.columns == [
        *("key", "path", "uri", "etag", "size_bytes", "mime_type", "width", "height", "num_channels", "fault", "note")
    ]
    assert found.schema["width"] == found.schema["size_bytes"] == pl.Int64


def test_metadata_is_what_fiftyone_computes(tmp_path: Path, fiftyone: ModuleType) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    files = {
        "a.png": image(),
        "turned.jpg": image("JPEG", exif=exif),
        "grey.jpeg": image("JPEG", mode="L"),
        "alpha.png": image(mode="RGBA"),
        "palette.png": image(mode="P"),
        "deep.png": image(mode="I;16"),
        "cmyk.jpg": image("JPEG", mode="CMYK"),
        "a.bmp": image("BMP"),
        "a.tif": image("TIFF", mode="L"),
        "a.gif": image("GIF"),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    dataset = fiftyone.Dataset("media_metadata")
    dataset.add_samples([fiftyone.Sample(filepath=str(tmp_path / name)) for name in files])
    dataset.compute_metadata(skip_failures=False)
    names = ("size_bytes", "mime_type", "width", "height", "num_channels")
    rows = fetched(open_store(tmp_path, tmp_path / "cache"), *files)
    for sample, row in zip(dataset, rows, strict=True):
        assert sample.filepath == row["path"]
        assert {name: sample.metadata[name] for name in names} == {name: row[name] for name in names}
    assert (rows[1]["width"], rows[1]["height"]) == (30, 40)


def test_what_progress_raises_ends_the_work(folder: Path, tmp_path: Path) -> None:
    def stop(_: int) -> None:
        raise KeyboardInterrupt

    store = open_store(folder, tmp_path / "cache")
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        store.fetch(located(store, *NAMES), stop)
    assert threading.active_count() <= before + 8
