"""When a manifest counts as having wholly arrived."""

from __future__ import annotations

import os
import time
from pathlib import Path

from inbox_lab import picture
from syncd.ingest.inbox.arrival import Arrivals, Patience

SETTLE = 0.05
COLUMNS = frozenset(("image",))


def arrivals(**patience: float) -> Arrivals:
    return Arrivals(COLUMNS, Patience(**({"settle_s": SETTLE} | patience)))


def settled(seen: Arrivals, manifest: Path) -> str | None:
    """What is waited for, after two looks that are far enough apart."""
    seen.look(manifest)
    time.sleep(SETTLE * 1.5)
    return seen.look(manifest).waiting


def manifest_of(folder: Path, text: str = "image,label\na.png,Copepoda\n") -> Path:
    path = folder / "station7.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_one_look_is_never_enough(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    manifest, seen = manifest_of(tmp_path), arrivals()
    first = seen.look(manifest)
    assert (first.waiting, first.soon) == ("it may still be being written", True)
    time.sleep(SETTLE * 1.5)
    assert seen.look(manifest).waiting is None


def test_every_change_of_size_or_time_begins_the_wait_anew(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    manifest, seen = manifest_of(tmp_path), arrivals()
    assert settled(seen, manifest) is None
    os.utime(manifest, (1, 1))
    assert seen.look(manifest).waiting is not None
    assert settled(seen, manifest) is None
    manifest_of(tmp_path, "image,label\na.png,Copepoda\na.png,Diatom\n")
    assert seen.look(manifest).waiting is not None


def test_a_csv_file_without_its_last_line_break_is_waited_for_longer(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    manifest = manifest_of(tmp_path, "image,label\na.png,Cope")
    assert settled(arrivals(longer_s=60.0), manifest) == "its end has not arrived"
    assert settled(arrivals(longer_s=SETTLE), manifest) is None


def test_a_parquet_file_without_its_footer_is_waited_for_until_the_grace_is_over(tmp_path: Path) -> None:
    manifest = tmp_path / "a.parquet"
    manifest.write_bytes(b"PAR1 the beginning")
    assert settled(arrivals(longer_s=0.0), manifest) == "its end has not arrived"
    assert settled(arrivals(grace_s=0.0), manifest) is None


def test_images_are_waited_for_until_they_are_there_and_do_not_change(tmp_path: Path) -> None:
    manifest, seen = manifest_of(tmp_path), arrivals()
    assert settled(seen, manifest) == "1 of its 1 images have not arrived, such as a.png"
    picture(tmp_path / "a.png")
    assert seen.look(manifest).waiting == "1 of its images may still be being written"
    assert settled(seen, manifest) is None
    picture(tmp_path / "a.png", size=(50, 50))
    assert seen.look(manifest).waiting == "1 of its images may still be being written"


def test_after_the_time_of_grace_missing_images_are_not_waited_for(tmp_path: Path) -> None:
    assert settled(arrivals(grace_s=0.0), manifest_of(tmp_path)) is None


def test_a_manifest_that_was_copied_with_an_old_time_is_a_new_one(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path)
    os.utime(manifest, (1, 1))
    assert settled(arrivals(grace_s=60.0), manifest) is not None


def test_what_is_gone_is_forgotten(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    manifest, seen = manifest_of(tmp_path), arrivals()
    assert settled(seen, manifest) is None
    manifest.unlink()
    assert seen.look(manifest).waiting == "it is gone again"
    seen.forget_unseen(time.monotonic())
    manifest_of(tmp_path)
    assert seen.look(manifest).soon


def test_images_outside_of_the_folder_are_left_to_the_check(tmp_path: Path) -> None:
    assert settled(arrivals(), manifest_of(tmp_path, "image,label\n../a.png,Copepoda\n")) is None
