"""The folders of an inbox: what counts as a manifest, and how it is moved."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from syncd.ingest.inbox.faults import InboxError
from syncd.ingest.inbox.stages import claim, claimed, finish, manifests, name_of

AT = datetime(2026, 11, 23, 9, 30, tzinfo=timezone.utc)


def write(path: Path, text: str = "text") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def files(folder: Path) -> list[str]:
    return sorted(each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file())


def test_only_whole_names_in_the_inbox_and_the_folders_in_it_are_manifests(tmp_path: Path) -> None:
    wanted = {"a.csv", "B.PARQUET", "station 7/c.csv"}
    others = (".d.csv", "e.csv.part", "f.part.csv", "~g.csv", "done/x/h.csv", "rejected/i.csv", ".working/j/k.csv")
    for name in (*wanted, *others, "deep/er/l.csv", "m.txt", "n.tmp.csv", ".hidden/o.csv"):
        write(tmp_path / name)
    (tmp_path / "link.csv").symlink_to(tmp_path / "a.csv")
    assert {each.relative_to(tmp_path).as_posix() for each in manifests(tmp_path)} == wanted
    assert name_of(tmp_path, tmp_path / "station 7/c.csv") == "station 7/c"


def test_an_inbox_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InboxError, match="nowhere") as raised:
        manifests(tmp_path / "nowhere")
    assert "ingest.inbox" in str(raised.value.remedy)


def test_a_claimed_manifest_is_found_again_and_moved_with_its_images(tmp_path: Path) -> None:
    manifest = write(tmp_path / "drop/a.csv")
    write(tmp_path / "drop/images/1.png")
    assert claim(tmp_path, manifest, AT) is not None
    assert manifests(tmp_path) == []
    [one] = claimed(tmp_path)
    assert (one.rejected, one.origin) == (False, tmp_path / "drop")
    moved = finish(tmp_path, one, ["images/1.png", "images/gone.png"], ())
    assert moved == tmp_path / "done/a-20261123T093000Z"
    assert files(tmp_path) == [
        "done/a-20261123T093000Z/a.csv",
        "done/a-20261123T093000Z/images/1.png",
    ]
    assert not (tmp_path / "drop").exists()
    assert list(claimed(tmp_path)) == []


def test_a_report_sends_it_to_rejected_under_a_name_of_its_own(tmp_path: Path) -> None:
    for _ in range(2):
        manifest = write(tmp_path / "a.csv")
        one = claim(tmp_path, manifest, AT, [("faults.csv", "row"), ("report.md", "# No")])
        assert one is not None
        assert one.rejected
        finish(tmp_path, one, [], ())
    assert files(tmp_path / "rejected") == [
        f"a-20261123T093000Z{number}/{name}" for number in ("-2", "") for name in ("a.csv", "faults.csv", "report.md")
    ]


def test_an_image_that_another_manifest_needs_is_copied(tmp_path: Path) -> None:
    manifest = write(tmp_path / "a.csv")
    write(tmp_path / "1.png", "picture")
    one = claim(tmp_path, manifest, AT)
    assert one is not None
    finish(tmp_path, one, ["1.png"], {"1.png"})
    assert (tmp_path / "1.png").read_text(encoding="utf-8") == "picture"
    assert (tmp_path / "done/a-20261123T093000Z/1.png").read_text(encoding="utf-8") == "picture"


def test_whoever_comes_second_finds_the_manifest_gone(tmp_path: Path) -> None:
    manifest = write(tmp_path / "a.csv")
    assert claim(tmp_path, manifest, AT) is not None
    assert claim(tmp_path, manifest, AT) is None
    assert len(list(claimed(tmp_path))) == 1


def test_a_process_that_died_before_the_claim_leaves_nothing_to_go_on_with(tmp_path: Path) -> None:
    write(tmp_path / ".working/a-20261123T093000Z/.origin.json", '{"folder": ".", "manifest": "a.csv"}')
    write(tmp_path / ".working/b/report.md")
    assert list(claimed(tmp_path)) == []
