"""The images beside a manifest."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from inbox_lab import picture
from syncd.ingest.inbox.check import look_at, plain, sha256_of, why_outside


@pytest.mark.parametrize("name", ["a.png", "images/a b.png", "./a.png", "ä#%20+.png", "..a/b..png"])
def test_paths_below_the_folder_are_taken(name: str) -> None:
    assert why_outside(name) is None


@pytest.mark.parametrize(
    "name", ["/a.png", "../a.png", "a/../../b.png", "a/../b.png", "s3://b/a.png", "file:///a", "a\x00.png", ".", "./"]
)
def test_paths_that_lead_elsewhere_are_not(name: str) -> None:
    assert why_outside(name) is not None


def test_what_is_there_is_hashed_and_what_is_not_an_image_is_said(tmp_path: Path) -> None:
    picture(tmp_path / "a b.png", 1)
    (tmp_path / "text.png").write_text("text", encoding="utf-8")
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder.png").mkdir()
    picture(tmp_path / "jpeg.png").rename(tmp_path / "jpeg.jpg")
    names = ["a b.png", "text.png", "empty.png", "folder.png", "nothing.png", "jpeg.jpg"]
    found = {row["image"]: row for row in look_at(tmp_path, names).iter_rows(named=True)}
    assert found["a b.png"]["sha256"] == sha256_of(tmp_path / "a b.png")
    assert found["a b.png"]["fault"] is None
    faults = {name: row["fault"] for name, row in found.items() if row["fault"]}
    assert set(faults) == {"text.png", "empty.png", "folder.png", "nothing.png"}
    assert not any(str(tmp_path) in each for each in faults.values())
    assert "image/png" in (found["jpeg.jpg"]["note"] or "")


def test_a_missing_file_that_is_there_in_another_spelling_is_hinted_at(tmp_path: Path) -> None:
    picture(tmp_path / "images/a.png")
    picture(tmp_path / unicodedata.normalize("NFD", "möwe.png"))
    names = ["images\\a.png", unicodedata.normalize("NFC", "möwe.png")]
    windows, composed = look_at(tmp_path, names)["expected"]
    assert "with / between folders" in windows
    assert "accents" in composed


def test_a_link_out_of_the_folder_is_a_fault_and_one_within_it_is_not(tmp_path: Path) -> None:
    picture(tmp_path / "outside.png")
    folder = tmp_path / "drop"
    picture(folder / "a.png")
    (folder / "out.png").symlink_to(tmp_path / "outside.png")
    (folder / "in.png").symlink_to(folder / "a.png")
    found = dict(look_at(folder, ["out.png", "in.png"]).select("image", "fault").iter_rows())
    assert found["in.png"] is None
    assert "leads out" in str(found["out.png"])


def test_two_spellings_of_a_path_are_one_image() -> None:
    assert plain("./x//b.png") == plain("x/b.png") == "x/b.png"
