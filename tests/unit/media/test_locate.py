"""From the media column to a place: what is inside the root, what is not, and that nothing is guessed."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import polars as pl
import pytest

from syncd.config import S3Prefix
from syncd.ingest.media.locate import locate

PREFIX = S3Prefix("lab-media", "cruise/")


def where(key: str | None, root: Path | S3Prefix | None) -> tuple[str | None, str | None]:
    row = locate(pl.Series([key], dtype=pl.String), root).row(0, named=True)
    assert row["key"] == key
    assert (row["location"] is None) != (row["fault"] is None)
    return row["location"], row["fault"]


@pytest.mark.parametrize(
    "key",
    ["a.png", "m 106/a b.png", "é.png", "100%.png", "a#1.png", "what?.png", "a+b.png", "%20.png", "a..b.png", ".x.png"],
)
def test_relative_keys_start_at_the_root_letter_by_letter(key: str) -> None:
    assert where(key, Path("/data")) == (f"/data/{key}", None)
    assert where(key, PREFIX) == (f"s3://lab-media/cruise/{key}", None)
    assert where(f"/data/{key}", Path("/data")) == (f"/data/{key}", None)
    assert where(f"s3://lab-media/cruise/{key}", PREFIX) == (f"s3://lab-media/cruise/{key}", None)
    assert where(f"/anywhere/{key}", None) == (f"/anywhere/{key}", None)
    assert where(f"s3://other-bucket/{key}", None) == (f"s3://other-bucket/{key}", None)


def test_letters_composed_and_decomposed_are_two_names() -> None:
    composed, decomposed = (unicodedata.normalize(form, "é.png") for form in ("NFC", "NFD"))
    found = locate(pl.Series([composed, decomposed]), Path("/data"))["location"]
    assert found.to_list() == [f"/data/{composed}", f"/data/{decomposed}"]
    assert found.n_unique() == 2


@pytest.mark.parametrize("key", ["../a.png", "x/../../a.png", "/etc/passwd", "/database/a.png", "s3://lab-media/a.png"])
def test_what_leaves_a_folder_lies_outside(key: str) -> None:
    location, fault = where(key, Path("/data"))
    assert location is None
    assert fault == f"{key} lies outside the media root /data."


@pytest.mark.parametrize(
    "key", ["../a.png", "x/../a.png", "/a.png", "s3://lab-media/a.png", "s3://lab-media/cruise/../a.png", "s3://oth/a"]
)
def test_what_leaves_a_prefix_lies_outside(key: str) -> None:
    assert where(key, PREFIX) == (None, f"{key} lies outside the media root s3://lab-media/cruise/.")


@pytest.mark.parametrize(("key", "location"), [("x/../a.png", "a.png"), ("./a.png", "a.png"), ("x//a.png", "x/a.png")])
def test_detours_within_a_folder_are_straightened(key: str, location: str) -> None:
    assert where(key, Path("/data")) == (f"/data/{location}", None)


@pytest.mark.parametrize("key", ["x//a.png", "x/./a.png"])
def test_the_keys_of_s3_are_no_paths(key: str) -> None:
    assert where(key, PREFIX) == (f"s3://lab-media/cruise/{key}", None)
    assert where(f"s3://lab-media/cruise/{key}", PREFIX) == (f"s3://lab-media/cruise/{key}", None)


@pytest.mark.parametrize("key", ["gs://b/a.png", "http://host/a.png", "file:///data/a.png"])
@pytest.mark.parametrize("root", [Path("/data"), PREFIX, None])
def test_other_schemes_are_not_read(key: str, root: Path | S3Prefix | None) -> None:
    fault = where(key, root)[1]
    assert fault is not None
    assert fault.endswith("of remote places only s3:// is read.")


@pytest.mark.parametrize("key", [None, ""])
def test_a_row_may_name_no_media(key: str | None) -> None:
    assert where(key, Path("/data")) == (None, "The row names no media.")


@pytest.mark.parametrize(
    ("key", "root"),
    [
        *(("x/", Path("/data")), (".", Path("/data")), ("/data", Path("/data")), ("/", None), ("s3://bucket", None)),
        *(("s3://bucket/x/", None), ("x/", PREFIX), ("s3://", None)),
    ],
)
def test_folders_are_no_media(key: str, root: Path | S3Prefix | None) -> None:
    fault = where(key, root)[1]
    assert fault is not None
    assert "names a folder" in fault or "names no object" in fault


def test_without_a_root_relative_paths_lead_nowhere() -> None:
    fault = where("x/a.png", None)[1]
    assert fault == "x/a.png is a relative path, and the binding has no `ingest.media` to start from."


def test_a_nul_character_is_a_fault() -> None:
    assert where("a\0.png", Path("/data"))[1] == "'a\\x00.png' holds a NUL character."


def test_a_root_that_is_a_link_is_the_same_root_as_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    root = tmp_path / "media"
    root.symlink_to(tmp_path / "disk")
    assert where(str(tmp_path / "disk" / "a.png"), root) == (str(root / "a.png"), None)
    assert where("a.png", root) == (str(root / "a.png"), None)


def test_order_and_repetition_are_kept() -> None:
    keys = ["b.png", None, "../x", "b.png", "a.png", "../x"]
    found = locate(pl.Series(keys), Path("/data"))
    assert found["key"].to_list() == keys
    assert found["location"].to_list() == ["/data/b.png", None, None, "/data/b.png", "/data/a.png", None]
    assert found["fault"].is_null().to_list() == [True, False, False, True, True, False]


def test_no_keys_give_no_rows() -> None:
    found = locate(pl.Series([], dtype=pl.String), Path("/data"))
    assert found.schema == {"key": pl.String, "location": pl.String, "fault": pl.String}
    assert found.is_empty()
