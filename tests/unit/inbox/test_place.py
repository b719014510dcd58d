"""Images are put where they belong, with the rights of any new file there, whatever other threads do meanwhile."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

import polars as pl
import pytest

from syncd.ingest.inbox.place import Folder, put_all


def images(tmp_path: Path, root: Path, count: int) -> pl.DataFrame:
    rows = []
    for index in range(count):
        path = tmp_path / f"{index}.png"
        path.write_bytes(bytes([index]) * 5_000)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        rows.append({"path": str(path), "sha256": digest, "location": f"{root}/drop/{index}.png"})
    return pl.DataFrame(rows)


@pytest.mark.parametrize("mask", [0o022, 0o002, 0o027, 0o077])
def test_an_image_gets_the_rights_that_the_umask_gives_and_nobody_changes_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mask: int
) -> None:
    root = tmp_path / "media"
    root.mkdir()
    wanted = images(tmp_path, root, 40)
    before = os.umask(mask)
    changed: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(os, "umask", lambda new: changed.append(new) or mask)
        put_all(Folder(root), wanted, lambda _: None)
    assert os.umask(before) == mask
    assert changed == []
    modes = {stat.S_IMODE(Path(each).stat().st_mode) for each in wanted["location"]}
    assert modes == {0o666 & ~mask}
    assert sorted(each.name for each in (root / "drop").iterdir()) == sorted(f"{index}.png" for index in range(40))


def test_a_copy_that_cannot_be_finished_leaves_nothing(tmp_path: Path) -> None:
    root = tmp_path / "media"
    root.mkdir()
    (row,) = images(tmp_path, root, 1).to_dicts()
    with pytest.raises(Exception, match="changed while it was being copied"):
        Folder(root).put(row["path"], "another digest", row["location"])
    assert list((root / "drop").iterdir()) == []
