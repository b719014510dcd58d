"""Cutting crops out of frames that are damaged, or larger than Pillow takes of strangers."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import polars as pl
import pytest
from PIL import Image

from syncd.errors import SyncdError
from syncd.ingest.crops import Knife, cut
from syncd.ingest.media.probe import ImageFacts, probe
from syncd.ingest.source import FRAME, FRAME_BOX


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def damaged(path: Path) -> None:
    """A PNG whose beginning and end are good; Pillow has a SyntaxError for what is between."""
    rows = zlib.compress(b"".join(b"\0" + bytes(range(40)) for _ in range(3000)), 0)
    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 40, 3000, 8, 0, 0, 0, 0))
    path.write_bytes(head + chunk(b"IDAT", rows[:70_000]) + b"\0\0\0\5\0\1\2\3" + rows[70_000:] + chunk(b"IEND", b""))


def frames(*paths: Path) -> pl.DataFrame:
    """The frames as they are fetched: the header was read."""
    rows = []
    for path in paths:
        facts = probe(str(path))
        assert isinstance(facts, ImageFacts)
        rows.append({"key": path.name, "path": str(path), "uri": None, "etag": None})
    return pl.DataFrame(rows, schema=dict.fromkeys(rows[0], pl.String))


def rows_of(*paths: Path) -> pl.DataFrame:
    """A row for each frame, named as the frame is."""
    rows = [(path.stem, path.stem, path.name, [0.0, 0.0, 0.25, 0.25]) for path in paths]
    table = pl.DataFrame(rows, schema=["annotation_id", "media", FRAME, FRAME_BOX], orient="row")
    return table.with_columns(pl.col(FRAME_BOX).cast(pl.List(pl.Float64)))


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.png"
    Image.new("L", (40, 20), 90).save(path)
    return path


def test_a_frame_that_is_damaged_in_the_middle_is_a_fault_of_its_rows_alone(tmp_path: Path, good: Path) -> None:
    bad = tmp_path / "bad.png"
    damaged(bad)
    media, faults = cut(Knife(tmp_path / "crops", 0.0), rows_of(good, bad), frames(good, bad))
    assert media["key"].to_list() == ["good"]
    assert faults.select("annotation_id", "kind").rows() == [("bad", "unusable media")]
    assert faults["reason"][0].startswith("bad.png: broken PNG file")


def test_a_frame_as_large_as_a_flatbeds_scan_is_cut(
    tmp_path: Path, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    media, faults = cut(Knife(tmp_path / "crops", 0.0), rows_of(good), frames(good))
    assert media.select("width", "height", "num_channels").rows() == [(10, 5, 1)]
    assert faults.is_empty()


def test_a_crop_that_a_power_failure_left_empty_is_cut_again(tmp_path: Path, good: Path) -> None:
    knife = Knife(tmp_path / "crops", 0.0)
    before, _ = cut(knife, rows_of(good), frames(good))
    Path(before["path"][0]).write_bytes(b"")
    again, faults = cut(knife, rows_of(good), frames(good))
    assert again.rows() == before.rows()
    assert faults.is_empty()


def test_a_folder_that_cannot_be_written_is_no_fault_of_the_frames(tmp_path: Path, good: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SyncdError, match=r"cannot be kept in .*file/crops: Not a directory"):
        cut(Knife(tmp_path / "file" / "crops", 0.0), rows_of(good), frames(good))
