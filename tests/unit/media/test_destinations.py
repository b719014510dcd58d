"""Each file becomes one object, whose key keeps its path; no two become the same."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.config import S3Prefix
from syncd.ingest.media.transfer import LONGEST_KEY, destinations

TO = S3Prefix("plankton", "highmag/")


def _files(*paths: str, **known: str) -> pl.DataFrame:
    return pl.DataFrame(
        {"path": list(paths), "known_uri": [known.get(path) for path in paths]},
        schema={"path": pl.String, "known_uri": pl.String},
    )


def _uris(files: pl.DataFrame, root: Path | None = None, media: S3Prefix | None = None) -> dict[str, str | None]:
    placed = destinations(files, TO, root, media)
    assert placed["path"].to_list() == files["path"].to_list()
    assert placed.filter(pl.col("uri").is_null() == pl.col("fault").is_null()).is_empty()
    return dict(placed.select("path", "uri").iter_rows())


def _faults(files: pl.DataFrame, root: Path | None = None) -> list[str | None]:
    return destinations(files, TO, root)["fault"].to_list()


def test_a_key_is_the_path_below_the_media_root() -> None:
    assert _uris(_files("/data/a.png", "/data/x/b c.png"), Path("/data")) == {
        "/data/a.png": "s3://plankton/highmag/a.png",
        "/data/x/b c.png": "s3://plankton/highmag/x/b c.png",
    }


def test_without_a_root_it_is_the_path_below_the_folder_that_all_share() -> None:
    assert _uris(_files("/data/x/a.png", "/data/xy/a.png")) == {
        "/data/x/a.png": "s3://plankton/highmag/x/a.png",
        "/data/xy/a.png": "s3://plankton/highmag/xy/a.png",
    }
    assert _uris(_files("/data/x/a.png")) == {"/data/x/a.png": "s3://plankton/highmag/a.png"}
    assert _uris(_files("/a.png", "/b/a.png"))["/b/a.png"] == "s3://plankton/highmag/b/a.png"


def test_a_root_behind_a_link_counts_too(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "link").symlink_to(real)

    uris = _uris(_files(f"{tmp_path}/link/a.png", f"{real}/b.png"), tmp_path / "link")

    assert list(uris.values()) == ["s3://plankton/highmag/a.png", "s3://plankton/highmag/b.png"]


@pytest.mark.parametrize("path", ["/elsewhere/a.png", "/database/a.png"])
def test_what_lies_outside_the_root_is_a_fault(path: str) -> None:
    assert _faults(_files(path), Path("/data")) == [f"{path} lies outside the media root /data/."]


@pytest.mark.parametrize("path", ["a.png", "/data/../etc/passwd", "/data/./a.png", "/data//a.png", "/data/.."])
def test_a_path_that_is_not_plain_is_a_fault(path: str) -> None:
    assert _faults(_files(path), Path("/data")) == [f"{path} is no plain absolute path."]


def test_a_uri_from_an_earlier_call_is_kept_whatever_the_root_is_now() -> None:
    path = "/data/x/a.png"

    assert _uris(_files(path, **{path: "s3://plankton/highmag/y/x/a.png"})) == {path: "s3://plankton/highmag/y/x/a.png"}
    assert _uris(_files(path, **{path: "s3://plankton/other/a.png"})) == {path: "s3://plankton/highmag/a.png"}


def test_media_that_came_from_s3_keep_their_key_below_the_prefix_that_they_came_from() -> None:
    path = "/cache/plankton/raw/d1/a.0123456789abcdef.png"
    files = _files(path, **{path: "s3://raw/images/d1/a.png"})

    assert _uris(files, media=S3Prefix("raw", "images/")) == {path: "s3://plankton/highmag/d1/a.png"}


def test_two_files_never_become_one_object() -> None:
    one, two = "/data/a.png", "/data/b.png"
    files = _files(one, two, **{one: "s3://plankton/highmag/b.png"})

    assert _faults(files, Path("/data")) == [
        f"{path} would become the same object as another file: s3://plankton/highmag/b.png." for path in (one, two)
    ]


def test_a_key_longer_than_s3_takes_is_a_fault() -> None:
    fits = "/data/" + "é" * ((LONGEST_KEY - len(TO.prefix)) // 2)

    assert _faults(_files(fits, fits + "é"), Path("/data"))[0] is None
    assert "S3 takes 1024" in str(_faults(_files(fits, fits + "é"), Path("/data"))[1])


def test_nothing_to_upload_is_nothing() -> None:
    assert destinations(_files(), TO, None).is_empty()


NAMES = st.text(st.characters(blacklist_characters="/\0", blacklist_categories=("Cs",)), min_size=1, max_size=5).filter(
    lambda name: name not in (".", "..")
)


@given(st.sets(st.lists(NAMES, min_size=1, max_size=3).map(lambda parts: "/r/" + "/".join(parts)), max_size=8))
def test_whatever_the_names_every_file_has_an_object_of_its_own(paths: set[str]) -> None:
    for root in (None, Path("/r")):
        uris = list(_uris(_files(*sorted(paths)), root).values())
        assert None not in uris
        assert len(set(uris)) == len(paths)
